import { isLanceError, LanceError, throwIfAborted } from "../errors.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { getRuntime } from "../runtime.ts";
import { onAbort } from "../store/on-abort.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import type { OnBuildProgress, TaskProgress } from "./progress.ts";
import { runTableJob } from "./run-job.ts";

/** One task of a plan, as the coordinator runs it. */
export interface PlannedTask {
  readonly kind: "train" | "build" | "merge" | "remap";
  readonly task: Readonly<Record<string, unknown>>;
  readonly fragmentIds: readonly number[];
}

/** How tasks run. */
export interface RunTasksOptions {
  readonly indexName: string;
  readonly pool: WorkerPool;
  /** Attempts per task, the first included. Default 3. */
  readonly maxAttempts?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnBuildProgress | undefined;
}

const DEFAULT_ATTEMPTS = 3;

/**
 * Runs tasks concurrently on a pool. A task whose worker died or whose store failed runs again, alone: what the other
 * tasks built stands. Everything settles before an error is thrown.
 * @returns one result per task that ended (others `undefined`), and the first error: with one, the files that results
 *   name are the caller's to remove
 */
export async function runTasks<T extends object | null>(
  snapshot: Snapshot,
  tasks: readonly PlannedTask[],
  options: RunTasksOptions,
): Promise<{ readonly results: readonly (T | undefined)[]; readonly error: LanceError | undefined }> {
  const giveUp = new AbortController();
  const { signal: outer } = options;
  if (outer?.aborted) giveUp.abort(outer.reason);
  const stopListening = onAbort(outer, () => giveUp.abort(outer?.reason));
  let error: LanceError | undefined;
  const runOne = async (task: PlannedTask, index: number): Promise<T | undefined> => {
    // A result that came with a failure: whoever planned the task removes what it names.
    let result: T | undefined;
    try {
      const keep = (value: T): void => {
        result = value;
      };
      await runWithRetry<T>(snapshot, task, { ...options, signal: giveUp.signal, keep }, index, tasks.length);
    } catch (thrown) {
      // The first failure ends the plan; what it cancels fails as a consequence.
      error ??= toLanceError(thrown);
      giveUp.abort(error);
    }
    return result;
  };
  try {
    const results = await Promise.all(tasks.map(runOne));
    return { results, error };
  } finally {
    stopListening();
  }
}

type KeepResult<T> = { readonly keep: (result: T) => void };

async function runWithRetry<T extends object | null>(
  snapshot: Snapshot,
  planned: PlannedTask,
  options: RunTasksOptions & KeepResult<T>,
  index: number,
  numTasks: number,
): Promise<void> {
  const maxAttempts = options.maxAttempts ?? DEFAULT_ATTEMPTS;
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(options.signal);
    try {
      return await runAttempt<T>(snapshot, planned, options, { index, numTasks, attempt });
    } catch (error) {
      if (attempt >= maxAttempts || options.signal?.aborted || !isLanceError(error, "WORKER_FAILED", "IO")) throw error;
    }
  }
}

async function runAttempt<T extends object | null>(
  snapshot: Snapshot,
  planned: PlannedTask,
  options: RunTasksOptions & KeepResult<T>,
  at: { readonly index: number; readonly numTasks: number; readonly attempt: number },
): Promise<void> {
  const { now } = getRuntime();
  const started = now();
  let last: Pick<TaskProgress, "phase" | "done" | "total" | "unit" | "workerIndex"> = {
    phase: "start",
    done: 0,
    total: 0,
    unit: "rows",
    workerIndex: 0,
  };
  const report = (finished: boolean, bytes: number): void =>
    callGuarded("onProgress", options.onProgress, {
      kind: planned.kind,
      indexName: options.indexName,
      task: at.index,
      numTasks: at.numTasks,
      attempt: at.attempt,
      fragmentIds: planned.fragmentIds,
      ...last,
      bytes,
      milliseconds: now() - started,
      finished,
    });
  const job = { kind: `index.${planned.kind}`, payload: { task: planned.task } };
  const result = await runTableJob<T>(options.pool, snapshot, job, {
    signal: options.signal,
    onDiscard: (discarded) => options.keep(discarded as T),
    onProgress: ({ phase, done, total, unit, workerIndex }) => {
      last = { phase, done, total: total ?? done, unit, workerIndex };
      report(false, 0);
    },
  });
  options.keep(result);
  last = { ...last, done: last.total };
  report(true, sumBytes(result));
}

function sumBytes(result: object | null): number {
  const files = (result as { files?: readonly { sizeBytes: number }[] } | null)?.files ?? [];
  return files.reduce((sum, file) => sum + file.sizeBytes, 0);
}

function toLanceError(thrown: unknown): LanceError {
  if (isLanceError(thrown)) return thrown;
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return new LanceError("WORKER_FAILED", `a build task failed: ${message}`, {}, { cause: thrown });
}
