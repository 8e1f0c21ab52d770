import { expect, test } from "vitest";
import {
  type BuildTask,
  createMemoryStore,
  type Dataset,
  openDataset,
  runBuildTask,
  writeDataset,
} from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import { codeOf, copyObjects, idsOf, inlinePool, listPaths, makeRows, SCHEMA } from "./support.ts";

const rows = makeRows(0, 200);
const objects: MemoryObjects = new Map();
const dataset: Dataset = await writeDataset(rows, createMemoryStore(objects), {
  schema: SCHEMA,
  maxRowsPerFile: 50,
  pool: inlinePool,
});

test("a plan is JSON: groups of about equal rows, no data, no credentials", async () => {
  const tasks = await dataset.planIndexBuild("size", "btree", { numWorkers: 3, zoneSize: 16, name: "sizes" });
  expect(JSON.parse(JSON.stringify(tasks))).toEqual(tasks);
  expect(tasks.map(({ fragmentIds }) => fragmentIds)).toEqual([[0, 1], [2], [3]]);
  expect(tasks[1]).toEqual({
    uri: dataset.uri,
    version: 1,
    column: "size",
    indexType: "BTREE",
    name: "sizes",
    params: { zoneSize: 16 },
    fragmentIds: [2],
    model: null,
    memoryBudgetBytes: 256 * 2 ** 20,
  });
  const some = await dataset.planIndexBuild("size", "BTREE", { numWorkers: 8, fragmentIds: [2, 1] });
  expect(some.map(({ fragmentIds }) => fragmentIds)).toEqual([[1], [2]]);
});

test("a task runs against its own version, whatever was written since; its segment is committed beside others", async () => {
  const store = createMemoryStore(copyObjects(objects));
  const own = await openDataset(store, { pool: inlinePool });
  const tasks = await own.planIndexBuild("size", "BTREE", { numWorkers: 2 });
  await own.insert(makeRows(200, 30));
  await own.delete("id < 10");
  const segments = await Promise.all(
    tasks.map((task) => runBuildTask(JSON.parse(JSON.stringify(task)), { uriOrStore: store, pool: inlinePool })),
  );
  expect(segments.map(({ datasetVersion }) => datasetVersion)).toEqual([1, 1]);
  await own.commitExistingIndexSegments("size_idx", "size", segments);
  const wanted = [...rows, ...makeRows(200, 30)].filter(({ id, size }) => id >= 10 && size !== null && size < 25);
  expect(idsOf(await own.toTable({ filter: "size < 25" }))).toEqual(wanted.map(({ id }) => id));
});

test("what is no task, or names what is not there, is refused before anything is written", async () => {
  const store = createMemoryStore(copyObjects(objects));
  const before = await listPaths(store);
  const [task] = (await dataset.planIndexBuild("vector", "IVF_FLAT", { numWorkers: 1, numPartitions: 2 })) as [
    BuildTask,
  ];
  const run = (spoiled: unknown) => codeOf(runBuildTask(spoiled as BuildTask, { uriOrStore: store, pool: inlinePool }));
  for (const wrong of [
    null,
    "task",
    {},
    { ...task, version: "1" },
    { ...task, fragmentIds: 3 },
    { ...task, params: null },
  ]) {
    expect(await run(wrong)).toBe("INVALID_ARGUMENT");
  }
  expect(await run({ ...task, version: 9 })).toBe("NOT_FOUND");
  expect(await run({ ...task, fragmentIds: [0, 9] })).toBe("NOT_FOUND");
  expect(await run({ ...task, model: { path: "_indices/none/model.json", sha256: "00" } })).toBe("NOT_FOUND");
  // A model of another training: well formed, only not the one the plan was made with.
  const own = await openDataset(store, { pool: inlinePool });
  const model = (await own.trainIndexModel("vector", "IVF_FLAT", { numPartitions: 2 }))!;
  expect(await run({ ...task, model: { ...model, sha256: model.sha256.replace(/./g, "0") } })).toBe("CORRUPT");
  expect(await listPaths(store)).toEqual([...before, model.path].sort());
  expect(await run({ ...task, model })).toBe(null);
});

test("rows read from a table go back in as they are, lists and vectors too", async () => {
  const store = createMemoryStore(copyObjects(objects));
  const own = await openDataset(store, { pool: inlinePool });
  const read = (await own.take([3, 17, 90])).toArray();
  await own.insert(read.map((row) => ({ ...row.toJSON(), id: 1000 + row.id })));
  const plain = (row: { toJSON(): object }) => ({ ...row.toJSON(), id: 0 });
  const back = (await own.toTable({ filter: "id >= 1000" })).toArray();
  expect(JSON.stringify(back.map(plain))).toBe(JSON.stringify(read.map(plain)));

  const tagged = await writeDataset(
    [
      { id: 1, tags: ["a", null, "b"], v: [1, 2] },
      { id: 2, tags: [], v: [3, 4] },
    ],
    createMemoryStore(),
  );
  await tagged.insert((await tagged.toTable()).toArray());
  const all = (await tagged.toTable()).toArray().map((row) => JSON.stringify(row));
  expect(all.slice(2)).toEqual(all.slice(0, 2));
});
