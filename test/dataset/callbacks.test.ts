import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  type BuildProgress,
  createMemoryStore,
  type Dataset,
  openDataset,
  type WorkerPool,
  writeDataset,
} from "../../src/index.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import { serveKernelModules } from "../../src/runtime/kernel-modules.ts";
import { adaptNodeWorker } from "../../src/runtime/node-endpoint.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { getRuntime, type WorkerEndpoint } from "../../src/runtime.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { inlinePool, listPaths, makeRows, SCHEMA } from "./support.ts";

const boom = new TypeError("boom");
const rows = makeRows(0, 3000);
const spawn = (): WorkerEndpoint => {
  const worker = adaptNodeWorker(new Worker(new URL("../../src/runtime/node-worker.ts", import.meta.url)));
  serveKernelModules(worker, getRuntime().loadKernelModule);
  return worker;
};

let directory: string;
let threads: WorkerPool;
let numTables = 0;
beforeAll(async () => {
  registerNodeStores();
  directory = await mkdtemp(join(tmpdir(), "lancelet-callbacks-"));
  threads = createWorkerPool({ numWorkers: 2, spawn });
});
afterAll(async () => {
  await threads.close();
  await rm(directory, { recursive: true, force: true });
});

async function createTable(pool: WorkerPool): Promise<Dataset> {
  const path = join(directory, `table-${numTables++}.lance`);
  return writeDataset(rows, path, { schema: SCHEMA, maxRowsPerFile: 1000, pool });
}

async function expectThrown(call: Promise<unknown>, name = "onProgress", details: object = {}): Promise<void> {
  const error = await call.then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(error).toMatchObject({ code: "INVALID_ARGUMENT", details: { callback: name, ...details } });
  expect((error as Error).message).toContain(`${name} threw: boom`);
  expect((error as Error).cause).toBe(boom);
}

const throwWhen =
  (when: (progress: BuildProgress) => boolean) =>
  (progress: BuildProgress): void => {
    if (when(progress)) throw boom;
  };

describe.each([
  ["inline", () => inlinePool],
  ["worker threads", () => threads],
])("an index build on %s", (_, getPool) => {
  const when: Readonly<Record<string, (progress: BuildProgress) => boolean>> = {
    "at the first event": () => true,
    "at the first event of the builds": ({ kind }) => kind === "build",
    "when a model is trained": (progress) => progress.kind === "train" && progress.finished,
    "when a segment is finished": (progress) => progress.kind === "build" && progress.finished,
  };
  test.each(Object.entries(when))("onProgress throws %s: that very error, nothing left", async (_name, matches) => {
    const dataset = await createTable(getPool());
    const build = dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 4, onProgress: throwWhen(matches) });
    await expectThrown(build);
    expect(dataset.version).toBe(1);
    expect((await openDataset(dataset.uri)).version).toBe(1);
    const store = createNodeFsStore(dataset.uri);
    expect(await listPaths(store, "_indices/")).toEqual([]);
    // The pool goes on.
    await dataset.createScalarIndex("size", "BTREE");
    expect(dataset.version).toBe(2);
  });

  test("onProgress throws at the commit: the index is there, the error says so, the handle has moved", async () => {
    const dataset = await createTable(getPool());
    const onProgress = throwWhen(({ kind }) => kind === "commit");
    const build = dataset.createScalarIndex("size", "BTREE", { onProgress });
    await expectThrown(build, "onProgress", { committed: true, version: 2 });
    expect(dataset.version).toBe(2);
    expect((await dataset.describeIndices()).map(({ name }) => name)).toEqual(["size_idx"]);
    expect(await dataset.countRows("size = 12")).toBe(rows.filter(({ size }) => size === 12).length);
  });

  test("one segment, a model, a merge", async () => {
    const dataset = await createTable(getPool());
    const onProgress = throwWhen((progress) => progress.kind !== "commit" && progress.finished);
    await expectThrown(dataset.trainIndexModel("vector", "IVF_FLAT", { numPartitions: 4, onProgress }));
    await expectThrown(dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [0], onProgress }));
    const store = createNodeFsStore(dataset.uri);
    expect(await listPaths(store, "_indices/")).toEqual([]);
    const segments = await Promise.all(
      [0, 1].map((id) => dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [id] })),
    );
    const before = await listPaths(store, "_indices/");
    await expectThrown(dataset.mergeExistingIndexSegments(segments, { onProgress }));
    expect((await listPaths(store, "_indices/")).sort()).toEqual(before.sort());
  });
});

test("a write: no table, no file", async () => {
  const store = createMemoryStore();
  const onProgress = (): void => {
    throw boom;
  };
  await expectThrown(writeDataset(rows, store, { schema: SCHEMA, onProgress }));
  expect(await listPaths(store)).toEqual([]);
  const dataset = await writeDataset(rows, store, { schema: SCHEMA });
  const before = await listPaths(store);
  await expectThrown(dataset.insert(rows, { onProgress }));
  expect(dataset.version).toBe(1);
  expect((await listPaths(store)).sort()).toEqual(before.sort());
});

test("a copy: no table in the target; it goes on when called again", async () => {
  const dataset = await writeDataset(rows, createMemoryStore(), { schema: SCHEMA });
  const target = createMemoryStore();
  const onProgress = (): void => {
    throw boom;
  };
  await expectThrown(dataset.copyTo(target, { onProgress }));
  expect(await listPaths(target, "_versions/")).toEqual([]);
  await dataset.copyTo(target);
  expect(await (await openDataset(target)).countRows()).toBe(rows.length);
});

test("the statistics of a scan", async () => {
  const dataset = await writeDataset(rows, createMemoryStore(), { schema: SCHEMA });
  const scanStatsCallback = (): void => {
    throw boom;
  };
  await expectThrown(dataset.toTable({ limit: 10, scanStatsCallback }), "scanStatsCallback");
});

test.each([
  ["inline", () => inlinePool],
  ["worker threads", () => threads],
])("a job on %s: a throw of no Error is told too", async (_, getPool) => {
  const dataset = await createTable(getPool());
  const onProgress = (): void => {
    throw "just text";
  };
  const build = dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 4, onProgress });
  await expect(build).rejects.toMatchObject({ code: "INVALID_ARGUMENT", cause: "just text" });
});
