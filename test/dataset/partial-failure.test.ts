import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Worker } from "node:worker_threads";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type BuildProgress,
  createMemoryStore,
  type Dataset,
  type IndexSegment,
  openDataset,
  type Store,
  type WorkerPool,
  writeDataset,
} from "../../src/index.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import { serveKernelModules } from "../../src/runtime/kernel-modules.ts";
import { adaptNodeWorker } from "../../src/runtime/node-endpoint.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { getRuntime, type WorkerEndpoint } from "../../src/runtime.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { makeMortal } from "../support/mortal-worker.ts";
import {
  codeOf,
  compareNearest,
  findNearest,
  idsOf,
  inlinePool,
  listPaths,
  makeRows,
  makeVector,
  SCHEMA,
} from "./support.ts";

const ROWS_PER_FRAGMENT = 3000;
const rows = makeRows(0, 4 * ROWS_PER_FRAGMENT);
const q = makeVector(() => 0.4);

let directory: string;
let numTables = 0;
beforeAll(async () => {
  registerNodeStores();
  directory = await mkdtemp(join(tmpdir(), "lancelet-partial-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** A pool of real worker threads, and the worker that was last given a build of these fragments. */
function createThreads(numWorkers: number): {
  pool: WorkerPool;
  workerOf(fragmentId: number): WorkerEndpoint | undefined;
} {
  const builders = new Map<string, WorkerEndpoint>();
  const spawn = (): WorkerEndpoint => {
    const thread = new Worker(new URL("../../src/runtime/node-worker.ts", import.meta.url));
    const worker = makeMortal(adaptNodeWorker(thread));
    serveKernelModules(worker, getRuntime().loadKernelModule);
    const post = worker.postMessage;
    worker.postMessage = (message, transfer) => {
      const sent = JSON.stringify(message, (_, value) => (typeof value === "bigint" ? String(value) : value)) ?? "";
      const fragments = sent.includes("index.build") ? /"fragmentIds":\[([\d,]*)\]/.exec(sent)?.[1] : undefined;
      if (fragments !== undefined) builders.set(fragments, worker);
      post(message, transfer);
    };
    return worker;
  };
  return { pool: createWorkerPool({ numWorkers, spawn }), workerOf: (id) => builders.get(String(id)) };
}

/** Four fragments on the file system, which every worker opens for itself. */
async function createTable(pool: WorkerPool): Promise<Dataset> {
  const path = join(directory, `table-${numTables++}.lance`);
  return writeDataset(rows, path, { schema: SCHEMA, maxRowsPerFile: ROWS_PER_FRAGMENT, pool });
}

const attemptsOf = (events: readonly BuildProgress[]): Record<number, number> => {
  const attempts: Record<number, number> = {};
  for (const event of events) {
    if (event.kind === "build") attempts[event.task] = Math.max(attempts[event.task] ?? 0, event.attempt);
  }
  return attempts;
};

async function expectRightAnswers(dataset: Dataset): Promise<void> {
  const fresh = await openDataset(dataset.uri, { pool: inlinePool });
  const found = await fresh.toTable({ columns: ["id"], nearest: { column: "vector", q, k: 20, nprobes: 6 } });
  expect(compareNearest(found, findNearest(rows, q, 20))).toBe(null);
}

test("of four builds on worker threads one dies: three stand, the fourth alone runs again, four are published", async () => {
  const { pool, workerOf } = createThreads(4);
  const dataset = await createTable(pool);
  const store = createNodeFsStore(dataset.uri);
  const events: BuildProgress[] = [];
  let killed = 0;
  let builtBefore: string[] = [];
  try {
    const segments = await dataset.createIndex("vector", "IVF_FLAT", {
      numPartitions: 6,
      maxIterations: 5,
      numWorkers: 4,
      onProgress(progress) {
        events.push(progress);
        const isThird = progress.kind === "build" && progress.fragmentIds.join() === "2";
        if (!isThird || killed > 0 || progress.attempt > 1) return;
        killed++;
        workerOf(2)!.terminate();
      },
    });
    expect(killed).toBe(1);
    expect(attemptsOf(events)).toEqual({ 0: 1, 1: 1, 2: 2, 3: 1 });
    builtBefore = segments.map(({ uuid }) => uuid);
  } finally {
    await pool.close();
  }
  const committed = await dataset.indexSegments("vector_idx");
  expect(committed.map(({ uuid }) => uuid)).toEqual(builtBefore);
  expect(committed.map(({ fragmentIds }) => fragmentIds)).toEqual([[0], [1], [2], [3]]);
  expect(events.filter(({ kind }) => kind === "commit")).toHaveLength(1);
  // Beside the four only what the dead attempt had written may lie there, under a uuid nobody names.
  const directories = new Set((await listPaths(store, "_indices/")).map((path) => path.split("/")[1]!));
  for (const uuid of builtBefore) expect(directories.delete(uuid)).toBe(true);
  expect(directories.size).toBeLessThanOrEqual(1);
  await expectRightAnswers(dataset);
});

test("tasks run by hand: the segments of the others keep their uuids, only the dead one is built anew", async () => {
  const { pool, workerOf } = createThreads(2);
  const dataset = await createTable(pool);
  const build = (fragmentId: number, onProgress?: (progress: BuildProgress) => void): Promise<IndexSegment> =>
    dataset.createIndexUncommitted("size", "BTREE", { fragmentIds: [fragmentId], onProgress });
  try {
    const kill = (progress: BuildProgress): void => {
      if (progress.kind === "build") workerOf(2)!.terminate();
    };
    const settled = await Promise.allSettled([build(0), build(1), build(2, kill), build(3)]);
    expect(settled.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "rejected", "fulfilled"]);
    // It was given three attempts, each of which was killed.
    expect((settled[2] as PromiseRejectedResult).reason).toMatchObject({ code: "WORKER_FAILED" });
    expect(dataset.version).toBe(1);
    const standing = settled.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []));
    const retried = await build(2);
    expect(standing.map(({ uuid }) => uuid)).not.toContain(retried.uuid);
    await dataset.commitExistingIndexSegments("size_idx", "size", [...standing, retried]);
    const committed = await dataset.indexSegments("size_idx");
    expect(new Set(committed.map(({ uuid }) => uuid))).toEqual(new Set([...standing, retried].map(({ uuid }) => uuid)));
    const wanted = rows.filter(({ size }) => size === 12).map(({ id }) => id);
    expect(idsOf(await dataset.toTable({ columns: ["id"], filter: "size = 12" }))).toEqual(wanted);
  } finally {
    await pool.close();
  }
});

test("a store that fails once for one task: that task runs again, over the port of a store no worker can open", async () => {
  const inner = createMemoryStore();
  await writeDataset(rows.slice(0, 400), inner, { schema: SCHEMA, maxRowsPerFile: 100, pool: inlinePool });
  let numFailures = 0;
  let victim: string | undefined;
  // The first segment that writes its page file is the victim, and only its first attempt.
  const faulty = createFaultyStore(inner, {
    refusePaths(path) {
      if (!path.endsWith("page_data.lance")) return false;
      victim ??= path;
      if (path !== victim || numFailures > 0) return false;
      numFailures++;
      return true;
    },
  });
  const { pool } = createThreads(2);
  const events: BuildProgress[] = [];
  try {
    const dataset = await openDataset(faulty as Store, { pool });
    const segments = await dataset.createScalarIndex("size", "BTREE", { onProgress: (event) => events.push(event) });
    expect(numFailures).toBe(1);
    expect(Object.values(attemptsOf(events)).sort()).toEqual([1, 2]);
    expect(segments.flatMap(({ fragmentIds }) => fragmentIds).sort()).toEqual([0, 1, 2, 3]);
    expect(segments.map(({ uuid }) => victim!.includes(uuid))).toEqual([false, false]);
    const wanted = rows.slice(0, 400).filter(({ size }) => size !== null && size < 9);
    expect(idsOf(await dataset.toTable({ columns: ["id"], filter: "size < 9" }))).toEqual(wanted.map(({ id }) => id));
  } finally {
    await pool.close();
  }
});

test("every attempt fails: the build fails, nothing of it is left, the table is as it was", async () => {
  const inner = createMemoryStore();
  await writeDataset(rows.slice(0, 400), inner, { schema: SCHEMA, maxRowsPerFile: 100, pool: inlinePool });
  const before = await listPaths(inner);
  const faulty = createFaultyStore(inner, { refusePaths: /page_lookup/ });
  const { pool } = createThreads(2);
  try {
    const dataset = await openDataset(faulty as Store, { pool });
    expect(await codeOf(dataset.createScalarIndex("size", "BTREE"))).toBe("IO");
    expect(await listPaths(inner)).toEqual(before);
    expect(dataset.version).toBe(1);
  } finally {
    await pool.close();
  }
});

test("the same task inline and on a worker thread writes the same bytes", async () => {
  const { pool } = createThreads(1);
  const dataset = await createTable(pool);
  const store = createNodeFsStore(dataset.uri);
  const readFiles = async ({ uuid, files }: IndexSegment): Promise<Record<string, string>> => {
    const read = async (path: string) =>
      [path, Buffer.from((await store.get(`_indices/${uuid}/${path}`))!.bytes).toString("base64")] as const;
    return Object.fromEntries(await Promise.all(files!.map(({ path }) => read(path))));
  };
  try {
    const params = { metric: "cosine", numPartitions: 5, maxIterations: 6 };
    const inlineModel = await dataset.trainIndexModel("vector", "IVF_FLAT", { ...params, pool: inlinePool });
    const threadModel = await dataset.trainIndexModel("vector", "IVF_FLAT", params);
    expect(threadModel!.sha256).toBe(inlineModel!.sha256);
    for (const [column, type, more] of [
      ["vector", "IVF_FLAT", { ...params, model: inlineModel }],
      ["size", "BTREE", {}],
      ["name", "BTREE", { zoneSize: 100 }],
    ] as const) {
      const build = (own: object) =>
        dataset.createIndexUncommitted(column, type, { fragmentIds: [1, 3], ...more, ...own });
      const [inline, thread] = [await build({ pool: inlinePool }), await build({})];
      expect(thread.uuid).not.toBe(inline.uuid);
      expect(await readFiles(thread), column).toEqual(await readFiles(inline));
      expect({ ...thread, uuid: "", createdAt: 0 }).toEqual({ ...inline, uuid: "", createdAt: 0 });
    }
  } finally {
    await pool.close();
  }
});

test("cancelled on worker threads: ABORTED, nothing left, and the workers go on", async () => {
  const { pool } = createThreads(2);
  const dataset = await createTable(pool);
  const store = createNodeFsStore(dataset.uri);
  const before = await listPaths(store);
  try {
    for (const stage of ["train", "build"]) {
      const cancel = new AbortController();
      let numFinished = 0;
      const build = dataset.createIndex("vector", "IVF_FLAT", {
        numPartitions: 32,
        signal: cancel.signal,
        onProgress(progress) {
          if (progress.kind === "commit" || progress.kind !== stage) return;
          cancel.abort();
          if (progress.finished) numFinished++;
        },
      });
      expect(await codeOf(build), stage).toBe("ABORTED");
      // Stopped where it was, not run to its end and thrown away.
      expect(numFinished, stage).toBe(0);
      expect(await listPaths(store), stage).toEqual(before);
      expect(dataset.version).toBe(1);
    }
    await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 6, maxIterations: 3 });
    await expectRightAnswers(dataset);
  } finally {
    await pool.close();
  }
});
