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
}

/** Workers of the page's pool: as many as the bundled table has fragments, or cores where there are fewer than two. */
export const NUM_WORKERS = 4;

/** Builds both indexes on the pool, a segment a worker, and publishes each in one transaction. */
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
  } finally {
    state.running = false;
    state.totalMs = performance.now() - started;
    onChange();
  }
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
  state.tasks.set(`${workerIndex} ${indexName} ${kind} ${task}`, progress);
}
