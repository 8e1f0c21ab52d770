/**
 * The public surface of lancelet, listed by hand; `test/packaging` keeps the list. Entries (`entry-*.ts`) set up the
 * host and export this.
 */
export type { DatasetBranches } from "./dataset/branches.ts";
export { Dataset } from "./dataset/dataset.ts";
export type {
  CreateIndexOptions,
  CreateIndexUncommittedOptions,
  PlanIndexBuildOptions,
} from "./dataset/index-options.ts";
export type { MergeInsertBuilder } from "./dataset/merge-insert.ts";
export { type OpenDatasetOptions, openDataset } from "./dataset/open-dataset.ts";
export type { DatasetOptimizer } from "./dataset/optimize.ts";
export { type RunBuildTaskOptions, runBuildTask } from "./dataset/run-build-task.ts";
export type { DatasetTags } from "./dataset/tags.ts";
export type { WatchOptions } from "./dataset/watch-versions.ts";
export { type WriteDatasetOptions, writeDataset } from "./dataset/write-dataset.ts";
export { type ErrorDetails, isLanceError, LanceError, type LanceErrorCode } from "./errors.ts";
export type { IndexDescription, IndexStatistics, SegmentDescription } from "./index/describe.ts";
export type { MergeOptions } from "./index/merge.ts";
export type { OptimizedIndex, OptimizeIndicesOptions } from "./index/optimize-indices.ts";
export { planIndexMerge } from "./index/plan-build.ts";
export type { BuildProgress } from "./index/progress.ts";
export type { BuildTask, IndexFile, IndexSegment, TrainedModel } from "./index/segment.ts";
export {
  clearGlobalPool,
  createPool,
  getGlobalPool,
  initGlobalPool,
  setGlobalPool,
} from "./pool/global-pool.ts";
export type { JobProgress, WorkerPool } from "./pool/pool.ts";
export type { ColumnOrdering } from "./query/order-by.ts";
export type { ColumnSelection } from "./query/projection.ts";
export type { ApproxMode, Metric, NearestOptions, QueryInput, ScannerOptions } from "./query/scan-options.ts";
export type { Scanner } from "./query/scanner.ts";
export type { ScanStatistics, SegmentStatistics } from "./query/statistics.ts";
export type { TakeOptions } from "./query/take.ts";
export type { TakeBlobsOptions } from "./query/take-blobs.ts";
export { type BrowserStore, openBrowserStore } from "./store/browser-ladder.ts";
export { createHttpStore, type HttpStorageOptions, type HttpStoreOptions } from "./store/http.ts";
export { createIndexedDbStore } from "./store/indexeddb.ts";
export { createMemoryStore } from "./store/memory.ts";
export { openStore } from "./store/open-store.ts";
export { createOpfsStore } from "./store/opfs.ts";
export type { PersistentCacheOptions } from "./store/persistent/open-block-cache.ts";
export { withPersistentCache } from "./store/persistent/with-persistent-cache.ts";
export type {
  ByteRange,
  GetResult,
  ListedObject,
  ReadableStore,
  Store,
  StoreCallOptions,
  StoreCapabilities,
  StoreDescription,
  StoreWriter,
} from "./store/store.ts";
export { withCache } from "./store/with-cache.ts";
export { withCoalescing } from "./store/with-coalescing.ts";
export { withPrefix } from "./store/with-prefix.ts";
export type { VersionInfo } from "./table/manifest/versions.ts";
export type { Branch } from "./table/refs/read-branches.ts";
export type { Tag } from "./table/refs/read-tags.ts";
export type { VersionReference } from "./table/refs/reference.ts";
export type { BlobFile } from "./table/rows/blob-file.ts";
export type { CleanupOptions, CleanupProgress, CleanupStats } from "./write/cleanup/cleanup-versions.ts";
export type { RetentionPolicy } from "./write/cleanup/retention.ts";
export type { ColumnFunctionResult } from "./write/columns/udf-result.ts";
export type { CompactionMetrics, CompactionOptions, CompactionProgress } from "./write/compact/compaction-options.ts";
export type { HeldBack } from "./write/compact/read-coverage.ts";
export type { CopyOptions, CopyProgress } from "./write/copy/copy-table.ts";
export type { Row, TabularData } from "./write/input/input.ts";
export type { MergeInsertOptions, MergeInsertResult } from "./write/merge-insert/merge-insert.ts";
export type { ConflictOptions } from "./write/retry-conflicts.ts";
export type { InsertOptions } from "./write/rows/insert-rows.ts";
export type { UpdateResult, UpdateRowsOptions, UpdateSpec } from "./write/rows/update-rows.ts";
export type { AddColumnsOptions, ColumnFunction, NewColumns } from "./write/schema/add-columns.ts";
export type { ColumnAlteration } from "./write/schema/alter-columns.ts";
export type { MetadataChanges, MetadataOptions } from "./write/schema/update-config.ts";
export type { WriteProgress } from "./write/write-fragments.ts";
