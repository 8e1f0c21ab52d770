import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createIndexedDbStore } from "../../src/store/indexeddb.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { createOpfsStore } from "../../src/store/opfs.ts";
import { listStoreChecks } from "../conformance/store-checks.ts";
import { createPaths } from "../conformance/store-races.ts";
import { describeStore } from "../conformance/store-suite.ts";
import { callBackendWorker, startBackendWorker } from "./support/call-worker.ts";

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
      worker = startBackendWorker();
    });
    afterAll(() => worker.terminate());
    for (const check of listStoreChecks()) {
      it(check.name, async () => {
        await callBackendWorker(worker, { id: ++lastId, backend, prefix: `${run}-worker`, check: check.name });
      });
    }
  });
}

for (const backend of ["opfs", "indexeddb"] as const) {
  it(`of creates racing from two workers and the main thread on ${backend} exactly one wins each path`, async () => {
    const name = `${run}-race-${backend}`;
    const store = backend === "opfs" ? createOpfsStore(name) : createIndexedDbStore(name);
    const workers = [0, 1].map(() => startBackendWorker());
    const numPaths = 15;
    const outcomes = await Promise.all([
      createPaths(store, { text: "main", numPaths }),
      ...workers.map((worker, i) =>
        callBackendWorker(worker, { id: 1, backend, prefix: name, create: { text: `worker ${i}`, numPaths } }),
      ),
    ]);
    for (const worker of workers) worker.terminate();
    const wins = outcomes as number[][];
    expect(wins.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: numPaths }, (_, i) => i));
    for (const [i, text] of ["main", "worker 0", "worker 1"].entries()) {
      for (const path of wins[i]!) {
        expect(new TextDecoder().decode((await store.get(`_versions/${path}`))?.bytes)).toBe(text);
      }
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
