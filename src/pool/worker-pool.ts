import { LanceError, throwIfAborted } from "../errors.ts";
import { getRuntime, type WorkerEndpoint } from "../runtime.ts";
import { onAbort } from "../store/on-abort.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import { AffinityMap } from "./affinity.ts";
import { toJobError } from "./error-transfer.ts";
import { FairQueue } from "./fair-queue.ts";
import type { Job, RunOptions, WorkerPool } from "./pool.ts";
import { describeAbort, describeClosed } from "./pool-errors.ts";
import { WorkerHandle } from "./worker-handle.ts";

/** How to make a pool of workers. */
export interface WorkerPoolOptions {
  /** Default: the host's logical cores, at most 8. */
  readonly numWorkers?: number | undefined;
  /** Default: the runtime's. */
  readonly spawn?: (() => WorkerEndpoint) | undefined;
  /** Bytes of WASM memory of all workers together; one that holds more than its share is replaced after its job. */
  readonly memoryBudgetBytes?: number | undefined;
  /** A worker that has not answered by then has failed. Default 30,000. */
  readonly startTimeoutMs?: number | undefined;
  /** How long a cancelled job may take to stop before its worker is replaced. Default 5,000. */
  readonly cancelGraceMs?: number | undefined;
}

const DEFAULT_MEMORY_PER_WORKER = 256 * 2 ** 20;
const MAX_DEFAULT_WORKERS = 8;
const MAX_WORKERS = 256;
// Jobs with an affinity are short and interactive: kernels give way every 20 ms, so a few may share a worker with one
// long job. Four keep a worker's reads overlapping without queueing its kernels deeply.
const MAX_KEYED_JOBS = 4;

interface PendingJob {
  readonly jobId: number;
  readonly job: Job;
  readonly options: RunOptions;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: LanceError) => void;
  /** Set while it waits. */
  queue: FairQueue<PendingJob> | undefined;
  /** Set while it runs. */
  handle: WorkerHandle | undefined;
  stopListening: () => void;
  graceTimer: ReturnType<typeof setTimeout> | undefined;
}

interface Slot {
  readonly index: number;
  readonly keyed: FairQueue<PendingJob>;
  handle: WorkerHandle | undefined;
  numKeyed: number;
  numUnkeyed: number;
}

/**
 * A pool of workers, started when first needed. One long job (without affinity) runs per worker at a time, fairly
 * between kinds; jobs with an affinity go to their own worker and do not wait for the long ones.
 *
 * @throws INVALID_ARGUMENT for a bad size; UNSUPPORTED where the host has no workers and no `spawn` is given
 */
export function createWorkerPool(options: WorkerPoolOptions = {}): WorkerPool {
  const spawn = options.spawn ?? getRuntime().spawnWorker;
  if (!spawn) throw new LanceError("UNSUPPORTED", "this host has no workers: use an inline pool, or give `spawn`");
  const numWorkers = checkNumWorkers(options.numWorkers ?? defaultNumWorkers());
  return new ThreadPool(spawn, numWorkers, options);
}

/** The host's logical cores, at most 8. */
function defaultNumWorkers(): number {
  return Math.max(1, Math.min(MAX_DEFAULT_WORKERS, getRuntime().hardwareConcurrency));
}

function checkNumWorkers(numWorkers: number): number {
  if (Number.isInteger(numWorkers) && numWorkers >= 1 && numWorkers <= MAX_WORKERS) return numWorkers;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `numWorkers: expected an integer of 1 to ${MAX_WORKERS}, received ${numWorkers}`,
    {
      received: numWorkers,
    },
  );
}

class ThreadPool implements WorkerPool {
  readonly numWorkers: number;
  readonly inline = false;
  readonly #spawn: () => WorkerEndpoint;
  readonly #slots: Slot[];
  readonly #unkeyed = new FairQueue<PendingJob>();
  readonly #affinity: AffinityMap;
  readonly #running = new Set<Promise<void>>();
  readonly #memoryShareBytes: number;
  readonly #startTimeoutMs: number;
  readonly #cancelGraceMs: number;
  #nextJobId = 1;
  #closing: Promise<void> | undefined;

