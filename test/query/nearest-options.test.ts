import { Field, FixedSizeList, Float32, Int32, List, Schema, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import type { NearestOptions, ScannerOptions } from "../../src/query/scan-options.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createRandom } from "../index/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 6;
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);
const random = createRandom(3);
const makeVector = (): number[] => Array.from({ length: DIMENSION }, () => Math.fround(random() - 0.5));
const rows = Array.from({ length: 600 }, (_, id) => ({ id, vector: makeVector() }));
const q = makeVector();

const openTable = (): Promise<Dataset> => writeDataset(rows, createMemoryStore(), { schema, maxRowsPerFile: 150 });

interface Answer {
  readonly query: (number | null)[];
  readonly ids: number[];
  readonly distances: number[];
}

async function ask(dataset: Dataset, nearest: Partial<NearestOptions>, more: ScannerOptions = {}): Promise<Answer> {
  const table = await dataset.toTable({ columns: ["id"], nearest: { column: "vector", q, ...nearest }, ...more });
  const read = (name: string): number[] => [...(table.getChild(name) ?? [])].map(Number);
  return { query: read("query_index"), ids: read("id"), distances: read("_distance") };
}

/** Ids by squared l2, nearest first. */
function bruteForce(query: ArrayLike<number>, k: number, keep: (id: number) => boolean = () => true): number[] {
  const distance = (vector: number[]) => vector.reduce((sum, value, i) => sum + (value - query[i]!) ** 2, 0);
  const kept = rows.filter(({ id }) => keep(id));
  return kept
    .sort((a, b) => distance(a.vector) - distance(b.vector))
    .slice(0, k)
    .map(({ id }) => id);
}

