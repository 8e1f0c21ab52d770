import { createIndexUncommitted, trainIndexModel } from "../index/build.ts";
import { commitExistingIndexSegments } from "../index/commit.ts";
import { createIndex } from "../index/create-index.ts";
import {
  describeIndices,
  getCommittedSegments,
  getIndexStatistics,
  type IndexDescription,
  type IndexStatistics,
} from "../index/describe.ts";
import { dropIndex } from "../index/drop-index.ts";
import { type MergeOptions, mergeExistingIndexSegments } from "../index/merge.ts";
import { checkCallOptions } from "../index/params.ts";
import { budgetParts } from "../index/part-budgets.ts";
import { planBuildTasks } from "../index/plan-tasks.ts";
import { prewarmSegments } from "../index/search.ts";
import type { BuildTask, IndexSegment, TrainedModel } from "../index/segment.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { DatasetReads } from "./dataset-reads.ts";
import {
  type CreateIndexOptions,
  type CreateIndexUncommittedOptions,
  type PlanIndexBuildOptions,
  splitIndexOptions,
} from "./index-options.ts";

/** Indexes as sets of segments: the part of a {@link Dataset} that builds, describes and publishes them. */
export class DatasetIndexes extends DatasetReads {
  /**
   * Makes a vector index: plans one segment per worker, trains what they share, builds them on the pool and publishes
   * them in one transaction. A failed or cancelled build leaves the table as it was.
   * @param indexType `IVF_FLAT` (vectors as they are: columns of float, halffloat and double by l2, cosine or dot; of
   *   uint8 by hamming); `IVF_SQ` (a byte a value), `IVF_PQ` (a code for some values), `IVF_RQ` (a few bits a value):
   *   floats only, give `refineFactor` to searches for exact distances; `IVF_HNSW_FLAT`, `IVF_HNSW_SQ`, `IVF_HNSW_PQ`
   *   (graphs over them)
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, ALREADY_EXISTS, COMMIT_CONFLICT, QUOTA_EXCEEDED,
   *   WORKER_FAILED, ABORTED, IO
   * @example
   * await dataset.createIndex("vector", "IVF_FLAT", { metric: "cosine", numWorkers: 4 });
   */
  async createIndex(column: string, indexType: string, options: CreateIndexOptions = {}): Promise<IndexSegment[]> {
    const { control, params } = splitIndexOptions(options, "createIndex");
    const onCommitted = (snapshot: Snapshot): void => this.handle.moveTo(snapshot);
    const shared = { ...this.handle.defaults(), ...control, params, onCommitted };
    const created = await createIndex(this.handle.snapshot, column, indexType, shared);
    return [...created.segments];
  }

  /** The same for a scalar index. @param indexType `BTREE` */
  async createScalarIndex(
    column: string,
    indexType: string,
    options: CreateIndexOptions = {},
  ): Promise<IndexSegment[]> {
    return this.createIndex(column, indexType, options);
  }

  /**
   * Trains what the segments of a distributed build share, and stores it as one immutable file. Without a shared model
   * segments can be committed together, but not merged.
   * @returns `null` for an index type that learns nothing
   */
  async trainIndexModel(
    column: string,
    indexType: string,
    options: Omit<CreateIndexUncommittedOptions, "model" | "fragmentIds"> & {
      readonly fragmentIds?: readonly number[];
    } = {},
  ): Promise<TrainedModel | null> {
    const { control, params } = splitIndexOptions(options, "trainIndexModel");
    return trainIndexModel(this.handle.snapshot, column, indexType, { ...this.handle.defaults(), ...control, params });
  }

  /**
   * Plans a distributed build: fragments in groups of about equal rows, one task each, as JSON that names the table by
   * URI and version and holds neither data nor credentials. Run each with `runBuildTask`, anywhere, any number of times.
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND (unknown fragment), UNSUPPORTED
   */
  async planIndexBuild(column: string, indexType: string, options: PlanIndexBuildOptions): Promise<BuildTask[]> {
    const { control, params } = splitIndexOptions(options, "planIndexBuild");
    return planBuildTasks(this.handle.snapshot, column, indexType, { ...control, params });
  }

  /** Builds one segment over some fragments, on one worker. The manifest is untouched. */
  async createIndexUncommitted(
    column: string,
    indexType: string,
    options: CreateIndexUncommittedOptions,
  ): Promise<IndexSegment> {
    const { control, params } = splitIndexOptions(options, "createIndexUncommitted");
    return createIndexUncommitted(this.handle.snapshot, column, indexType, {
      ...this.handle.defaults(),
      ...control,
      params,
    });
  }

  /**
   * Rewrites one group of segments, committed or not, into one new self-contained segment; its coverage is their union
   * and the sources stay. `planIndexMerge` proposes groups.
   * @throws SEGMENT_OVERLAP, SEGMENT_INCOMPATIBLE, UNSUPPORTED, NOT_FOUND, CORRUPT, WORKER_FAILED, ABORTED, IO
   */
  async mergeExistingIndexSegments(
    segments: readonly IndexSegment[],
    options: MergeOptions = {},
  ): Promise<IndexSegment> {
    return mergeExistingIndexSegments(this.handle.snapshot, segments, { ...this.handle.defaults(), ...options });
  }

  /**
   * Publishes segments as one logical index, in one transaction. Segments of the same name that they wholly cover are
   * replaced, disjoint ones stay.
   * @throws INVALID_ARGUMENT, SEGMENT_OVERLAP, SEGMENT_INCOMPATIBLE, NOT_FOUND, CORRUPT, COMMIT_CONFLICT, IO
   */
  async commitExistingIndexSegments(
    name: string,
    column: string,
    segments: readonly IndexSegment[],
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<void> {
    checkCallOptions("commitExistingIndexSegments", options, ["signal"]);
    this.handle.moveTo(await commitExistingIndexSegments(this.handle.snapshot, name, column, segments, options));
  }

  /** All logical indexes of this version. Reads nothing: the manifest says it all. */
  async describeIndices(): Promise<IndexDescription[]> {
    return describeIndices(this.handle.snapshot);
  }

  /** The committed segments of one index, as plain JSON. @throws INDEX_NOT_FOUND naming those there are */
  async indexSegments(name: string): Promise<IndexSegment[]> {
    return getCommittedSegments(this.handle.snapshot, name);
  }

  /** Figures of one index; opens each segment's header. @throws INDEX_NOT_FOUND naming those there are */
  async indexStatistics(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<IndexStatistics> {
    checkCallOptions("indexStatistics", options, ["signal"]);
    return getIndexStatistics(this.handle.snapshot, name, { pool: this.handle.searchPool(), ...options });
  }

  /** Takes an index out of the table in one transaction. Its files stay until a clean-up. @throws INDEX_NOT_FOUND */
  async dropIndex(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkCallOptions("dropIndex", options, ["signal"]);
    this.handle.moveTo(await dropIndex(this.handle.snapshot, name, options));
  }

  /** Reads what searches of an index would read, up to the memory budget. @throws INDEX_NOT_FOUND */
  async prewarmIndex(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    checkCallOptions("prewarmIndex", options, ["signal"]);
    const pool = this.handle.searchPool();
    const memoryBudgetBytes = budgetParts(this.handle.resources.memoryBudgetBytes);
    const segments = await getCommittedSegments(this.handle.snapshot, name);
    await prewarmSegments(this.handle.snapshot, segments, { pool, memoryBudgetBytes, ...options });
  }
}
