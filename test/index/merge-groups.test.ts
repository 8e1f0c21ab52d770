import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { planIndexMerge } from "../../src/index/plan-build.ts";
import type { TaskProgress } from "../../src/index/progress.ts";
import { listIndexTypes } from "../../src/index/registry.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, VectorQuery } from "../../src/index/segment.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import { createNodeRuntime } from "../../src/runtime/node.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { setRuntime, type WorkerEndpoint } from "../../src/runtime.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { makeMortal } from "../support/mortal-worker.ts";
import {
  createFragments,
  createRandom,
  expectError,
  getCommittedSegments,
  listPaths,
  makeSegment,
  type Value,
} from "./support.ts";

const DIMENSION = 16;
const FRAGMENTS = 12;
const ROWS = 300;
const VECTORS = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));
const TYPES = listIndexTypes().filter((indexType) => indexType.startsWith("IVF_"));
const runtime = createNodeRuntime();
let pool: WorkerPool;
let directory: string;

beforeAll(async () => {
  setRuntime(runtime);
  registerNodeStores();
  directory = await mkdtemp(join(tmpdir(), "lancelet-groups-"));
  pool = createWorkerPool({ numWorkers: 2 });
});
afterAll(async () => {
  await pool.close();
  await rm(directory, { recursive: true, force: true });
});

const random = createRandom(17);
const makeVector = (): Float32Array => Float32Array.from({ length: DIMENSION }, () => random() - 0.5);
const makeQuery = (): VectorQuery => ({
  kind: "vector",
  q: makeVector(),
  k: 40,
  minimumNprobes: 100,
  maximumNprobes: null,
  ef: 1000,
  approxMode: "accurate",
});

/** A segment for each fragment, of one model, uncommitted. */
async function stage(
  title: string,
  indexType: string,
): Promise<{ store: Store; snapshot: Snapshot; staged: IndexSegment[] }> {
  const store = createNodeFsStore(join(directory, title));
  const values = (): Value[] => Array.from({ length: ROWS }, makeVector);
  const snapshot = await createFragments(store, VECTORS, Array.from({ length: FRAGMENTS }, values));
  const options = { pool, params: { numPartitions: 4 } };
  const model = await trainIndexModel(snapshot, "v", indexType, options);
  const staged = await Promise.all(
    snapshot.fragments.map(({ id }) =>
      createIndexUncommitted(snapshot, "v", indexType, { ...options, model, fragmentIds: [id] }),
    ),
  );
  await store.delete(model!.path);
  return { store, snapshot, staged };
}

const sizeOf = ({ files }: IndexSegment): number => files!.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
const planThree = (staged: readonly IndexSegment[]) =>
  planIndexMerge(staged, { targetSegmentBytes: Math.max(...staged.map(sizeOf)) * 3 });

/** Notes the budget of every merge, and how many run at once. */
function watchMerges(): { readonly watched: WorkerPool; readonly budgets: number[]; peak(): number } {
  const budgets: number[] = [];
  let [running, peak] = [0, 0];
  const watched: WorkerPool = {
    numWorkers: pool.numWorkers,
    inline: false,
    close: () => pool.close(),
    async run<T>(...[job, options]: Parameters<WorkerPool["run"]>): Promise<T> {
      if (job.kind !== "index.merge") return pool.run<T>(job, options);
      budgets.push((job.payload as { task: { memoryBudgetBytes: number } }).task.memoryBudgetBytes);
      peak = Math.max(peak, ++running);
      try {
        return await pool.run<T>(job, options);
      } finally {
        running--;
      }
    },
  };
  return { watched, budgets, peak: () => peak };
}

