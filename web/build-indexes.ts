import { type BuildProgress, type Dataset, initGlobalPool } from "lancelet";

/** One piece of work of a worker: training, or building a segment. */
export interface LaneTask {
  readonly workerIndex: number;
  readonly indexName: string;
  readonly kind: string;
  readonly fragmentIds: readonly number[];
  readonly phase: string;
  readonly done: number;
  readonly total: number;
  readonly unit: string;
  /** Of its fragments, once the worker said so. */
  readonly rows: number;
  readonly bytes: number;
  readonly milliseconds: number;
  readonly finished: boolean;
}

/** The moment an index became visible. */
export interface CommitMark {
  readonly indexName: string;
  readonly version: number;
  readonly segments: number;
  readonly milliseconds: number;
}

export interface BuildState {
  /** Work by worker, index and kind, in the order it began. */
  readonly tasks: Map<string, LaneTask>;
  readonly commits: CommitMark[];
  running: boolean;
  totalMs: number;
  /** How the last build ended; `null` while it runs and before the first. */
  outcome: { readonly kind: "done" | "cancelled" | "failed"; readonly message: string } | null;
}

/** Workers of the page's pool: as many as the bundled table has fragments. */
export const NUM_WORKERS = 4;

/**
 * Builds both indexes on the pool, a segment a worker, and publishes each in one transaction. How it ended, error or
 * not, is in `state.outcome`.
 */
export async function buildIndexes(
  dataset: Dataset,
  state: BuildState,
  onChange: () => void,
  signal: AbortSignal,
): Promise<void> {
  const pool = initGlobalPool({ numWorkers: NUM_WORKERS });
  const started = performance.now();
  state.running = true;
  state.tasks.clear();
  state.commits.length = 0;
  state.outcome = null;
  const onProgress = (progress: BuildProgress) => {
    applyProgress(state, progress);
    state.totalMs = performance.now() - started;
    onChange();
  };
  try {
    await dataset.createIndex("vector", "IVF_FLAT", {
      name: "vector_idx",
      metric: "cosine",
      numPartitions: 32,
      numWorkers: NUM_WORKERS,
      pool,
      signal,
      onProgress,
    });
    await dataset.createScalarIndex("installed_kb", "BTREE", {
      name: "installed_kb_idx",
      numWorkers: NUM_WORKERS,
      pool,
      signal,
      onProgress,
    });
    state.outcome = { kind: "done", message: "" };
  } catch (error) {
    const kind = signal.aborted ? "cancelled" : "failed";
    const why =
      kind === "cancelled" ? "Cancelled" : `The build failed: ${error instanceof Error ? error.message : error}`;
    state.outcome = { kind, message: `${why}. ${describeRest(state.commits)}` };
  } finally {
    state.running = false;
    state.totalMs = performance.now() - started;
    onChange();
  }
}

function describeRest(commits: readonly CommitMark[]): string {
  if (commits.length === 0) return "The table is as it was.";
  return `${commits.map((commit) => commit.indexName).join(", ")} is in the table; nothing else was changed.`;
}

function applyProgress(state: BuildState, progress: BuildProgress): void {
  if (progress.kind === "commit") {
    state.commits.push({
      indexName: progress.indexName,
      version: progress.version,
      segments: progress.segments,
      milliseconds: progress.milliseconds,
    });
    return;
  }
  const { workerIndex, indexName, kind, task } = progress;
  const key = `${workerIndex} ${indexName} ${kind} ${task}`;
  const rows = progress.unit === "rows" ? progress.total : (state.tasks.get(key)?.rows ?? 0);
  state.tasks.set(key, { ...progress, rows });
}
