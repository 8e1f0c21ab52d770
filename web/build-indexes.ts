import { type BuildProgress, type Dataset, initGlobalPool } from "lancelet";

/** What one worker is doing, for its lane. */
export interface Lane {
  readonly workerIndex: number;
  indexName: string;
  fragmentIds: readonly number[];
  phase: string;
  done: number;
  total: number;
  unit: string;
  bytes: number;
  startedMs: number;
  elapsedMs: number;
  finished: boolean;
}

/** The moment an index became visible. */
export interface CommitMark {
  readonly indexName: string;
  readonly version: number;
  readonly segments: number;
  readonly milliseconds: number;
}

export interface BuildState {
  readonly lanes: Map<number, Lane>;
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
  state.lanes.clear();
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
  const { workerIndex } = progress;
  const lane = state.lanes.get(workerIndex);
  const fresh = !lane || lane.indexName !== progress.indexName || lane.finished;
  state.lanes.set(workerIndex, {
    workerIndex,
    indexName: progress.indexName,
    fragmentIds: progress.fragmentIds,
    phase: progress.phase,
    done: progress.done,
    total: progress.total,
    unit: progress.unit,
    bytes: progress.bytes,
    startedMs: fresh ? performance.now() : lane.startedMs,
    elapsedMs: progress.milliseconds,
    finished: progress.finished,
  });
}
