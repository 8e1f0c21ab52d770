import { LanceError, throwIfAborted } from "../errors.ts";
import { onAbort } from "../store/on-abort.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import { toJobError } from "./error-transfer.ts";
import { FairQueue } from "./fair-queue.ts";
import { findHandler, getJobHandlers, type JobHandlersSource, loadHandlers } from "./handlers.ts";
import type { Job, JobContext, RunOptions, WorkerPool } from "./pool.ts";
import { describeAbort, describeClosed } from "./pool-errors.ts";

interface WaitingJob {
  readonly job: Job;
  readonly start: () => void;
  readonly refuse: (error: LanceError) => void;
}

/**
 * Runs the same jobs on the calling thread, for hosts without workers: long ones one after another, so that memory
 * stays that of one job; those with an affinity at once.
 *
 * @param handlers default: those registered by the entry
 */
export function createInlinePool(handlers?: JobHandlersSource): WorkerPool {
  const waiting = new FairQueue<WaitingJob>();
  const running = new Set<Promise<unknown>>();
  let busy = false;
  let closing: Promise<void> | undefined;

  const next = (): void => {
    const following = waiting.take();
    busy = following !== undefined;
    following?.start();
  };

  const takeTurn = async (job: Job, options: RunOptions): Promise<void> => {
    if (!busy) {
      busy = true;
      return;
    }
    await new Promise<void>((resolve, reject) => {
      const { signal } = options;
      const item: WaitingJob = {
        job,
        start() {
          stopListening();
          resolve();
        },
        refuse(error) {
          stopListening();
          reject(error);
        },
      };
      const stopListening = onAbort(signal, () => {
        if (waiting.delete(item)) reject(describeAbort(signal));
      });
      waiting.push(item);
    });
  };

  const execute = async (job: Job, options: RunOptions): Promise<unknown> => {
    const exclusive = options.affinity === undefined;
    if (exclusive) await takeTurn(job, options);
    try {
      throwIfAborted(options.signal);
      const handler = findHandler(handlers ? await loadHandlers(handlers) : await getJobHandlers(), job.kind);
      const { onProgress } = options;
      let callbackError: unknown;
      const reportProgress: JobContext["reportProgress"] = (progress) => {
        try {
          callGuarded("onProgress", onProgress, { ...progress, workerIndex: 0 });
        } catch (error) {
          callbackError ??= error;
          throw error;
        }
      };
      const context: JobContext = {
        signal: options.signal ?? new AbortController().signal,
        workerIndex: 0,
        reportProgress,
      };
      const result = await handler(job.payload as never, context);
      if (callbackError !== undefined || options.signal?.aborted) options.onDiscard?.(result);
      if (callbackError !== undefined) throw callbackError;
      throwIfAborted(options.signal);
      return result;
    } catch (thrown) {
      throw options.signal?.aborted ? describeAbort(options.signal) : toJobError(thrown);
    } finally {
      if (exclusive) next();
    }
  };

  return {
    numWorkers: 1,
    inline: true,
    async run<T>(job: Job, options: RunOptions = {}): Promise<T> {
      if (closing) throw new LanceError("INVALID_ARGUMENT", "the pool is closed: make a new one to run jobs");
      throwIfAborted(options.signal);
      const done = execute(job, options).finally(() => running.delete(done));
      running.add(done);
      return done as Promise<T>;
    },
    close() {
      if (!closing) {
        for (const { job, refuse } of waiting.drain()) refuse(describeClosed(job.kind));
        closing = Promise.allSettled([...running]).then(() => {});
      }
      return closing;
    },
  };
}
