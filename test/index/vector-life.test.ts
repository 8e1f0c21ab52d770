import { Field, FixedSizeList, Float32, Int32, Schema } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { listIndexTypes } from "../../src/index/registry.ts";
import { type Dataset, writeDataset } from "../../src/index.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { inlinePool, listPaths } from "../dataset/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { createRandom } from "./support.ts";

const DIMENSION = 16;
const TYPES = listIndexTypes().filter((indexType) => indexType.startsWith("IVF_"));
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);
const makeVector = (seed: number): number[] => {
  const random = createRandom(seed);
  return Array.from({ length: DIMENSION }, () => Math.fround(random() * 2 - 1));
};
const makeRows = (first: number, count: number) =>
  Array.from({ length: count }, (_, i) => ({ id: first + i, vector: makeVector(first + i + 1) }));
const q = makeVector(424242);

/** Fragments of 300, 300, 80 and 70 rows; a segment over the first two, another over the others. */
async function prepare(indexType: string, enableStableRowIds = false) {
  const store = createCountingStore(createMemoryStore());
  const dataset = await writeDataset(makeRows(0, 600), store, {
    schema,
    maxRowsPerFile: 300,
    enableStableRowIds,
    pool: inlinePool,
  });
  await dataset.insert(makeRows(600, 80));
  await dataset.insert(makeRows(680, 70));
  const options = { numPartitions: 3, maxIterations: 5 };
  const model = await dataset.trainIndexModel("vector", indexType, options);
  const build = (fragmentIds: readonly number[]) =>
    dataset.createIndexUncommitted("vector", indexType, { ...options, model, fragmentIds });
  const segments = [await build([0, 1]), await build([2, 3])];
  await store.delete(model!.path);
  await dataset.commitExistingIndexSegments("vector_idx", "vector", segments);
  return { store, dataset };
}

const uuidsOf = async (dataset: Dataset): Promise<string[]> =>
  (await dataset.indexSegments("vector_idx")).map(({ uuid }) => uuid);
const coverageOf = async (dataset: Dataset): Promise<(readonly number[])[]> =>
  (await dataset.indexSegments("vector_idx")).map(({ fragmentIds }) => fragmentIds);
const directoriesOf = async (store: Parameters<typeof listPaths>[0]): Promise<Set<string>> =>
  new Set((await listPaths(store, "_indices/")).map((path) => path.split("/")[1]!));

/** The index, asked for every candidate and measured again, finds what a scan finds; and no fragment is scanned. */
async function check(dataset: Dataset, options: { readonly isCovered: boolean } = { isCovered: true }): Promise<void> {
  const nearest = { column: "vector", q, k: 10, minimumNprobes: 10, refineFactor: 100, ef: 2000 };
  const read = async (more: object) =>
    Array.from((await dataset.toTable({ columns: ["id"], nearest: { ...nearest, ...more } })).getChild("id")!, Number);
  expect(await read({})).toEqual(await read({ useIndex: false }));
  const plan = await dataset.scanner({ nearest }).explainPlan();
  expect(plan).toContain("ANNIvfPartition");
  if (options.isCovered) expect(plan).not.toContain("fragments=[");
}

describe.each(TYPES)("%s", (indexType) => {
  test("a compaction writes the segments anew whose fragments move, and no other", async () => {
    const { store, dataset } = await prepare(indexType);
    await dataset.delete("id % 5 = 2 AND id >= 600");
    const before = await uuidsOf(dataset);
    store.reset();
    const { fragmentsRemoved } = await dataset.optimize.compactFiles({ targetRowsPerFragment: 300 });
    expect(fragmentsRemoved).toBe(2);
    const after = await uuidsOf(dataset);
    expect(after).toHaveLength(2);
    expect(after[0]).toBe(before[0]);
    expect(after[1]).not.toBe(before[1]);
    expect(store.gets(new RegExp(`^_indices/${before[0]}/`))).toEqual([]);
    expect(await coverageOf(dataset)).toEqual([[0, 1], dataset.fragmentIds.slice(2)]);
    await check(dataset);
  });

  test("put off: no segment is written, and rows are found where they went", async () => {
    const { dataset } = await prepare(indexType);
    await dataset.delete("id % 5 = 2 AND id >= 600");
    const before = await uuidsOf(dataset);
    await dataset.optimize.compactFiles({ targetRowsPerFragment: 300, deferIndexRemap: true });
    expect(await uuidsOf(dataset)).toEqual(before);
    expect(await coverageOf(dataset)).toEqual([[0, 1], dataset.fragmentIds.slice(2)]);
    await check(dataset);
    await dataset.optimize.optimizeIndices({ numIndicesToMerge: 100 });
    expect(await coverageOf(dataset)).toEqual([dataset.fragmentIds]);
    await check(dataset);
  });

  test.each([false, true])("rows that change leave the segment they were in (stable row ids: %s)", async (stable) => {
    const { dataset } = await prepare(indexType, stable);
    const renewed = [3, 301, 640].map((id) => ({ id, vector: q.map((value) => Math.fround(value * (1 + id / 1e4))) }));
    await dataset.mergeInsert("id").whenMatchedUpdateAll().execute(renewed);
    const covered = new Set((await coverageOf(dataset)).flat());
    const moved = dataset.fragmentIds.filter((id) => !covered.has(id));
    expect(moved).toHaveLength(1);
    const first = await dataset.toTable({ columns: ["id"], nearest: { column: "vector", q, k: 3 } });
    expect(Array.from(first.getChild("id")!, Number)).toEqual([3, 301, 640]);
    await check(dataset, { isCovered: false });
    expect(await dataset.optimize.optimizeIndices()).toMatchObject([{ action: "appended", newFragmentIds: moved }]);
    await check(dataset);
  });

  test("appended, folded, trained again: each is one commit, and a clean-up takes what was replaced", async () => {
    const { store, dataset } = await prepare(indexType);
    await dataset.insert(makeRows(750, 60));
    const clean = () => dataset.cleanupOldVersions({ olderThanMs: 0, deleteUnverified: true });
    const seen = new Set(await uuidsOf(dataset));
    for (const [options, action, numSegments] of [
      [{}, "appended", 3],
      [{ numIndicesToMerge: 2 }, "merged", 2],
      [{ numIndicesToMerge: 100 }, "merged", 1],
      [{ retrain: true }, "retrained", 1],
    ] as const) {
      const version = dataset.version;
      const [done] = await dataset.optimize.optimizeIndices({ ...options, indexNames: ["vector_idx"] });
      expect(done).toMatchObject({ action, numSegments });
      expect(dataset.version).toBe(version + 1);
      await check(dataset);
      for (const uuid of await uuidsOf(dataset)) seen.add(uuid);
      // What older versions name stays; nothing else was left behind.
      expect(await directoriesOf(store)).toEqual(seen);
    }
    await clean();
    expect([...(await directoriesOf(store))]).toEqual(await uuidsOf(dataset));
    await check(dataset);
    await dataset.dropIndex("vector_idx");
    expect((await directoriesOf(store)).size).toBe(1);
    await clean();
    expect((await directoriesOf(store)).size).toBe(0);
  });

  test("an index of no fragment that is left answers nothing, and is built anew by what comes", async () => {
    const { dataset } = await prepare(indexType);
    await dataset.delete("id < 1000");
    const nearest = { column: "vector", q, k: 5 };
    expect((await dataset.toTable({ nearest })).numRows).toBe(0);
    await dataset.insert(makeRows(2000, 300));
    expect((await dataset.toTable({ nearest })).numRows).toBe(5);
    await dataset.optimize.optimizeIndices();
    await check(dataset);
  });
});