  constructor(spawn: () => WorkerEndpoint, numWorkers: number, options: WorkerPoolOptions) {
    this.#spawn = spawn;
    this.numWorkers = numWorkers;
    this.#slots = Array.from({ length: numWorkers }, (_, index) => ({
      index,
      keyed: new FairQueue<PendingJob>(),
      handle: undefined,
      numKeyed: 0,
      numUnkeyed: 0,
    }));
    this.#affinity = new AffinityMap(numWorkers);
    this.#memoryShareBytes =
      options.memoryBudgetBytes === undefined ? DEFAULT_MEMORY_PER_WORKER : options.memoryBudgetBytes / numWorkers;
    this.#startTimeoutMs = options.startTimeoutMs ?? 30_000;
    this.#cancelGraceMs = options.cancelGraceMs ?? 5_000;
  }

  async run<T>(job: Job, options: RunOptions = {}): Promise<T> {
    if (this.#closing) throw new LanceError("INVALID_ARGUMENT", "the pool is closed: make a new one to run jobs");
    throwIfAborted(options.signal);
    return new Promise<T>((resolve, reject) => {
      const pending: PendingJob = {
        jobId: this.#nextJobId++,
        job,
        options,
        resolve: resolve as (value: unknown) => void,
        reject,
        queue: options.affinity === undefined ? this.#unkeyed : this.#slotOf(options.affinity).keyed,
        handle: undefined,
        stopListening: () => {},
        graceTimer: undefined,
      };
      this.#listenForAbort(pending);
      pending.queue?.push(pending);
      this.#dispatch();
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeAll();
    return this.#closing;
  }

  async #closeAll(): Promise<void> {
    const waiting = [this.#unkeyed, ...this.#slots.map((slot) => slot.keyed)].flatMap((queue) => queue.drain());
    for (const pending of waiting) {
      pending.stopListening();
      pending.reject(describeClosed(pending.job.kind));
    }
    while (this.#running.size > 0) await Promise.all(this.#running);
    for (const slot of this.#slots) slot.handle?.terminate("the pool was closed");
  }

  #slotOf(affinity: string): Slot {
    return this.#slots[this.#affinity.assign(affinity)] as Slot;
  }

  #listenForAbort(pending: PendingJob): void {
    const { signal } = pending.options;
    if (!signal) return;
    pending.stopListening = onAbort(signal, () => {
      if (pending.queue?.delete(pending)) {
        pending.reject(describeAbort(signal));
        return;
      }
      this.#cancel(pending);
    });
  }

  /** Asks a running job to stop; a worker that does not let go of it is replaced. */
  #cancel(pending: PendingJob): void {
    const { handle } = pending;
    if (!handle) return;
    handle.cancel(pending.jobId);
    pending.graceTimer ??= setTimeout(
      () => handle.terminate(`a cancelled job did not stop within ${this.#cancelGraceMs} ms`),
      this.#cancelGraceMs,
    );
  }

  #dispatch(): void {
    for (const slot of this.#slots) {
      while (slot.numKeyed < MAX_KEYED_JOBS && slot.keyed.size > 0 && !this.#mustRetire(slot))
        this.#start(slot, slot.keyed);
    }
    while (this.#unkeyed.size > 0) {
      const slot = this.#leastBusySlot();
      if (!slot) return;
      this.#start(slot, this.#unkeyed);
    }
  }

  /** Of the workers without a long job the one with the fewest short ones, running workers before unstarted ones. */
  #leastBusySlot(): Slot | undefined {
    let best: Slot | undefined;
    for (const slot of this.#slots) {
      if (slot.numUnkeyed > 0 || this.#mustRetire(slot)) continue;
      if (!best || cost(slot) < cost(best)) best = slot;
    }
    return best;
  }

  #mustRetire(slot: Slot): boolean {
    return slot.handle !== undefined && slot.handle.memoryBytes > this.#memoryShareBytes;
  }

  #start(slot: Slot, queue: FairQueue<PendingJob>): void {
    const pending = queue.take();
    if (!pending) return;
    pending.queue = undefined;
    const keyed = pending.options.affinity !== undefined;
    if (keyed) slot.numKeyed++;
    else slot.numUnkeyed++;
    const done = this.#runOn(slot, pending).finally(() => {
      if (keyed) slot.numKeyed--;
      else slot.numUnkeyed--;
      this.#running.delete(done);
      this.#retireWhenIdle(slot);
      if (!this.#closing) this.#dispatch();
    });
    this.#running.add(done);
  }

  async #runOn(slot: Slot, pending: PendingJob): Promise<void> {
    const { signal, onProgress, onDiscard } = pending.options;
    let callbackError: LanceError | undefined;
    try {
      slot.handle ??= this.#startWorker(slot);
      pending.handle = slot.handle;
      const value = await slot.handle.run({
        jobId: pending.jobId,
        job: pending.job,
        onProgress:
          onProgress &&
          ((progress) => {
            if (callbackError) return;
            try {
              callGuarded("onProgress", onProgress, { ...progress, workerIndex: slot.index });
            } catch (error) {
              callbackError = error as LanceError;
              this.#cancel(pending);
            }
          }),
      });
      if (callbackError || signal?.aborted) onDiscard?.(value);
      if (callbackError) pending.reject(callbackError);
      else if (signal?.aborted) pending.reject(describeAbort(signal));
      else pending.resolve(value);
    } catch (thrown) {
      pending.reject(callbackError ?? (signal?.aborted ? describeAbort(signal) : toJobError(thrown)));
    } finally {
      pending.stopListening();
      clearTimeout(pending.graceTimer);
    }
  }

  #startWorker(slot: Slot): WorkerHandle {
    let endpoint: WorkerEndpoint;
    try {
      endpoint = this.#spawn();
    } catch (cause) {
      throw new LanceError(
        "WORKER_FAILED",
        `worker ${slot.index} could not be started: ${cause instanceof Error ? cause.message : String(cause)}`,
        { workerIndex: slot.index },
        { cause },
      );
    }
    const handle: WorkerHandle = new WorkerHandle({
      index: slot.index,
      endpoint,
      startTimeoutMs: this.#startTimeoutMs,
      onDeath: () => {
        if (slot.handle === handle) slot.handle = undefined;
      },
    });
    return handle;
  }

  #retireWhenIdle(slot: Slot): void {
    if (slot.numKeyed + slot.numUnkeyed > 0 || !this.#mustRetire(slot)) return;
    slot.handle?.terminate("it outgrew its share of the memory budget");
  }
}

function cost(slot: Slot): number {
  return slot.numKeyed * 2 + (slot.handle ? 0 : 1);
}
