import { Field, FixedSizeList, Float32, Int32, Schema } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { commitIndices } from "../../src/index/commit.ts";
import { toIndexMetadata } from "../../src/index/metadata.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("vector", new FixedSizeList(4, new Field("item", new Float32(), true)), true),
]);
const rows = Array.from({ length: 400 }, (_, id) => ({ id, vector: [id % 7, id % 11, id % 13, (id * 3) % 17] }));
const q = [1, 2, 3, 4];

/** Four fragments of 100 rows. */
const openTable = (): Promise<Dataset> => writeDataset(rows, createMemoryStore(), { schema, maxRowsPerFile: 100 });
const numRows = async (dataset: Dataset, options: Parameters<Dataset["toTable"]>[0]) =>
  (await dataset.toTable({ columns: ["id"], ...options })).numRows;

describe("of several indexes the planner takes the one that covers most", () => {
  it("a scalar index that covers nothing is never asked", async () => {
    const dataset = await openTable();
    await dataset.createScalarIndex("id", "BTREE", { name: "a", train: false });
    expect(await dataset.scanner({ filter: "id = 5" }).explainPlan()).not.toContain("ScalarIndexQuery");
    await dataset.createScalarIndex("id", "BTREE", { name: "b" });
    expect(await dataset.scanner({ filter: "id = 5" }).explainPlan()).toContain("@b(BTree)");
    expect(await numRows(dataset, { filter: "id = 5", fastSearch: true })).toBe(1);
  });

  it("of two vector indexes too, and one of the query's metric first", async () => {
    const dataset = await openTable();
    await dataset.createIndex("vector", "IVF_FLAT", { name: "va", fragmentIds: [0], numPartitions: 2 });
    await dataset.createIndex("vector", "IVF_FLAT", { name: "vb", numPartitions: 2 });
    await dataset.createIndex("vector", "IVF_FLAT", {
      name: "vc",
      numPartitions: 2,
      metric: "cosine",
      fragmentIds: [1],
    });
    expect(await dataset.scanner({ nearest: { column: "vector", q } }).explainPlan()).toContain("name=vb,");
    const cosine = await dataset.scanner({ nearest: { column: "vector", q, metric: "cosine" } }).explainPlan();
    expect(cosine).toContain("name=vc,");
  });
});

describe("rows without an index", () => {
  it("fastSearch looks at indexed rows only, also where there are none", async () => {
    const dataset = await openTable();
    const nearest = { column: "vector", q, k: 500 };
    expect(await numRows(dataset, { nearest, fastSearch: true })).toBe(0);
    await dataset.createIndex("vector", "IVF_FLAT", { fragmentIds: [1, 2], numPartitions: 2 });
    expect(await numRows(dataset, { nearest, fastSearch: true })).toBe(200);
    expect(await numRows(dataset, { nearest: { ...nearest, metric: "cosine" }, fastSearch: true })).toBe(0);
    expect(await numRows(dataset, { nearest })).toBe(400);
  });

  it("includeUnindexed: false leaves them out beside an index, of filters too", async () => {
    const dataset = await openTable();
    expect(await numRows(dataset, { filter: "id >= 0", includeUnindexed: false })).toBe(400);
    await dataset.createScalarIndex("id", "BTREE", { fragmentIds: [0] });
    expect(await numRows(dataset, { filter: "id >= 0", includeUnindexed: false })).toBe(100);
    expect(await numRows(dataset, { filter: "id >= 0" })).toBe(400);
  });
});

describe("an index this version cannot search", () => {
  /** One by cosine, of a format that a later release writes. */
  const open = async () => {
    const store = createMemoryStore();
    const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile: 100 });
    const [segment] = await dataset.createIndex("vector", "IVF_FLAT", { metric: "cosine", numPartitions: 2 });
    const snapshot = await openSnapshot(store, { uri: "memory://newer" });
    const newer = await toIndexMetadata({ ...segment!, indexVersion: 99 });
    await commitIndices(snapshot, [newer], [...snapshot.indices]);
    return openDataset(store);
  };

  it("gives its metric to the flat search, and the plan says why", async () => {
    const dataset = await open();
    const nearest = { column: "vector", q, k: 5 };
    expect(await dataset.scanner({ nearest }).explainPlan()).toContain(
      'KNNVectorDistance: metric=cosine, fragments=[0, 1, 2, 3], reason=index "vector_idx" is IVF_FLAT, which this version cannot search',
    );
    const read = async (more: object) => [
      ...(await dataset.toTable({ nearest: { ...nearest, ...more } })).getChild("id")!,
    ];
    expect(await read({})).toEqual(await read({ metric: "cosine", useIndex: false }));
  });

  it("is refused by name, and so are segments of it", async () => {
    const dataset = await open();
    const nearest = { column: "vector", q };
    await expect(dataset.toTable({ nearest: { ...nearest, indexName: "vector_idx" } })).rejects.toMatchObject({
      code: "UNSUPPORTED",
      details: { indexType: "IVF_FLAT" },
    });
    await expect(dataset.toTable({ nearest: { ...nearest, indexName: "nope" } })).rejects.toMatchObject({
      code: "INDEX_NOT_FOUND",
      details: { known: ["vector_idx"] },
    });
    await expect(dataset.toTable({ nearest, indexSegments: ["x"] })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

describe("options that would be ignored are refused", () => {
  it.each<[string, () => Promise<unknown>]>([
    ["openDataset", () => openDataset(createMemoryStore(), { verzion: 3 } as never)],
    ["openDataset, a budget", () => openDataset(createMemoryStore(), { memoryBudgetBytes: Number.NaN })],
    ["writeDataset", () => writeDataset(rows, createMemoryStore(), { maxRowPerFile: 3 } as never)],
    ["take", async () => (await openTable()).take([0], { colums: ["id"] } as never)],
    ["takeRows, an id", async () => (await openTable()).takeRows([1.5])],
    ["columns that are no array", async () => (await openTable()).toTable({ columns: "id" as never })],
    [
      "createIndex, a model",
      async () => (await openTable()).createIndex("vector", "IVF_FLAT", { model: null } as never),
    ],
    [
      "createIndex, a misspelt parameter",
      async () => (await openTable()).createIndex("vector", "IVF_FLAT", { nparts: 3 } as never),
    ],
    [
      "indexSegments without an index",
      async () =>
        (await openTable()).toTable({ nearest: { column: "vector", q, useIndex: false }, indexSegments: ["x"] }),
    ],
    [
      "append in another file version",
      async () => {
        const store = createMemoryStore();
        await writeDataset(rows, store, { schema });
        return writeDataset(rows, store, { schema, mode: "append", dataStorageVersion: "2.2" });
      },
    ],
  ])("%s", async (_name, run) => {
    await expect(run()).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  it("options that come later say so", async () => {
    const dataset = await openTable();
    const text = dataset.toTable({ fullTextQuery: "x" } as never);
    await expect(text).rejects.toMatchObject({ code: "UNSUPPORTED", details: { option: "fullTextQuery" } });
  });
});