describe("options of a nearest query are checked", () => {
  it.each<[string, object, object?]>([
    ["k", { k: 0 }],
    ["k", { k: 2.5 }],
    ["nprobes", { nprobes: 0 }],
    ["minimumNprobes", { minimumNprobes: 0 }],
    ["maximumNprobes", { maximumNprobes: -1 }],
    ["minimumNprobes", { minimumNprobes: 5, maximumNprobes: 2 }],
    ["minimumNprobes", { nprobes: 3, maximumNprobes: 2 }],
    ["refineFactor", { refineFactor: 0 }],
    ["ef", { ef: 0 }],
    ["ef", { ef: "10" }],
    ["approxMode", { approxMode: "exact" }],
    ["oversampleFactor", { oversampleFactor: 0.5 }],
    ["oversampleFactor", { oversampleFactor: Number.NaN }],
    ["oversampleFactor", { oversampleFactor: 1e9 }],
    ["distanceRange", { distanceRange: [1] }],
    ["distanceRange", { distanceRange: [Number.NaN, 2] }],
    ["distanceRange", { distanceRange: 5 }],
    ["useIndex", { useIndex: "no" }],
    ["indexName", { indexName: 5 }],
    ["metric", { metric: "l3" }],
    ["column", { column: "" }],
    ["probes", { probes: 3 }],
    ["prefilter", {}, { prefilter: 1 }],
    ["fastSearch", {}, { fastSearch: "yes" }],
    ["includeUnindexed", {}, { includeUnindexed: 0 }],
    ["indexSegments", {}, { indexSegments: [] }],
    ["indexSegments", {}, { indexSegments: "uuid" }],
    ["q", { q: [] }],
    ["query vector", { q: [...q.slice(1), Number.NaN] }],
    ["query vector", { q: [q, [...q.slice(1), "x"]] }],
  ])("%s: %j %j", async (name, nearest, more = {}) => {
    const asked = (await openTable()).toTable({ nearest: { column: "vector", q, ...nearest } as never, ...more });
    const expected = { code: name === "q" ? "DIMENSION_MISMATCH" : "INVALID_ARGUMENT" };
    await expect(asked).rejects.toMatchObject(expected);
    if (name !== "q") await expect(asked).rejects.toThrow(name);
  });

  it("nearest: null is no query", async () => {
    const dataset = await openTable();
    await expect(dataset.toTable({ nearest: null as never })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("an index", () => {
  const indexed = async () => {
    const dataset = await openTable();
    await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 8 });
    return dataset;
  };

  it("nprobes are the bounds that are not given", async () => {
    const dataset = await indexed();
    const explain = (nearest: object) =>
      dataset.scanner({ nearest: { column: "vector", q, ...nearest } }).explainPlan();
    expect(await explain({})).toContain("minimum_nprobes=1, maximum_nprobes=None");
    expect(await explain({ nprobes: 3 })).toContain("minimum_nprobes=3, maximum_nprobes=Some(3)");
    expect(await explain({ nprobes: 3, minimumNprobes: 2 })).toContain("minimum_nprobes=2, maximum_nprobes=Some(3)");
    expect(await explain({ nprobes: 3, maximumNprobes: 6 })).toContain("minimum_nprobes=3, maximum_nprobes=Some(6)");
    expect(await explain({ k: 3, refineFactor: 2, oversampleFactor: 1.5 })).toMatch(/k=10,.*, oversample_factor=1.5$/m);
  });

  it("a range of distances is told where it is judged", async () => {
    const dataset = await indexed();
    const explain = (nearest: object) =>
      dataset.scanner({ nearest: { column: "vector", q, distanceRange: [1, 9.5], ...nearest } }).explainPlan();
    const filter = "FilterExec: _distance@2 >= 1 AND _distance@2 < 9.5";
    expect(await explain({})).toMatch(/ANNSubIndex: .*, lower_bound=1, upper_bound=9.5$/m);
    expect(await explain({})).not.toContain("FilterExec");
    const refined = await explain({ refineFactor: 2 });
    expect(refined).toContain(filter);
    expect(refined).toMatch(/ANNSubIndex: .*, lower_bound=1$/m);
    expect(await explain({ useIndex: false })).toContain(filter);
    expect(await explain({ distanceRange: [null, 2] })).toMatch(/metric=L2, upper_bound=2$/m);
  });

  it("useIndex: false is by l2, whatever the index's metric is, as native", async () => {
    const dataset = await openTable();
    await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 8, metric: "cosine" });
    const ask = async (nearest: object) => {
      const table = await dataset.toTable({
        columns: [],
        withRowId: true,
        nearest: { column: "vector", q, ...nearest },
      });
      return [...table.getChild("_rowid")!].map(BigInt);
    };
    expect(await ask({ useIndex: false })).toEqual(await ask({ metric: "l2" }));
    expect(await ask({ useIndex: false })).not.toEqual(await ask({}));
    expect(await ask({ useIndex: false, metric: "cosine" })).toEqual(await ask({ nprobes: 8 }));
  });

  it("oversampleFactor probes as for more rows, and answers as many as were asked for", async () => {
    const dataset = await indexed();
    const partitions = async (oversampleFactor: number): Promise<number> => {
      let probed = 0;
      await dataset.toTable({
        nearest: { column: "vector", q, k: 1, oversampleFactor, minimumNprobes: 1 },
        scanStatsCallback: ({ segments }) => {
          probed = segments.reduce((sum, each) => sum + each.partsLoaded + each.partsFromCache, 0);
        },
      });
      return probed;
    };
    expect(await partitions(100)).toBeGreaterThan(await partitions(1));
    const answer = await ask(dataset, { k: 4, oversampleFactor: 10, refineFactor: 2 });
    expect(answer.ids).toEqual(bruteForce(q, 4));
  });

  it("a segment asked for brings its index along, and its fragments alone unless others are named", async () => {
    const dataset = await openTable();
    await dataset.createIndex("vector", "IVF_FLAT", { name: "all", numPartitions: 4 });
    const [part] = await dataset.createIndex("vector", "IVF_FLAT", {
      name: "part",
      fragmentIds: [1],
      numPartitions: 2,
    });
    const nearest = { k: 600 };
    const own = await ask(dataset, nearest, { indexSegments: [part!.uuid] });
    expect(own.ids.every((id) => id >= 150 && id < 300)).toBe(true);
    expect(own.ids).toHaveLength(150);
    const more = await ask(dataset, nearest, { indexSegments: [part!.uuid], fragmentIds: [1, 3] });
    expect(new Set(more.ids.map((id) => Math.floor(id / 150)))).toEqual(new Set([1, 3]));
    expect(more.ids).toHaveLength(300);
  });
});

describe("distanceRange of an index whose rows are measured again", () => {
  it.each(["IVF_FLAT", "IVF_SQ"])("%s: rows too near do not take the place of others", async (indexType) => {
    const dataset = await openTable();
    await dataset.createIndex("vector", indexType, { numPartitions: 4 });
    const all = await ask(dataset, { k: 600, useIndex: false });
    const [from, lower] = [300, (all.distances[299]! + all.distances[300]!) / 2];
    const range = { minimumNprobes: 4, distanceRange: [lower, null] as const };
    const found = await ask(dataset, { ...range, k: 5, refineFactor: 4 });
    expect(found.distances.every((distance) => distance >= lower)).toBe(true);
    const near = new Set(all.ids.slice(from, from + 9));
    expect(found.ids.filter((id) => near.has(id)).length).toBeGreaterThanOrEqual(4);
    expect(found.ids).toHaveLength(5);
  });
});

describe("several query vectors", () => {
  const queries = [makeVector(), makeVector(), q, makeVector(), makeVector()];
  const repeat = (counts: readonly number[]) => counts.flatMap((count, i) => Array.from({ length: count }, () => i));

  it.each([
    ["flat", null],
    ["IVF_FLAT", "IVF_FLAT"],
    ["IVF_SQ", "IVF_SQ"],
  ])("%s: each has its k rows, in the order of the queries", async (_title, indexType) => {
    const dataset = await openTable();
    const [part] = [[0, 1, 3]];
    if (indexType) await dataset.createIndex("vector", indexType, { numPartitions: 4, fragmentIds: part });
    const options = { k: 7, minimumNprobes: 4, refineFactor: 5 };
    const all = await ask(dataset, { ...options, q: queries });
    expect(all.query).toEqual(repeat([7, 7, 7, 7, 7]));
    expect(all.ids).toEqual(queries.flatMap((query) => bruteForce(query, 7)));
    for (const [i, query] of queries.entries()) {
      const one = await ask(dataset, { ...options, q: query });
      expect(one.query).toEqual([]);
      expect(one.distances).toEqual(all.distances.slice(i * 7, i * 7 + 7));
    }
  });

  it("filters, limits and projections apply to the whole", async () => {
    const dataset = await openTable();
    await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 4 });
    const even = (id: number) => id % 2 === 0;
    const nearest = { q: queries, k: 5, minimumNprobes: 4 };
    const before = await ask(dataset, nearest, { filter: "id % 2 = 0", prefilter: true });
    expect(before.ids).toEqual(queries.flatMap((query) => bruteForce(query, 5, even)));
    const after = await ask(dataset, nearest, { filter: "id % 2 = 0" });
    expect(after.ids).toEqual(queries.flatMap((query) => bruteForce(query, 5).filter(even)));
    const counts = queries.map((query) => bruteForce(query, 5).filter(even).length);
    expect(after.query).toEqual(repeat(counts));
    const window = await ask(dataset, nearest, { offset: 3, limit: 4 });
    expect(window.query).toEqual([0, 0, 1, 1]);
    expect(await dataset.scanner({ nearest: { column: "vector", ...nearest } }).countRows()).toBe(25);
    const table = await dataset.toTable({
      columns: { twice: "id * 2", query_index: "query_index", at: "query_index + 1" },
      nearest: { column: "vector", ...nearest },
      withRowId: true,
      batchSize: 2,
    });
    expect(table.schema.fields.map(({ name, nullable }) => `${name}${nullable ? "" : "!"}`)).toEqual([
      "query_index!",
      "twice!",
      "at",
      "_distance",
      "_rowid",
    ]);
    expect([...table.getChild("at")!]).toEqual([...table.getChild("query_index")!].map((index) => index + 1));
  });

  it("come as arrays, typed arrays, or Arrow lists of any kind; a list of one is a list", async () => {
    const dataset = await openTable();
    const expected = queries.flatMap((query) => bruteForce(query, 3));
    const item = new Field("item", new Float32(), true);
    for (const given of [
      queries.map((query) => Float64Array.from(query)),
      vectorFromArray(queries, new FixedSizeList(DIMENSION, item)),
      vectorFromArray(queries, new List(item)),
    ]) {
      expect((await ask(dataset, { q: given, k: 3 })).ids).toEqual(expected);
    }
    expect(await ask(dataset, { q: [q], k: 2 })).toMatchObject({ query: [0, 0], ids: bruteForce(q, 2) });
    const single = vectorFromArray(q, new Float32());
    expect(await ask(dataset, { q: single, k: 2 })).toMatchObject({ query: [], ids: bruteForce(q, 2) });
  });

  it("a wrong one is named by its place; none, or a column in the way, is an error", async () => {
    const dataset = await openTable();
    await expect(ask(dataset, { q: [q, q.slice(1)] })).rejects.toMatchObject({
      code: "DIMENSION_MISMATCH",
      details: { position: 1, expected: DIMENSION, received: DIMENSION - 1 },
    });
    const list = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));
    await expect(ask(dataset, { q: vectorFromArray([q, null], list) })).rejects.toMatchObject({
      code: "DIMENSION_MISMATCH",
      details: { position: 1, received: null },
    });
    await expect(ask(dataset, { q: vectorFromArray([], list) })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    const taken = await writeDataset([{ query_index: 1, vector: q }], createMemoryStore());
    const asked = (given: NearestOptions["q"]) => taken.toTable({ nearest: { column: "vector", q: given } });
    expect((await asked(q)).numRows).toBe(1);
    await expect(asked([q])).rejects.toMatchObject({ code: "INVALID_ARGUMENT", details: { column: "query_index" } });
  });

  it("a flat search reads the column once for all of them", async () => {
    const store = createCountingStore(createMemoryStore());
    const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile: 150 });
    const count = async (given: NearestOptions["q"]): Promise<number> => {
      await dataset.scanner({ columns: [], nearest: { column: "vector", q: given, k: 2 } }).countRows();
      store.reset();
      await dataset.scanner({ columns: [], nearest: { column: "vector", q: given, k: 2 } }).countRows();
      return store.gets(/^data\//).length;
    };
    expect(await count(queries)).toBe(await count(q));
  });
});
