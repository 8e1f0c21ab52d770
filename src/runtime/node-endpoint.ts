import type { Worker } from "node:worker_threads";
import type { WorkerEndpoint } from "../runtime.ts";

/** A worker thread with the face of a web `Worker`. Its exit, for whatever reason, is an `error` event. */
export function adaptNodeWorker(worker: Worker): WorkerEndpoint & EventTarget {
  const events = new EventTarget();
  worker.on("message", (data: unknown) => events.dispatchEvent(new MessageEvent("message", { data })));
  worker.on("messageerror", (error) => events.dispatchEvent(describe("messageerror", error.message, error)));
  worker.on("error", (error: unknown) => {
    events.dispatchEvent(describe("error", error instanceof Error ? error.message : String(error), error));
  });
  worker.on("exit", (code) => events.dispatchEvent(describe("error", `it exited with code ${code}`, undefined)));
  return Object.assign(events, {
    postMessage: (message: unknown, transfer: Transferable[] = []): void =>
      worker.postMessage(message, transfer as never),
    terminate: (): void => void worker.terminate(),
    ref: (): void => worker.ref(),
    unref: (): void => worker.unref(),
  });
}

function describe(type: "error" | "messageerror", message: string, error: unknown): Event {
  return Object.assign(new Event(type), { message, error });
}
