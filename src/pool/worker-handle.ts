import { type Remote, transfer, wrap } from "comlink/dist/esm/comlink.mjs";
import { LanceError } from "../errors.ts";
import type { WorkerEndpoint } from "../runtime.ts";
import { installErrorTransfer, toJobError } from "./error-transfer.ts";
import { isWorkerMessage, type WorkerApi } from "./messages.ts";
import type { Job, JobProgress } from "./pool.ts";

interface RunningJob {
  readonly kind: string;
  readonly reject: (error: LanceError) => void;
  readonly onProgress: ((progress: JobProgress) => void) | undefined;
  posted: boolean;
  cancelled: boolean;
}

/** One job on its way to a worker. */
export interface HandleRun {
  readonly jobId: number;
  readonly job: Job;
  readonly onProgress: ((progress: JobProgress) => void) | undefined;
}

/** One live worker. Its promises always settle: comlink alone would wait for ever on a worker that died. */
export class WorkerHandle {
  readonly index: number;
  readonly #endpoint: WorkerEndpoint;
  // Pinned for the worker's life: when comlink's proxy is collected it releases the port, with calls in flight.
  readonly #remote: Remote<WorkerApi>;
  readonly #running = new Map<number, RunningJob>();
  readonly #onDeath: () => void;
  readonly #started: Promise<void>;
  #markStarted: () => void = () => {};
  #startTimer: ReturnType<typeof setTimeout> | undefined;
  #dead: { readonly reason: string; readonly cause?: unknown } | undefined;
  /** Last reported WASM memory of this worker. */
  memoryBytes = 0;

  constructor(options: { index: number; endpoint: WorkerEndpoint; startTimeoutMs: number; onDeath: () => void }) {
    installErrorTransfer();
    this.index = options.index;
    this.#endpoint = options.endpoint;
    this.#onDeath = options.onDeath;
    this.#started = new Promise((resolve) => {
      this.#markStarted = resolve;
    });
    this.#endpoint.addEventListener("message", this.#onMessage);
    this.#endpoint.addEventListener("error", this.#onError);
    this.#endpoint.addEventListener("messageerror", this.#onMessageError);
    this.#remote = wrap<WorkerApi>(this.#endpoint as never);
    const { startTimeoutMs } = options;
    this.#startTimer = setTimeout(
      () => this.#die(`it did not start within ${startTimeoutMs} ms; its script may be missing or blocked`),
      startTimeoutMs,
    );
    (this.#startTimer as { unref?: () => void }).unref?.();
    this.#endpoint.unref?.();
  }

  get dead(): boolean {
    return this.#dead !== undefined;
  }

  /** @throws what the handler threw; WORKER_FAILED when the worker died; INVALID_ARGUMENT when the payload cannot be posted */
  run(options: HandleRun): Promise<unknown> {
    const { jobId, job, onProgress } = options;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        this.#running.delete(jobId);
        if (this.#running.size === 0) this.#endpoint.unref?.();
      };
      if (this.#dead) return reject(this.#describeDeath(job.kind));
      const running: RunningJob = { kind: job.kind, reject, onProgress, posted: false, cancelled: false };
      this.#running.set(jobId, running);
      this.#endpoint.ref?.();
      this.#post(running, options).then(
        (result) => {
          settle();
          resolve(result);
        },
        (thrown) => {
          settle();
          reject(thrown);
        },
      );
    });
  }

  /** Asks a job to stop; it settles when its handler does. */
  cancel(jobId: number): void {
    const running = this.#running.get(jobId);
    if (this.#dead || !running) return;
    running.cancelled = true;
    if (running.posted) this.#remote.cancel(jobId).catch(() => {});
  }

  /** Stops the worker at once; what runs on it fails with WORKER_FAILED, for `reason`. */
  terminate(reason: string): void {
    this.#die(reason);
  }

  async #post(running: RunningJob, { jobId, job }: HandleRun): Promise<unknown> {
    await this.#started;
    // Cancelled while the worker started: a cancel message sent before its job would be lost.
    if (running.cancelled) throw new LanceError("ABORTED", "the job was cancelled");
    running.posted = true;
    const request = { jobId, kind: job.kind, payload: job.payload, workerIndex: this.index };
    try {
      const boxed = await this.#remote.run(job.transfer ? transfer(request, [...job.transfer]) : request);
      return (boxed as { value: unknown }).value;
    } catch (thrown) {
      if (thrown instanceof Error && thrown.name === "DataCloneError") {
        throw new LanceError(
          "INVALID_ARGUMENT",
          `a job of kind "${job.kind}" cannot be posted to a worker: ${thrown.message}; expected plain data`,
          { kind: job.kind },
          { cause: thrown },
        );
      }
      throw toJobError(thrown);
    }
  }

  readonly #onMessage = (event: Event): void => {
    const { data } = event as MessageEvent;
    if (!isWorkerMessage(data)) return;
    if (data.lancelet === "ready") {
      clearTimeout(this.#startTimer);
      this.#markStarted();
    } else if (data.lancelet === "memory") {
      this.memoryBytes = data.memoryBytes;
    } else if (data.lancelet === "progress") {
      this.#running.get(data.jobId)?.onProgress?.(data.progress);
    }
  };

  readonly #onError = (event: Event): void => {
    event.preventDefault?.();
    const { message, error } = event as Partial<ErrorEvent>;
    this.#die(message || (error instanceof Error ? error.message : "its script failed to load or threw"), error);
  };

  readonly #onMessageError = (): void => {
    this.#die("a message from it could not be read");
  };

  #die(reason: string, cause?: unknown): void {
    if (this.#dead) return;
    this.#dead = cause === undefined || cause === null ? { reason } : { reason, cause };
    clearTimeout(this.#startTimer);
    this.#endpoint.removeEventListener("message", this.#onMessage);
    this.#endpoint.removeEventListener("error", this.#onError);
    this.#endpoint.removeEventListener("messageerror", this.#onMessageError);
    this.#endpoint.terminate();
    for (const job of this.#running.values()) job.reject(this.#describeDeath(job.kind));
    this.#running.clear();
    this.#onDeath();
  }

  #describeDeath(kind: string): LanceError {
    const { reason = "it was stopped", cause } = this.#dead ?? {};
    return new LanceError(
      "WORKER_FAILED",
      `worker ${this.index} died while it ran a job of kind "${kind}": ${reason}. The job may be run again`,
      { workerIndex: this.index, kind, reason },
      cause === undefined ? undefined : { cause },
    );
  }
}
