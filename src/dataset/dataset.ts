import type { Schema, Table } from "apache-arrow";
import { toArrowSchema } from "../format/arrow-schema.ts";
import { createIndexUncommitted, trainIndexModel } from "../index/build.ts";
import { commitExistingIndexSegments } from "../index/commit.ts";
import { createIndex } from "../index/create-index.ts";
import {
  describeIndices,
  dropIndex,
  getCommittedSegments,
  getIndexStatistics,
  type IndexDescription,
  type IndexStatistics,
} from "../index/describe.ts";
import { type MergeOptions, mergeExistingIndexSegments } from "../index/merge.ts";
import { planBuildTasks } from "../index/plan-tasks.ts";
import { prewarmSegments } from "../index/search.ts";
import type { BuildTask, IndexSegment, TrainedModel } from "../index/segment.ts";
import { getGlobalPool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import type { ScannerOptions } from "../query/scan-options.ts";
import { Scanner, type ScannerEnvironment } from "../query/scanner.ts";
import { type TakeOptions, takeOffsets, takeRowIds } from "../query/take.ts";
import { type TakeBlobsOptions, takeBlobs } from "../query/take-blobs.ts";
import { openStore } from "../store/open-store.ts";
import type { Store } from "../store/store.ts";
import { closeBases } from "../store/with-bases.ts";
import type { BlobFile } from "../table/blob-file.ts";
import { createBranch } from "../table/refs/create-branch.ts";
import { MAIN_BRANCH } from "../table/refs/ref-names.ts";
import { openReference, type VersionReference } from "../table/refs/reference.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { listVersions, type VersionInfo } from "../table/versions.ts";
import { type AddColumnsOptions, addColumns, type NewColumns } from "../write/add-columns.ts";
import { alterColumns, type ColumnAlteration } from "../write/alter-columns.ts";
import { type CleanupOptions, type CleanupStats, cleanupOldVersions } from "../write/cleanup/cleanup-versions.ts";
import { type CopyOptions, copyTable } from "../write/copy-table.ts";
import { deleteWhere } from "../write/delete-where.ts";
import { dropColumns } from "../write/drop-columns.ts";
import type { TabularData } from "../write/input.ts";
import { type InsertOptions, insertRows } from "../write/insert-rows.ts";
import { mergeInsert } from "../write/merge-insert/merge-insert.ts";
import { restoreVersion } from "../write/restore-version.ts";
import type { ConflictOptions } from "../write/retry-conflicts.ts";
import { type MetadataChanges, type MetadataOptions, readMetadata, updateMetadata } from "../write/update-config.ts";
import { type UpdateResult, type UpdateRowsOptions, type UpdateSpec, updateRows } from "../write/update-rows.ts";
import { DatasetBranches } from "./branches.ts";
import {
  type CreateIndexOptions,
  type CreateIndexUncommittedOptions,
  type PlanIndexBuildOptions,
  splitIndexOptions,
} from "./index-options.ts";
import { MergeInsertBuilder } from "./merge-insert.ts";
import { DatasetOptimizer } from "./optimize.ts";
import { OwnPool } from "./own-pool.ts";
import { DatasetTags } from "./tags.ts";
import { type WatchOptions, watchVersions } from "./watch-versions.ts";

/** What a dataset holds beside its version. */
export interface DatasetResources {
  readonly store: Store;
  /** Whether `close` closes the store. */
  readonly ownsStore: boolean;
  readonly pool: WorkerPool | undefined;
  readonly memoryBudgetBytes: number;
}

/**
 * A Lance table at one version. Writes move this handle to the version they made; a running scanner keeps its own;
 * `checkoutVersion` gives a new handle. Close it when done.
 */
export class Dataset {
  readonly #resources: DatasetResources;
  readonly #ownPool = new OwnPool();
  readonly #closed = new AbortController();
  #snapshot: Snapshot;

  constructor(snapshot: Snapshot, resources: DatasetResources) {
    this.#snapshot = snapshot;
    this.#resources = resources;
  }

  /** Where the table is. */
  get uri(): string {
    return this.#snapshot.uri;
  }

  /** The version this handle reads. */
  get version(): number {
    return this.#snapshot.version;
  }

  /**
   * Whether the table's host could not be reached when this version was chosen: it is the newest one kept on this
   * device, and newer ones may exist.
   */
  get offline(): boolean {
    return this.#snapshot.offline === true;
  }

  /** The branch this handle is on; `main` is the one a table starts with. */
  get branch(): string {
    return this.#snapshot.manifest.branch || MAIN_BRANCH;
  }

  /** Names for versions. */
  get tags(): DatasetTags {
    return new DatasetTags(() => this.#snapshot);
  }

  /** Lines of versions beside the main one. */
  get branches(): DatasetBranches {
    return new DatasetBranches(() => this.#snapshot);
  }

  /** The columns, as Arrow. */
  get schema(): Schema {
    return toArrowSchema(this.#snapshot.schema);
  }

  /** Ids of the fragments, ascending. */
  get fragmentIds(): number[] {
    return this.#snapshot.fragments.map((fragment) => fragment.id);
  }

  /** Rows of this version, or those `filter` is true for. Without a filter nothing is read. */
  async countRows(filter?: string, options: { readonly signal?: AbortSignal } = {}): Promise<number> {
    return this.scanner({ filter, ...options }).countRows();
  }

  /**
   * A question to this version of the table.
   * @example
   * const nearest = await dataset.scanner({ nearest: { column: "vector", q, k: 10 }, filter: "year > 2000" }).toTable();
   */
  scanner(options: ScannerOptions = {}): Scanner {
    const { memoryBudgetBytes } = this.#resources;
    return new Scanner(this.#snapshot, options, { pool: options.pool ?? this.#searchPool(), memoryBudgetBytes });
  }

  /** `scanner(options).toTable()`. */
  async toTable(options: ScannerOptions = {}): Promise<Table> {
    return this.scanner(options).toTable();
  }

  /**
   * Rows by position among the live rows, in the order asked for, repeats included.
   * @throws INVALID_ARGUMENT for a position outside of the table
   */
  async take(indices: ArrayLike<number>, options: TakeOptions = {}): Promise<Table> {
    return takeOffsets(this.#snapshot, indices, options);
  }

  /** Rows by `_rowid`, in the order asked for, repeats included. @throws NOT_FOUND naming the first that is gone */
  async takeRows(rowIds: ArrayLike<bigint | number>, options: TakeOptions = {}): Promise<Table> {
    return takeRowIds(this.#snapshot, rowIds, options);
  }

  /**
   * The blobs of some rows, without their bytes: those are read on demand. `null` where a row has none.
   * @param column a blob column, or `a.b` for one in a struct
   * @example
   * const [video] = await dataset.takeBlobs("video", { indices: [0] });
   * const head = await video?.readRange(0, 4096);
   * @throws INVALID_ARGUMENT, NOT_FOUND, CORRUPT, UNSUPPORTED, IO, ABORTED
   */
  async takeBlobs(column: string, options: TakeBlobsOptions): Promise<(BlobFile | null)[]> {
    return takeBlobs(this.#snapshot, column, options);
  }

  /**
   * Appends rows in one commit, or replaces all of them (`mode: "overwrite"`). Columns are matched by name.
   * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; nothing is then left
   */
  async insert(data: TabularData, options: InsertOptions = {}): Promise<void> {
    this.#moveTo(await insertRows(this.#snapshot, data, options));
  }

  /**
   * Changes rows in one commit: `values` are the same for every row, `valuesSql` are expressions over the old row.
   * @example
   * await dataset.update({ where: "size IS NULL", values: { size: 0 }, valuesSql: { name: "upper(name)" } });
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED; the table is
   * then as it was
   */
  async update(spec: UpdateSpec, options?: UpdateRowsOptions): Promise<UpdateResult> {
    const { snapshot, result } = await updateRows(this.#snapshot, spec, this.#environment(), options);
    this.#moveTo(snapshot);
    return result;
  }

  /**
   * Merges rows into the table by key: update, insert and delete, arm by arm, in one commit.
   * @param on names of the key columns; none = the table's primary key
   * @example
   * await dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(rows);
   */
  mergeInsert(on: string | readonly string[] = []): MergeInsertBuilder {
    return new MergeInsertBuilder(
      async (spec, data, options) => {
        const { snapshot, result } = await mergeInsert(this.#snapshot, spec, data, this.#environment(), options);
        this.#moveTo(snapshot);
        return result;
      },
      { on: typeof on === "string" ? [on] : [...on] },
    );
  }

  /**
   * Deletes the rows `predicate` is true for, in one commit.
   * @returns how many were deleted
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, COMMIT_CONFLICT { retryable }, IO, ABORTED; the table is then as it was
   */
  async delete(predicate: string, options?: ConflictOptions): Promise<number> {
    const result = await deleteWhere(this.#snapshot, predicate, this.#environment(), options);
    this.#moveTo(result.snapshot);
    return result.numDeletedRows;
  }

  /**
   * Adds columns: SQL expressions by name, Arrow fields (null in every row), or a function over batches.
   * @example
   * await dataset.addColumns({ twice: "size * 2" });
   * await dataset.addColumns((batch) => embed(batch), { readColumns: ["text"] });
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async addColumns(columns: NewColumns, options?: AddColumnsOptions): Promise<void> {
    this.#moveTo(await addColumns(this.#snapshot, columns, options));
  }

  /**
   * Renames columns, lets them be null or not, or casts them.
   * @example
   * await dataset.alterColumns([{ path: "size", rename: "bytes" }, { path: "user.age", dataType: new Int64() }]);
   * @throws INVALID_ARGUMENT, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async alterColumns(alterations: readonly ColumnAlteration[], options?: ConflictOptions): Promise<void> {
    this.#moveTo(await alterColumns(this.#snapshot, alterations, options));
  }

  /**
   * Takes columns, or fields of structs (`a.b`), out of the schema, with the indexes on them. Their data stays until a
   * compaction.
   * @throws INVALID_ARGUMENT, UNSUPPORTED, COMMIT_CONFLICT, IO, ABORTED
   */
  async dropColumns(paths: readonly string[], options?: ConflictOptions): Promise<void> {
    this.#moveTo(await dropColumns(this.#snapshot, paths, options));
  }

  /** The table's config: settings that writers heed, by key. */
  config(): Record<string, string> {
    return readMetadata(this.#snapshot, "config");
  }

  /** Text by key that users keep with the table. */
  tableMetadata(): Record<string, string> {
    return readMetadata(this.#snapshot, "tableMetadata");
  }

  /** Changes the config; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateConfig(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.#moveTo(await updateMetadata(this.#snapshot, "config", changes, options));
  }

  /** Takes keys out of the config. @throws COMMIT_CONFLICT, IO, ABORTED */
  async deleteConfigKeys(keys: readonly string[], options?: ConflictOptions): Promise<void> {
    const changes = Object.fromEntries(keys.map((key) => [key, null]));
    this.#moveTo(await updateMetadata(this.#snapshot, "config", changes, options));
  }

  /** Changes the table's metadata; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateTableMetadata(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.#moveTo(await updateMetadata(this.#snapshot, "tableMetadata", changes, options));
  }

  /** Changes the schema's metadata; `null` takes a key out. @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED */
  async updateSchemaMetadata(changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.#moveTo(await updateMetadata(this.#snapshot, "schemaMetadata", changes, options));
  }

  /**
   * Changes the metadata of one field; `null` takes a key out.
   * @param path a column, or a field in a struct: `a.b`
   * @throws INVALID_ARGUMENT, COMMIT_CONFLICT, IO, ABORTED
   */
  async updateFieldMetadata(path: string, changes: MetadataChanges, options?: MetadataOptions): Promise<void> {
    this.#moveTo(await updateMetadata(this.#snapshot, { field: path }, changes, options));
  }

  /**
   * Makes a vector index: plans one segment per worker, trains what they share, builds them on the pool and publishes
   * them in one transaction. A failed or cancelled build leaves the table as it was.
   * @param indexType `IVF_FLAT` (columns of float, halffloat and double by l2, cosine or dot; of uint8 by hamming) or
   *   `IVF_SQ` (a byte a value; floats only; give `refineFactor` to searches for exact distances)
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED, ALREADY_EXISTS, COMMIT_CONFLICT, QUOTA_EXCEEDED,
   *   WORKER_FAILED, ABORTED, IO
   * @example
   * await dataset.createIndex("vector", "IVF_FLAT", { metric: "cosine", numWorkers: 4 });
   */
  async createIndex(column: string, indexType: string, options: CreateIndexOptions = {}): Promise<IndexSegment[]> {
    const { control, params } = splitIndexOptions(options, "create");
    const onCommitted = (snapshot: Snapshot): void => this.#moveTo(snapshot);
    const shared = { ...this.#defaults(), ...control, params, onCommitted };
    const created = await createIndex(this.#snapshot, column, indexType, shared);
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
    const { control, params } = splitIndexOptions(options, "segment");
    return trainIndexModel(this.#snapshot, column, indexType, { ...this.#defaults(), ...control, params });
  }

  /**
   * Plans a distributed build: fragments in groups of about equal rows, one task each, as JSON that names the table by
   * URI and version and holds neither data nor credentials. Run each with `runBuildTask`, anywhere, any number of times.
   * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, NOT_FOUND (unknown fragment), UNSUPPORTED
   */
  async planIndexBuild(column: string, indexType: string, options: PlanIndexBuildOptions): Promise<BuildTask[]> {
    const { control, params } = splitIndexOptions(options, "plan");
    return planBuildTasks(this.#snapshot, column, indexType, { ...control, params });
  }

  /** Builds one segment over some fragments, on one worker. The manifest is untouched. */
  async createIndexUncommitted(
    column: string,
    indexType: string,
    options: CreateIndexUncommittedOptions,
  ): Promise<IndexSegment> {
    const { control, params } = splitIndexOptions(options, "segment");
    return createIndexUncommitted(this.#snapshot, column, indexType, { ...this.#defaults(), ...control, params });
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
    return mergeExistingIndexSegments(this.#snapshot, segments, { ...this.#defaults(), ...options });
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
    this.#moveTo(await commitExistingIndexSegments(this.#snapshot, name, column, segments, options));
  }

  /** All logical indexes of this version. Reads nothing: the manifest says it all. */
  async describeIndices(): Promise<IndexDescription[]> {
    return describeIndices(this.#snapshot);
  }

  /** The committed segments of one index, as plain JSON. @throws INDEX_NOT_FOUND naming those there are */
  async indexSegments(name: string): Promise<IndexSegment[]> {
    return getCommittedSegments(this.#snapshot, name);
  }

  /** Figures of one index; opens each segment's header. @throws INDEX_NOT_FOUND naming those there are */
  async indexStatistics(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<IndexStatistics> {
    return getIndexStatistics(this.#snapshot, name, { pool: this.#searchPool(), ...options });
  }

  /** Takes an index out of the table in one transaction. Its files stay until a clean-up. @throws INDEX_NOT_FOUND */
  async dropIndex(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#moveTo(await dropIndex(this.#snapshot, name, options));
  }

  /** Reads what searches of an index would read, up to the memory budget. @throws INDEX_NOT_FOUND */
  async prewarmIndex(name: string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    const pool = this.#searchPool();
    const { memoryBudgetBytes } = this.#resources;
    const segments = await getCommittedSegments(this.#snapshot, name);
    await prewarmSegments(this.#snapshot, segments, { pool, memoryBudgetBytes, ...options });
  }

  /** All versions there are, ascending. One manifest read each. */
  async versions(options: { readonly signal?: AbortSignal } = {}): Promise<VersionInfo[]> {
    return listVersions(this.#snapshot.store, options);
  }

  /**
   * A new handle at another version; this one stays.
   * @param reference a version of this branch, a tag, or `{ branch, version }` (default: the branch's newest)
   * @throws INVALID_ARGUMENT, NOT_FOUND (version, tag or branch), UNSUPPORTED, CORRUPT, IO, ABORTED
   */
  async checkoutVersion(
    reference: VersionReference,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.#derive(await openReference(this.#snapshot, reference, options.signal));
  }

  /** A new handle on a branch, `main` included; default its newest version. @throws as `checkoutVersion` */
  async checkoutBranch(
    branch: string,
    version?: number,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.checkoutVersion({ branch, version }, options);
  }

  /**
   * Starts a branch at this version, or at another one, and gives a handle on it. Nothing is copied.
   * @throws ALREADY_EXISTS, INVALID_ARGUMENT (the name), NOT_FOUND, UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED
   */
  async createBranch(
    name: string,
    reference?: VersionReference,
    options: { readonly signal?: AbortSignal } = {},
  ): Promise<Dataset> {
    return this.#derive(await createBranch(this.#snapshot, name, { reference, ...options }));
  }

  /**
   * Makes the content of an old version the newest one; what came between stays in the history.
   * @param reference default this handle's version, as when an old one was checked out
   * @throws NOT_FOUND, INVALID_ARGUMENT (rows got stable ids since), COMMIT_CONFLICT, IO, ABORTED
   */
  async restore(reference?: number | string, options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#moveTo(await restoreVersion(this.#snapshot, { reference, ...options }));
  }

  /** Moves this handle to the newest version, as another writer may have made one. */
  async checkoutLatest(options: { readonly signal?: AbortSignal } = {}): Promise<void> {
    this.#snapshot = await openVersion(this.#snapshot, options);
  }

  /**
   * Numbers of new versions, as other handles, tabs, workers or processes commit them; `checkoutLatest` moves this
   * handle there. Versions that come together are one. It ends with `signal`, or when this handle is closed.
   * @example
   * for await (const version of dataset.watch({ signal })) await dataset.checkoutLatest();
   */
  watch(options: WatchOptions = {}): AsyncIterableIterator<number> {
    return watchVersions(() => this.#snapshot, this.#closed.signal, options);
  }

  /**
   * Copies this version whole into another store, where it becomes visible with the last write, as a table of its own:
   * files of other bases are copied into it. A copy that stopped goes on where it was when called again: files that were
   * whole by then are kept.
   * @param target a store, or the URI of one
   * @throws INVALID_ARGUMENT, ALREADY_EXISTS, UNSUPPORTED, NOT_FOUND, CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
   */
  async copyTo(target: string | Store, options: CopyOptions = {}): Promise<void> {
    const store = await openStore(target, { signal: options.signal });
    try {
      await copyTable(this.#snapshot, store, options);
    } finally {
      if (store !== target) await store.close?.();
    }
  }

  /** Calls that improve how the table is laid out: `dataset.optimize.compactFiles()`. */
  get optimize(): DatasetOptimizer {
    return new DatasetOptimizer({
      use: () => ({ snapshot: this.#snapshot, ...this.#defaults(), pool: this.#searchPool() }),
      moveTo: (snapshot) => this.#moveTo(snapshot),
    });
  }

  /**
   * Removes versions older than 14 days, or as told, with the files no other version, tag or branch needs, and debris
   * of failed writes older than 7 days. The newest version stays.
   *
   * @returns what was removed; with `dryRun` what would be
   * @throws INVALID_ARGUMENT (also for tagged old versions), UNSUPPORTED, CORRUPT, IO, ABORTED
   */
  async cleanupOldVersions(options: CleanupOptions = {}): Promise<CleanupStats> {
    return cleanupOldVersions(this.#snapshot, options);
  }

  /** Frees what this handle holds open. Workers of a pool given to it stay. */
  async close(): Promise<void> {
    this.#closed.abort();
    await this.#ownPool.close();
    if (!this.#resources.ownsStore) return;
    await closeBases(this.#snapshot.store);
    await this.#resources.store.close?.();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  /** Workers of the handle's own only where they can open the store themselves, and so keep what they read. */
  #searchPool(): WorkerPool | undefined {
    const { pool, store } = this.#resources;
    return pool ?? getGlobalPool() ?? (store.describe() === undefined ? undefined : this.#ownPool.get());
  }

  #environment(): ScannerEnvironment {
    return { pool: this.#searchPool(), memoryBudgetBytes: this.#resources.memoryBudgetBytes };
  }

  #defaults(): { readonly pool: WorkerPool | undefined; readonly memoryBudgetBytes: number } {
    const { pool, memoryBudgetBytes } = this.#resources;
    return { pool, memoryBudgetBytes };
  }

  #derive(snapshot: Snapshot): Dataset {
    return new Dataset(snapshot, { ...this.#resources, store: snapshot.store as Store, ownsStore: false });
  }

  /** Two writes of one handle may end in either order: the handle stays at the newer version. */
  #moveTo(snapshot: Snapshot): void {
    if (snapshot.version > this.#snapshot.version) this.#snapshot = snapshot;
  }
}
