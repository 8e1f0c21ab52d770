import { createIndexUncommitted } from "../index/build.ts";
import { checkTaskShape } from "../index/check-shape.ts";
import { checkCallOptions } from "../index/params.ts";
import type { OnBuildProgress } from "../index/progress.ts";
import type { BuildTask, IndexSegment } from "../index/segment.ts";
import type { WorkerPool } from "../pool/pool.ts";
import type { Store } from "../store/store.ts";
import { openSnapshot } from "../table/snapshot.ts";
import { openTableStore } from "./open-dataset.ts";

/** What a machine adds to a task it was sent. */
export interface RunBuildTaskOptions {
  /** Where this machine finds the table. Default: the task's `uri`. */
  readonly uriOrStore?: string | Store | undefined;
  /** What the store's back end takes here (headers, credentials): tasks hold none. */
  readonly storageOptions?: Readonly<Record<string, unknown>> | undefined;
  readonly pool?: WorkerPool | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: OnBuildProgress | undefined;
}

const OPTIONS: readonly string[] = [
  "uriOrStore",
  "storageOptions",
  "pool",
  "signal",
  "onProgress",
] satisfies (keyof RunBuildTaskOptions)[];

/**
 * Runs a task that `planIndexBuild` made, on this machine or another: opens the table at the task's version, builds one
 * segment beside it, gives back the segment's JSON. Run again, it makes another segment under another uuid.
 * @throws INVALID_ARGUMENT (not a task), NOT_FOUND (version, fragment or model), CORRUPT (model), QUOTA_EXCEEDED,
 *   WORKER_FAILED, ABORTED, IO
 * @example
 * const segment = await runBuildTask(JSON.parse(message.body), { storageOptions });
 */
export async function runBuildTask(task: BuildTask, options: RunBuildTaskOptions = {}): Promise<IndexSegment> {
  checkTaskShape("runBuildTask", task);
  checkCallOptions("runBuildTask", options, OPTIONS);
  const { uri, version, column, indexType, name, params, fragmentIds, model, memoryBudgetBytes } = task;
  const { uriOrStore = uri, storageOptions, pool, signal, onProgress } = options;
  const { store } = await openTableStore(uriOrStore, { storageOptions, signal });
  try {
    const snapshot = await openSnapshot(store, { uri, version, signal });
    const build = { name, params, fragmentIds, model, memoryBudgetBytes };
    return await createIndexUncommitted(snapshot, column, indexType, { ...build, pool, signal, onProgress });
  } finally {
    if (typeof uriOrStore === "string") await store.close?.();
  }
}
