import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, Int32 } from "apache-arrow";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { LanceError } from "../../src/errors.ts";
import { createBuildTask } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { getIndexStatistics } from "../../src/index/describe.ts";
import { planBuild, planIndexMerge } from "../../src/index/plan-build.ts";
import type { BuildProgress, TaskProgress } from "../../src/index/progress.ts";
import { runTableJob } from "../../src/index/run-job.ts";
import { prewarmSegments, searchSegments, searchSegmentsEach } from "../../src/index/search.ts";
import type { IndexSegment, VectorQuery } from "../../src/index/segment.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import { createNodeRuntime } from "../../src/runtime/node.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { setRuntime, type WorkerEndpoint } from "../../src/runtime.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { makeMortal } from "../support/mortal-worker.ts";
import {
  createFragments,
  createRandom,
  expectError,
  getCommittedSegments,
  inlinePool,
  listPaths,
  makeSegment,
  readRows,
  type Value,
} from "./support.ts";

const DIMENSION = 16;
const VECTORS = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));
const runtime = createNodeRuntime();
const endpoints: WorkerEndpoint[] = [];
let pool: WorkerPool;
let directory: string;

beforeAll(async () => {
  setRuntime(runtime);
  registerNodeStores();
  directory = await mkdtemp(join(tmpdir(), "lancelet-pool-"));
  pool = createWorkerPool({
    numWorkers: 4,
    spawn: () => {
      const endpoint = makeMortal(runtime.spawnWorker!());
      endpoints.push(endpoint);
      return endpoint;
    },
  });
  // All are up before the first build, or one that started early would take two of its tasks.
  const jobs = ["a", "b", "c", "d"].map((affinity) => pool.run({ kind: "no such job", payload: null }, { affinity }));
  for (const job of await Promise.allSettled(jobs)) expect(job.status).toBe("rejected");
  expect(endpoints).toHaveLength(4);
});
afterAll(async () => {
  await pool.close();
  await rm(directory, { recursive: true, force: true });
});

let numTables = 0;
let store: Store;
let snapshot: Snapshot;
beforeEach(async () => {
  store = createNodeFsStore(join(directory, `table-${numTables++}`));
  const random = createRandom(numTables);
  const values = (count: number): Value[] =>
    Array.from({ length: count }, () => Float32Array.from({ length: DIMENSION }, () => random() - 0.5));
  snapshot = await createFragments(store, VECTORS, [4000, 4000, 4000, 4000].map(values));
});

const params = { metric: "l2", numPartitions: 8, maxIterations: 5 };
const query = (k = 10): VectorQuery => ({
  kind: "vector",
  q: Float32Array.from({ length: DIMENSION }, (_, i) => Math.sin(i) / 3),
  k,
  minimumNprobes: 8,
  maximumNprobes: 8,
});

async function bruteForce(at: Snapshot, { q, k }: VectorQuery): Promise<bigint[]> {
  const rows = [...(await readRows(at))].map(([rowId, value]) => {
    const distance = (value as Float32Array).reduce((sum, x, i) => sum + (x - q[i]!) ** 2, 0);
    return { rowId, distance };
  });
  return rows
    .sort((a, b) => a.distance - b.distance)
    .slice(0, k)
    .map(({ rowId }) => rowId);
}

