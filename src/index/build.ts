import { resolvePool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { deleteQuietly, requireWritable } from "../table/commit/publish.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { checkIndexName } from "./check-name.ts";
import { checkFragmentIds, checkModelShape } from "./check-shape.ts";
import { getColumnField } from "./fields.ts";
import { withGivenModel } from "./given-model.ts";
import { checkPoolOptions, type IndexParams } from "./params.ts";
import type { OnBuildProgress } from "./progress.ts";
import { canonicalIndexType, getFamilyByType } from "./registry.ts";
import { runTasks } from "./run-tasks.ts";
import type { BuildTask, IndexSegment, TrainedModel } from "./segment.ts";
import { getSegmentDirectory } from "./segment-path.ts";

/** What every call that uses the pool takes. */
export interface PoolOptions {
  readonly pool?: WorkerPool | undefined;
  /** Bytes of memory builds may use, over all workers. Default 256 MiB. */
  readonly memoryBudgetBytes?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnBuildProgress | undefined;
}

export const POOL_OPTIONS: readonly string[] = [
  "pool",
  "memoryBudgetBytes",
  "signal",
  "onProgress",
] satisfies (keyof PoolOptions)[];

/** One segment to build. */
export interface UncommittedIndexOptions extends PoolOptions {
  /** Name the segment is meant for. Default `{column}_idx`. */
  readonly name?: string | undefined;
  /** Fragments whose rows it holds. */
  readonly fragmentIds: readonly number[];
  /** Parameters of the index type, as `metric` or `numPartitions`. */
  readonly params?: IndexParams | undefined;
  /** What the segments share, from {@link trainIndexModel}; absent: this one learns for itself. */
  readonly model?: TrainedModel | null | undefined;
}

/** Memory one build may use where nothing else is told. */
export const DEFAULT_MEMORY_BUDGET_BYTES = 256 * 2 ** 20;

/**
 * Builds one segment over some fragments on one worker. The manifest is untouched: commit the segment with
 * `commitExistingIndexSegments`.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND (unknown fragment), UNSUPPORTED, QUOTA_EXCEEDED, WORKER_FAILED, ABORTED, IO
 */
export async function createIndexUncommitted(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: UncommittedIndexOptions,
): Promise<IndexSegment> {
  checkPoolOptions(options);
  checkFragmentIds("createIndexUncommitted: fragmentIds", options.fragmentIds);
  checkModelShape(options.model);
  const name = options.name ?? getDefaultName(column);
  return withGivenModel(snapshot, { column, indexType }, options, async (plain) => {
    const { pool, owned } = resolvePool({ pool: options.pool, ownedWorkers: 1 });
    try {
      const memoryBudgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
      const task = await createBuildTask(snapshot, column, indexType, {
        ...options,
        ...plain,
        name,
        memoryBudgetBytes,
      });
      const planned = { kind: "build", task: { ...task }, fragmentIds: task.fragmentIds } as const;
      const { signal, onProgress } = options;
      return await runSegmentTask(snapshot, planned, { indexName: name, pool, signal, onProgress });
    } finally {
      if (owned) await pool.close();
    }
  });
}

/** Runs one task that makes a segment; when it fails or is cancelled, nothing of it is left. */
export async function runSegmentTask(
  snapshot: Snapshot,
  planned: Parameters<typeof runTasks>[1][number],
  options: Parameters<typeof runTasks>[2],
): Promise<IndexSegment> {
  const { results, error } = await runTasks<IndexSegment>(snapshot, [planned], options);
  if (!error) return results[0]!;
  await deleteSegments(
    snapshot,
    results.filter((segment) => segment !== undefined),
  );
  throw error;
}

/**
 * Trains what the segments of a distributed build share (for IVF the centroids) and stores it as one immutable file.
 * Without a shared model segments can be committed together, but not merged.
 * @returns `null` for an index type that learns nothing
 * @throws as {@link createIndexUncommitted}
 */
export async function trainIndexModel(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: Omit<UncommittedIndexOptions, "model" | "fragmentIds"> & { readonly fragmentIds?: readonly number[] } = {},
): Promise<TrainedModel | null> {
  checkPoolOptions(options);
  const family = await getFamilyByType(indexType);
  const name = options.name ?? getDefaultName(column);
  const fragmentIds = options.fragmentIds ?? snapshot.fragments.map((fragment) => fragment.id);
  const memoryBudgetBytes = options.memoryBudgetBytes ?? DEFAULT_MEMORY_BUDGET_BYTES;
  const { params, signal, onProgress } = options;
  return withGivenModel(snapshot, { column, indexType }, { params, signal }, async (plain) => {
    const wanted = { ...options, ...plain, name, fragmentIds, memoryBudgetBytes };
    const task = await createBuildTask(snapshot, column, indexType, wanted);
    if (!family.train) return null;
    const { pool, owned } = resolvePool({ pool: options.pool, ownedWorkers: 1 });
    try {
      const planned = { kind: "train", task: { ...task }, fragmentIds } as const;
      const { results, error } = await runTasks<TrainedModel>(snapshot, [planned], {
        indexName: name,
        pool,
        signal,
        onProgress,
      });
      if (error) {
        await deleteQuietly(requireWritable(snapshot.store, snapshot.uri), results[0] ? [results[0].path] : []);
        throw error;
      }
      return results[0]!;
    } finally {
      if (owned) await pool.close();
    }
  });
}

/**
 * The task of one segment as plain JSON, checked before it travels: it names the table by URI and version, and holds
 * neither data nor credentials.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND, UNSUPPORTED
 */
export async function createBuildTask(
  snapshot: Snapshot,
  column: string,
  indexType: string,
  options: {
    readonly name: string;
    readonly fragmentIds: readonly number[];
    readonly params?: IndexParams | undefined;
    readonly model?: TrainedModel | null | undefined;
    readonly memoryBudgetBytes: number;
  },
): Promise<BuildTask> {
  checkIndexName(options.name);
  checkPoolOptions({ memoryBudgetBytes: options.memoryBudgetBytes });
  checkFragmentIds("fragmentIds", options.fragmentIds);
  checkModelShape(options.model);
  requireWritable(snapshot.store, snapshot.uri);
  const field = getColumnField(snapshot, column);
  const family = await getFamilyByType(indexType);
  const fragments = options.fragmentIds.map((id) => getFragment(snapshot, id));
  const numRows = fragments.reduce((sum, fragment) => sum + fragment.numRows, 0);
  family.resolveParams(field, options.params ?? {}, numRows);
  return {
    uri: snapshot.uri,
    version: snapshot.version,
    column,
    indexType: canonicalIndexType(indexType),
    name: options.name,
    params: { ...options.params },
    fragmentIds: [...new Set(options.fragmentIds)].sort((a, b) => a - b),
    model: options.model ?? null,
    memoryBudgetBytes: options.memoryBudgetBytes,
  };
}

/** Name of an index that was given none. */
export function getDefaultName(column: string): string {
  return `${column}_idx`;
}

/** Paths of the files of segments, as the store knows them. */
export function listSegmentFiles(segments: readonly IndexSegment[]): string[] {
  return segments.flatMap(({ uuid, files }) => (files ?? []).map(({ path }) => `${getSegmentDirectory(uuid)}/${path}`));
}

/** Removes the files of segments that no manifest names. Best effort: what stays is invisible. */
export async function deleteSegments(snapshot: Snapshot, segments: readonly IndexSegment[]): Promise<void> {
  await deleteQuietly(requireWritable(snapshot.store, snapshot.uri), listSegmentFiles(segments));
}
