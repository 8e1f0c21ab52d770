import { type OptimizedIndex, type OptimizeIndicesOptions, optimizeIndices } from "../index/optimize-indices.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { compactFiles } from "../write/compact/compact-files.ts";
import type { CompactionMetrics, CompactionOptions } from "../write/compact/compaction-options.ts";
import type { DatasetAccess } from "./dataset-access.ts";

/** Calls that improve how a table is laid out, without changing what it holds: `dataset.optimize`. */
export class DatasetOptimizer {
  readonly #access: DatasetAccess;

  constructor(access: DatasetAccess) {
    this.#access = access;
  }

  /**
   * Joins small fragments and drops deleted rows. Indexes are written anew where their rows move, and rows keep their
   * stable ids. Large tables are compacted in several commits; nothing to do makes no version.
   *
   * @returns native's figures, and the fragments that were left alone because of an index
   * @throws INVALID_ARGUMENT, UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, WORKER_FAILED, CORRUPT, IO, ABORTED; what
   *   was committed before stands
   * @example
   * const { fragmentsRemoved } = await dataset.optimize.compactFiles({ targetRowsPerFragment: 1_000_000 });
   */
  async compactFiles(options: CompactionOptions = {}): Promise<CompactionMetrics> {
    const { snapshot, pool, memoryBudgetBytes } = this.#access.use();
    const result = await compactFiles(snapshot, {
      pool,
      memoryBudgetBytes,
      ...options,
      onCommitted: (committed) => this.#access.moveTo(committed),
    });
    this.#access.moveTo(result.snapshot);
    return result.metrics;
  }

  /**
   * Brings indexes up to date: fragments that were appended are covered, and segments folded together where told.
   *
   * @returns what became of each index
   * @throws INVALID_ARGUMENT, INDEX_NOT_FOUND, UNSUPPORTED, SEGMENT_INCOMPATIBLE, COMMIT_CONFLICT, QUOTA_EXCEEDED,
   *   WORKER_FAILED, CORRUPT, IO, ABORTED; what was committed before stands
   * @example
   * await dataset.insert(rows);
   * await dataset.optimize.optimizeIndices();
   */
  async optimizeIndices(options: OptimizeIndicesOptions = {}): Promise<readonly OptimizedIndex[]> {
    const { snapshot, pool, memoryBudgetBytes } = this.#access.use();
    const onCommitted = (committed: Snapshot): void => this.#access.moveTo(committed);
    return (await optimizeIndices(snapshot, { pool, memoryBudgetBytes, ...options, onCommitted })).indices;
  }
}
