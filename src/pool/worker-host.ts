import { expose, transfer } from "comlink/dist/esm/comlink.mjs";
import { LanceError } from "../errors.ts";
import { installErrorTransfer, toJobError } from "./error-transfer.ts";
import { findHandler, type JobHandlersSource, loadHandlers } from "./handlers.ts";
import type { RunRequest, WorkerApi, WorkerMessage } from "./messages.ts";
import { createProgressGate } from "./progress-gate.ts";
import { takeTransfer } from "./with-transfer.ts";

/** The worker's end of its port: a worker's global scope, or `parentPort`. */
export interface HostPort {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: string, listener: (event: Event) => void): void;
  removeEventListener(type: string, listener: (event: Event) => void): void;
  start?(): void;
}

/** What a worker's main file gives beside its handlers. */
export interface HostOptions {
  /** Bytes of WASM memory this worker holds now; it never shrinks, so the pool retires a worker that holds too much. */
  readonly memoryBytes?: () => number;
  /** Jobs are sent only after it settled. Messages that came meanwhile are kept. */
  readonly ready?: Promise<void>;
  /** Monotonic milliseconds. Default `performance.now`. */
  readonly now?: () => number;
}

/** Runs in a worker: serves jobs to the pool on the other end of `port`. Call it before the first `await`. */
export function exposeJobHandlers(source: JobHandlersSource, port: HostPort, options: HostOptions = {}): void {
  installErrorTransfer();
  const now = options.now ?? (() => performance.now());
  const running = new Map<number, AbortController>();
  const post = (message: WorkerMessage): void => port.postMessage(message);

  const run = async (request: RunRequest): Promise<unknown> => {
    const controller = new AbortController();
    running.set(request.jobId, controller);
    const gate = createProgressGate((progress) => post({ lancelet: "progress", jobId: request.jobId, progress }), now);
    try {
      const handler = findHandler(await loadHandlers(source), request.kind);
      const result = await handler(request.payload as never, {
        signal: controller.signal,
        workerIndex: request.workerIndex,
        reportProgress: gate.report,
      });
      // A boxed result: comlink looks transfers up by the object it is given, and a result may be any value.
      return transfer({ value: result }, takeTransfer(result));
    } catch (thrown) {
      throw toJobError(thrown);
    } finally {
      gate.flush();
      running.delete(request.jobId);
      if (options.memoryBytes) post({ lancelet: "memory", memoryBytes: options.memoryBytes() });
    }
  };

  const api: WorkerApi = {
    run,
    cancel(jobId) {
      running.get(jobId)?.abort(new LanceError("ABORTED", "the job was cancelled"));
    },
  };
  expose(api, port as never);
  void Promise.resolve(options.ready).finally(() => post({ lancelet: "ready" }));
}