describe("worker threads", () => {
  test("build a segment each, keep it open, and answer together", async () => {
    const events: BuildProgress[] = [];
    const { snapshot: committed, segments } = await createIndex(snapshot, "v", "IVF_FLAT", {
      pool,
      params,
      onProgress: (event) => events.push(event),
    });
    expect(segments.map(({ fragmentIds }) => fragmentIds)).toEqual([[0], [1], [2], [3]]);
    const builds = events.filter((event): event is TaskProgress => event.kind === "build");
    expect(new Set(builds.map(({ workerIndex }) => workerIndex)).size).toBe(4);
    expect(builds.filter(({ finished }) => finished).map(({ total, bytes }) => [total > 0, bytes > 0])).toEqual(
      Array.from({ length: 4 }, () => [true, true]),
    );
    expect(events.at(-1)).toMatchObject({ kind: "commit", segments: 4, version: committed.version });

    const cold = await searchSegments(committed, segments, query(), { pool });
    expect([...cold.rowIds]).toEqual(await bruteForce(committed, query()));
    expect(cold.segments.map(({ workerIndex }) => workerIndex).sort()).toEqual([0, 1, 2, 3]);
    expect(cold.metrics.bytesRead).toBeGreaterThan(16000 * DIMENSION * 4);
    const warm = await searchSegments(committed, segments, query(), { pool });
    expect(warm.rowIds).toEqual(cold.rowIds);
    expect(warm.metrics).toMatchObject({ bytesRead: 0, partsLoaded: 0, partsFromCache: 32 });
    expect(await getIndexStatistics(committed, "v_idx", { pool })).toMatchObject({
      numSegments: 4,
      numIndexedRows: 16000,
    });
  });

  test("several queries cross to each segment's worker once, and answer as one by one", async () => {
    const { snapshot: committed } = await createIndex(snapshot, "v", "IVF_FLAT", { pool, params });
    const segments = await getCommittedSegments(committed, "v_idx");
    const queries = [1, 2, 3, 4, 5, 6].map((seed) => {
      const random = createRandom(seed);
      return { ...query(7), q: Float32Array.from({ length: DIMENSION }, () => random() - 0.5) };
    });
    let jobs = 0;
    const counted: WorkerPool = {
      ...{ numWorkers: pool.numWorkers, inline: pool.inline, close: () => pool.close() },
      run: (...args) => {
        jobs++;
        return pool.run(...args);
      },
    };
    const together = await searchSegmentsEach(committed, segments, queries, { pool: counted });
    expect(jobs).toBe(segments.length);
    for (const [i, one] of queries.entries()) {
      const alone = await searchSegments(committed, segments, one, { pool });
      expect([...together[i]!.rowIds]).toEqual([...alone.rowIds]);
      expect([...together[i]!.distances]).toEqual([...alone.distances]);
      expect(together[i]!.segments.map(({ uuid }) => uuid)).toEqual(segments.map(({ uuid }) => uuid));
    }
  });

  test("prewarm reads what a search would", async () => {
    const { snapshot: committed, segments } = await createIndex(snapshot, "v", "IVF_FLAT", { pool, params });
    await prewarmSegments(committed, segments, { pool });
    const answer = await searchSegments(committed, segments, query(), { pool });
    expect(answer.metrics).toMatchObject({ bytesRead: 0, partsLoaded: 0 });
  });

  test("a store that only this thread has is served to them", async () => {
    const table = await createFragments(createMemoryStore(), new Int32(), [
      [3, 1, null],
      [2, 1],
    ]);
    const { snapshot: committed, segments } = await createIndex(table, "v", "BTREE", { pool });
    expect(segments).toHaveLength(2);
    const answer = await searchSegments(committed, segments, { kind: "equals", value: 1 }, { pool });
    expect([...answer.trueRows.ids()]).toEqual([1n, (1n << 32n) + 1n]);
    expect([...answer.nullRows.ids()]).toEqual([2n]);
  });

  test("a worker dies: its segment alone is built again, the other three stand", async () => {
    const events: TaskProgress[] = [];
    let killed = -1;
    const { snapshot: committed } = await createIndex(snapshot, "v", "IVF_FLAT", {
      pool,
      params: { ...params, numPartitions: 64 },
      onProgress: (event) => {
        if (event.kind !== "build") return;
        events.push(event);
        if (killed >= 0 || event.task !== 3 || event.finished) return;
        killed = event.workerIndex;
        const alive = endpoints.slice(-4);
        alive[killed]!.terminate();
      },
    });
    expect(killed).toBeGreaterThanOrEqual(0);
    const finished = events.filter((event) => event.finished);
    expect(finished.map(({ task, attempt }) => [task, attempt]).sort()).toEqual([
      [0, 1],
      [1, 1],
      [2, 1],
      [3, 2],
    ]);
    const segments = await getCommittedSegments(committed, "v_idx");
    expect(segments.map(({ fragmentIds }) => fragmentIds)).toEqual([[0], [1], [2], [3]]);
    const answer = await searchSegments(
      committed,
      segments,
      { ...query(), minimumNprobes: 64, maximumNprobes: 64 },
      { pool },
    );
    expect([...answer.rowIds]).toEqual(await bruteForce(committed, query()));
  });

  test("a cancelled build stops them, and leaves nothing", async () => {
    const before = await listPaths(store);
    const cancel = new AbortController();
    const building = createIndex(snapshot, "v", "IVF_FLAT", {
      pool,
      params: { ...params, numPartitions: 64 },
      signal: cancel.signal,
      onProgress: (event) => event.kind === "build" && cancel.abort(),
    });
    await expectError(building, "ABORTED");
    expect(await listPaths(store)).toEqual(before);
  });

  test("an error of a worker keeps its code and details", async () => {
    const error = await expectError(
      createIndex(snapshot, "v", "IVF_FLAT", { pool, params: { ...params, numPartitions: 900_000 } }),
      "INVALID_ARGUMENT",
    );
    expect(error.details).toMatchObject({ numPartitions: 900_000 });
  });
});

