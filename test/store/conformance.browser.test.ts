import { afterAll, beforeAll, describe, it } from "vitest";
import { deserializeError, type SerializedLanceError } from "../../src/errors.ts";
import { createIndexedDbStore } from "../../src/store/indexeddb.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createOpfsStore } from "../../src/store/opfs.ts";
import { listStoreChecks } from "../conformance/store-checks.ts";
import { describeStore } from "../conformance/store-suite.ts";
import type { WorkerCheckRequest } from "./support/backend-worker.ts";

const run = `store-test-${crypto.randomUUID()}`;
const memory = new Map<string, MemoryObjects>();

describeStore("memory on the main thread", async (key) => {
  if (!memory.has(key)) memory.set(key, new Map());
  return createMemoryStore(memory.get(key));
});
describeStore("opfs on the main thread", async (key) => createOpfsStore(`${run}/main-${key}`));
describeStore("opfs on the main thread, written by its own worker", async (key) =>
  createOpfsStore(`${run}/own-worker-${key}`, { writeMethod: "worker" }),
);
describeStore("indexeddb on the main thread", async (key) => createIndexedDbStore(`${run}-main-${key}`));

for (const backend of ["memory", "opfs", "indexeddb"] as const) {
  describe(`${backend} in a worker`, () => {
    let worker: Worker;
    let lastId = 0;
    beforeAll(() => {
      worker = new Worker(new URL("./support/backend-worker.ts", import.meta.url), { type: "module" });
    });
    afterAll(() => worker.terminate());
    for (const check of listStoreChecks()) {
      it(
        check.name,
        () => runInWorker(worker, { id: ++lastId, backend, prefix: `${run}-worker`, check: check.name }),
        check.timeoutMs ?? 10_000,
      );
    }
  });
}

afterAll(async () => {
  const root = await navigator.storage.getDirectory();
  for await (const name of root.keys()) {
    if (name.startsWith("store-test-")) await root.removeEntry(name, { recursive: true }).catch(() => {});
  }
  for (const { name } of await indexedDB.databases()) {
    if (name?.startsWith("store-test-")) indexedDB.deleteDatabase(name);
  }
});

function runInWorker(worker: Worker, request: WorkerCheckRequest): Promise<void> {
  return new Promise((resolve, reject) => {
    const end = new AbortController();
    const fail = (event: ErrorEvent) => {
      end.abort();
      reject(new Error(event.message || "the worker could not start"));
    };
    const listen = ({ data }: MessageEvent<{ id: number; error?: SerializedLanceError }>) => {
      if (data.id !== request.id) return;
      end.abort();
      if (data.error) reject(deserializeError(data.error));
      else resolve();
    };
    worker.addEventListener("message", listen, { signal: end.signal });
    worker.addEventListener("error", fail, { signal: end.signal });
    worker.postMessage(request);
  });
}