describe.each(TYPES)("%s", (indexType) => {
  test("groups merge at once on the pool, each within its share, and answer as their sources did", async () => {
    const { snapshot, staged } = await stage(`${indexType}-merge`, indexType);
    const groups = planThree([...staged].reverse());
    expect(groups.length).toBeGreaterThanOrEqual(4);
    expect(groups.flat().map(({ fragmentIds }) => fragmentIds[0])).toEqual(staged.map((_, i) => i));
    const { watched, budgets, peak } = watchMerges();
    const options = { pool: watched, memoryBudgetBytes: 2_000_000 };
    const merged = await Promise.all(groups.map((group) => mergeExistingIndexSegments(snapshot, group, options)));
    expect(budgets).toEqual(groups.map(() => 1_000_000));
    await mergeExistingIndexSegments(snapshot, groups[0]!, options);
    expect(budgets.at(-1)).toBe(2_000_000);
    expect(peak()).toBeGreaterThan(1);
    for (const [i, segment] of merged.entries()) {
      expect(segment.fragmentIds).toEqual(groups[i]!.flatMap(({ fragmentIds }) => fragmentIds));
    }
    const before = await commitExistingIndexSegments(snapshot, "staged", "v", staged);
    const after = await commitExistingIndexSegments(before, "merged", "v", merged);
    for (let i = 0; i < 5; i++) {
      const query = makeQuery();
      const [from, to] = await Promise.all(
        ["staged", "merged"].map(async (name) =>
          searchSegments(after, await getCommittedSegments(after, name), query, { pool }),
        ),
      );
      const found = new Set(from!.rowIds);
      const shared = [...to!.rowIds].filter((rowId) => found.has(rowId)).length;
      // Graphs and re-coded rows may differ in a few; the others are the same rows.
      expect(shared / query.k).toBeGreaterThanOrEqual(0.9);
    }
  });

  test("a worker that dies: its group is merged again, nothing of the first attempt is seen", async () => {
    const { snapshot, staged } = await stage(`${indexType}-death`, indexType);
    const groups = planThree(staged);
    const living: WorkerEndpoint[] = [];
    const mortal = createWorkerPool({
      numWorkers: 2,
      spawn: () => {
        const endpoint = makeMortal(runtime.spawnWorker!());
        living.push(endpoint);
        return endpoint;
      },
    });
    let [kills, repeated] = [0, false];
    const onProgress = (event: { readonly kind: string }): void => {
      const { kind, finished, attempt } = event as TaskProgress;
      repeated ||= kind === "merge" && finished && attempt > 1;
      if (finished || kills > 0) return;
      kills++;
      for (const endpoint of living.splice(0)) endpoint.terminate();
    };
    const merged = await Promise.all(
      groups.map((group) => mergeExistingIndexSegments(snapshot, group, { pool: mortal, onProgress })),
    );
    await mortal.close();
    expect([kills, repeated]).toEqual([1, true]);
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", merged);
    expect((await getCommittedSegments(committed, "v_idx")).map(({ uuid }) => uuid)).toEqual(
      merged.map(({ uuid }) => uuid),
    );
    const answer = await searchSegments(committed, merged, makeQuery(), { pool });
    expect(answer.rowIds).toHaveLength(40);
  });

  test("cancelled: what was merged is gone, the sources stand", async () => {
    const { store, snapshot, staged } = await stage(`${indexType}-cancel`, indexType);
    const before = await listPaths(store);
    const cancel = new AbortController();
    const merging = planThree(staged).map((group) =>
      mergeExistingIndexSegments(snapshot, group, {
        pool,
        signal: cancel.signal,
        onProgress: ({ kind }) => kind === "merge" && cancel.abort(),
      }),
    );
    const settled = await Promise.allSettled(merging);
    for (const one of settled) {
      if (one.status === "rejected") expect(one.reason).toMatchObject({ code: "ABORTED" });
      else for (const { path } of one.value.files!) await store.delete(`_indices/${one.value.uuid}/${path}`);
    }
    expect(settled.some(({ status }) => status === "rejected")).toBe(true);
    expect(await listPaths(store)).toEqual(before);
  });
});

test("a group is of one index, and a budget is a size", async () => {
  const segment = (name: string, id: number): IndexSegment => makeSegment(id, { name });
  const groups = planIndexMerge([segment("a", 0), segment("b", 1), segment("a", 2), segment("b", 3)]);
  expect(groups.map((group) => group.map(({ name, fragmentIds }) => `${name}${fragmentIds[0]}`))).toEqual([
    ["a0", "a2"],
    ["b1", "b3"],
  ]);
  const { snapshot, staged } = await stage("budget", "IVF_FLAT");
  const merging = mergeExistingIndexSegments(snapshot, staged, { pool, memoryBudgetBytes: 0 });
  await expectError(merging, "INVALID_ARGUMENT");
});
