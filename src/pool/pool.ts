/**
 * Jobs over workers, or inline. The pool knows nothing of Lance: a job is a name and plain data, and the worker's
 * main file decides which handlers there are.
 */

/** One unit of work. `payload` is structured-clonable; for a queue on another machine it must be JSON. */
export interface Job {
  readonly kind: string;
  readonly payload: unknown;
  /** Moved, not copied, to the worker (a `MessagePort` that serves a store, for example). */
  readonly transfer?: readonly Transferable[];
}

/** Counts are in the job's own unit, said in `unit`; `done <= total` where the total is known. */
export interface JobProgress {
  readonly phase: string;
  readonly done: number;
  readonly total?: number;
  readonly unit: "rows" | "bytes" | "pages" | "partitions" | "fragments" | "iterations" | "codebooks";
}

/** What a handler is given beside its payload. */
export interface JobContext {
  readonly signal: AbortSignal;
  /** 0-based; 0 when the job runs inline. */
  readonly workerIndex: number;
  reportProgress(progress: JobProgress): void;
}

/** Runs one kind of job. Wrap the result in `withTransfer` to move its buffers. */
export type JobHandler = (payload: never, context: JobContext) => Promise<unknown>;
/** What runs each kind of job, by its name. */
export type JobHandlers = Readonly<Record<string, JobHandler>>;

/** How to run one job. */
export interface RunOptions {
  readonly signal?: AbortSignal | undefined;
  /** What it throws cancels the job, and is the cause of the error. */
  readonly onProgress?: ((progress: JobProgress & { readonly workerIndex: number }) => void) | undefined;
  /** Takes the result of a job that ended before its cancel reached it; the call itself is rejected. */
  readonly onDiscard?: ((result: unknown) => void) | undefined;
  /** Jobs with the same key go to the same worker, so that what it keeps open is used again. */
  readonly affinity?: string | undefined;
}

/** A set of workers, or the calling thread itself where a host has none. */
export interface WorkerPool {
  readonly numWorkers: number;
  /** True when jobs run on the calling thread. */
  readonly inline: boolean;
  /** @throws what the handler threw, code and details kept; ABORTED; WORKER_FAILED when the worker died */
  run<T>(job: Job, options?: RunOptions): Promise<T>;
  /** Lets running jobs end, then stops the workers. Later calls are refused with INVALID_ARGUMENT. */
  close(): Promise<void>;
}
