import type { JobProgress } from "./pool.ts";

/**
 * What crosses a worker's port beside comlink's calls. comlink ignores messages without its own `id`, so both share
 * one port and stay in order: progress before its result, memory before the job's end.
 */
export type WorkerMessage =
  | { readonly lancelet: "ready" }
  | { readonly lancelet: "progress"; readonly jobId: number; readonly progress: JobProgress }
  | { readonly lancelet: "memory"; readonly memoryBytes: number };

/** The object a worker exposes through comlink. */
export interface WorkerApi {
  run(request: RunRequest): Promise<unknown>;
  /** An `AbortSignal` cannot be posted: the job is named instead. An unknown or finished job is no error. */
  cancel(jobId: number): void;
}

/** One job as it is posted. */
export interface RunRequest {
  readonly jobId: number;
  readonly kind: string;
  readonly payload: unknown;
  readonly workerIndex: number;
}

/** Whether `data` is one of {@link WorkerMessage}. */
export function isWorkerMessage(data: unknown): data is WorkerMessage {
  return typeof data === "object" && data !== null && typeof (data as { lancelet?: unknown }).lancelet === "string";
}
