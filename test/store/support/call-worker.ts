import { deserializeError, type SerializedLanceError } from "../../../src/errors.ts";
import type { WorkerRequest } from "./backend-worker.ts";

/** A worker in which back ends run by themselves. */
export function startBackendWorker(): Worker {
  return new Worker(new URL("./backend-worker.ts", import.meta.url), { type: "module" });
}

/** @throws what the request threw there */
export function callBackendWorker(worker: Worker, request: WorkerRequest): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const fail = (event: ErrorEvent) => {
      end.abort();
      reject(new Error(event.message || "the worker could not start"));
    };
    const listen = ({ data }: MessageEvent<{ id: number; value?: unknown; error?: SerializedLanceError }>) => {
      if (data.id !== request.id) return;
      end.abort();
      if (data.error) reject(deserializeError(data.error));
      else resolve(data.value);
    };
    worker.addEventListener("message", listen, { signal: end.signal });
    worker.addEventListener("error", fail, { signal: end.signal });
    worker.postMessage(request);
  });
}