describe("retries", () => {
  /** Fails the n-th attempts at building fragment 2. */
  function createFlakyPool(failures: number, code: "WORKER_FAILED" | "CORRUPT"): WorkerPool & { attempts: number } {
    const flaky = {
      ...inlinePool,
      attempts: 0,
      async run<T>(job: Parameters<WorkerPool["run"]>[0], options: Parameters<WorkerPool["run"]>[1]): Promise<T> {
        const { fragmentIds } = (job.payload as { task: { fragmentIds: readonly number[] } }).task;
        if (job.kind === "index.build" && fragmentIds.includes(2) && flaky.attempts++ < failures) {
          throw new LanceError(code, "the worker went away");
        }
        return inlinePool.run<T>(job, options);
      },
      numWorkers: 4,
    };
    return flaky;
  }

  test("up to three attempts", async () => {
    const flaky = createFlakyPool(2, "WORKER_FAILED");
    const { segments } = await createIndex(snapshot, "v", "IVF_FLAT", { pool: flaky, params });
    expect([segments.length, flaky.attempts]).toEqual([4, 3]);
  });

  test.each([
    ["WORKER_FAILED", 3],
    ["CORRUPT", 1],
  ] as const)("%s ends the build after %d, with nothing left", async (code, attempts) => {
    const before = await listPaths(store);
    const flaky = createFlakyPool(100, code);
    await expectError(createIndex(snapshot, "v", "IVF_FLAT", { pool: flaky, params }), code);
    expect(flaky.attempts).toBe(attempts);
    expect(await listPaths(store)).toEqual(before);
  });
});

test("a task and a segment are plain JSON: they may cross any queue", async () => {
  const task = await createBuildTask(snapshot, "v", "ivf_flat", {
    name: "v_idx",
    fragmentIds: [1, 0],
    params,
    memoryBudgetBytes: 1 << 20,
  });
  expect(Object.keys(task).sort()).toEqual(
    ["column", "fragmentIds", "indexType", "memoryBudgetBytes", "model", "name", "params", "uri", "version"].sort(),
  );
  const posted = JSON.parse(JSON.stringify(task)) as typeof task;
  expect(posted).toEqual(task);
  const segment = await runTableJob<IndexSegment>(pool, snapshot, { kind: "index.build", payload: { task: posted } });
  const received = JSON.parse(JSON.stringify(segment)) as IndexSegment;
  expect(received).toEqual(segment);
  const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [received]);
  expect(await getCommittedSegments(committed, "v_idx")).toEqual([segment]);
});

describe("plans", () => {
  const fragments = (...rows: number[]) => rows.map((numRows, id) => ({ id, numRows }));

  test("balanced by rows, never more groups than fragments", () => {
    expect(planBuild(fragments(100, 10, 90, 20, 80), 2)).toEqual([
      [0, 1, 3],
      [2, 4],
    ]);
    // Neighbours stay together where that costs little: compactions join only what the same segments cover.
    expect(planBuild(fragments(10, 10, 10, 10, 10, 10, 10), 3)).toEqual([[0, 1, 2], [3, 4, 5], [6]]);
    expect(planBuild(fragments(30, 10, 10, 10, 10, 20), 3)).toEqual([[0], [1, 2, 3], [4, 5]]);
    expect(planBuild(fragments(5, 5), 8)).toEqual([[0], [1]]);
    expect(planBuild(fragments(0, 0, 0), 3)).toEqual([[0], [1], [2]]);
    expect(planBuild([], 3)).toEqual([[]]);
    expect(() => planBuild(fragments(1), 0)).toThrow("numWorkers");
  });

  test("merge groups by size, neighbours together, large ones alone", () => {
    const segment = (id: number, sizeBytes: number | null): IndexSegment =>
      makeSegment(id, { files: sizeBytes === null ? null : [{ path: "index.idx", sizeBytes }] });
    const plan = (sizes: (number | null)[], targetSegmentBytes: number) =>
      planIndexMerge(sizes.map((size, id) => segment(id, size)).reverse(), { targetSegmentBytes }).map((group) =>
        group.map(({ fragmentIds }) => fragmentIds[0]),
      );
    expect(plan([40, 40, 40, 10, 200, 5], 100)).toEqual([
      [0, 1],
      [2, 3],
    ]);
    expect(plan([40, null, 40], 100)).toEqual([]);
    expect(plan([], 100)).toEqual([]);
    expect(() => planIndexMerge([], { targetSegmentBytes: 0 })).toThrow("targetSegmentBytes");
  });
});
