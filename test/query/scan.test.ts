import { Field, FixedSizeList, Float32, Int32, Schema, type Table, Utf8 } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import type { LanceErrorCode } from "../../src/errors.ts";
import type { ScannerOptions } from "../../src/query/scan-options.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const DIMENSION = 4;
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("group", new Int32(), true),
  new Field("text", new Utf8(), true),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);

interface Row {
  readonly id: number;
  readonly group: number | null;
  readonly text: string | null;
  readonly vector: number[] | null;
}

/** 300 rows: every 7th group, every 11th vector NULL. */
const rows: Row[] = Array.from({ length: 300 }, (_, id) => ({
  id,
  group: id % 7 === 0 ? null : id % 10,
  text: id % 13 === 0 ? null : `text ${id % 17}`,
  vector: id % 11 === 0 ? null : Array.from({ length: DIMENSION }, (_, d) => ((id * (d + 3)) % 29) / 29),
}));
const DELETED = new Set([5, 6, 7, 120, 299]);
const live = rows.filter((row) => !DELETED.has(row.id));

/** Three fragments of 100 rows, five rows deleted. */
async function openTable(): Promise<Dataset> {
  const dataset = await writeDataset(rows, createMemoryStore(), { schema, maxRowsPerFile: 100 });
  await dataset.delete(`id IN (${[...DELETED].join(", ")})`);
  return dataset;
}

const ids = (table: Table): number[] => [...table.getChild("id")!.toArray()];
const dataset = await openTable();
const scanIds = async (options: ScannerOptions): Promise<number[]> => ids(await dataset.toTable(options));

describe("filters, limits and projections", () => {
  it("reads live rows in table order", async () => {
    expect(await scanIds({})).toEqual(live.map((row) => row.id));
    expect(await dataset.countRows()).toBe(live.length);
  });

  it.each([
    ["group = 3", (row: Row) => row.group === 3],
    ["group IS NULL OR id < 20", (row: Row) => row.group === null || row.id < 20],
    ["NOT (group > 3)", (row: Row) => row.group !== null && row.group <= 3],
    [
      "text LIKE 'text 1%' AND id BETWEEN 90 AND 210",
      (row: Row) => !!row.text?.startsWith("text 1") && row.id >= 90 && row.id <= 210,
    ],
    ["1 = 1", () => true],
    ["1 = 2", () => false],
  ] as const)("filter %s", async (filter, matches) => {
    const wanted = live.filter(matches).map((row) => row.id);
    expect(await scanIds({ filter })).toEqual(wanted);
    expect(await dataset.countRows(filter)).toBe(wanted.length);
  });

  it.each([
    [0, 0],
    [0, 10],
    [95, 10],
    [3, 250],
    [290, 100],
    [1000, 5],
  ])("offset %i limit %i, with and without a filter, in batches of any size", async (offset, limit) => {
    const all = live.map((row) => row.id);
    const even = live.filter((row) => row.group === 2 || row.group === 4).map((row) => row.id);
    for (const batchSize of [1, 7, 8192]) {
      expect(await scanIds({ offset, limit, batchSize })).toEqual(all.slice(offset, offset + limit));
      expect(await scanIds({ filter: "group IN (2, 4)", offset, limit, batchSize })).toEqual(
        even.slice(offset, offset + limit),
      );
    }
    expect(await dataset.scanner({ offset, limit }).countRows()).toBe(all.slice(offset, offset + limit).length);
  });

  it("gives no batch more rows than batchSize", async () => {
    const sizes: number[] = [];
    for await (const batch of dataset.scanner({ batchSize: 32 }).toBatches()) sizes.push(batch.numRows);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(32);
    expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(live.length);
  });

  it("appends _rowid and _rowaddr, and reads nothing else when no column is named", async () => {
    const table = await dataset.toTable({ columns: [], filter: "id >= 200", withRowId: true, withRowAddress: true });
    const wanted = live.filter((row) => row.id >= 200).map((row) => (2n << 32n) | BigInt(row.id - 200));
    expect(table.schema.fields.map((field) => field.name)).toEqual(["_rowid", "_rowaddr"]);
    expect([...table.getChild("_rowid")!.toArray()]).toEqual(wanted);
    expect([...table.getChild("_rowaddr")!.toArray()]).toEqual(wanted);
  });

  it("puts columns in the order asked for", async () => {
    const table = await dataset.toTable({ columns: ["text", "_rowid", "id"], limit: 1 });
    expect(table.schema.fields.map((field) => field.name)).toEqual(["text", "_rowid", "id"]);
  });

  it("reads the fragments asked for", async () => {
    expect(await scanIds({ fragmentIds: [2, 0], filter: "id % 50 = 1" })).toEqual([201, 251, 1, 51]);
    expect(await scanIds({ fragmentIds: [2, 0, 2], filter: "true", limit: 2 })).toEqual(
      await scanIds({ fragmentIds: [2], limit: 2 }),
    );
    expect(await scanIds({ fragmentIds: [2, 0], orderBy: "id", limit: 1 })).toEqual(
      await scanIds({ fragmentIds: [0], limit: 1 }),
    );
  });
});

describe("take", () => {
  it("takes live rows by position, in order, with repeats", async () => {
    const positions = [294, 0, 5, 5, 117];
    expect(ids(await dataset.take(positions))).toEqual(positions.map((at) => live[at]!.id));
  });

  it("takes rows by id, and names one that was deleted", async () => {
    const table = await dataset.takeRows([(1n << 32n) | 3n, 4n], { columns: ["id"], withRowId: true });
    expect(ids(table)).toEqual([103, 4]);
    await expect(dataset.takeRows([5n])).rejects.toMatchObject({ code: "NOT_FOUND", details: { rowId: "5" } });
    await expect(dataset.take([295])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

describe("nearest, flat", () => {
  const q = [0.3, 0.9, 0.1, 0.5];
  const metrics = {
    l2: (v: number[]) => v.reduce((sum, x, d) => sum + (x - q[d]!) ** 2, 0),
    dot: (v: number[]) => 1 - v.reduce((sum, x, d) => sum + x * q[d]!, 0),
    cosine: (v: number[]) => 1 - v.reduce((sum, x, d) => sum + x * q[d]!, 0) / (Math.hypot(...v) * Math.hypot(...q)),
  };
  const nearestOf = (metric: keyof typeof metrics, keep: (row: Row) => boolean = () => true) =>
    live
      .filter((row) => row.vector !== null && keep(row))
      .map((row) => ({ id: row.id, distance: Math.fround(metrics[metric](row.vector!)) }))
      .filter(({ distance }) => !Number.isNaN(distance))
      .sort((a, b) => a.distance - b.distance || a.id - b.id);

  it.each(["l2", "dot", "cosine"] as const)("%s equals brute force", async (metric) => {
    const wanted = nearestOf(metric).slice(0, 12);
    const table = await dataset.toTable({ nearest: { column: "vector", q, k: 12, metric } });
    const distances = [...table.getChild("_distance")!.toArray()];
    for (const [i, { distance }] of wanted.entries()) expect(distances[i]).toBeCloseTo(distance, 5);
    expect(distances).toHaveLength(12);
  });

  it("a prefilter keeps k rows, a postfilter only thins them", async () => {
    const nearest = { column: "vector", q, k: 10 };
    const wanted = nearestOf("l2", (row) => row.group === 3);
    const before = await dataset.toTable({ nearest, filter: "group = 3", prefilter: true });
    expect(new Set(ids(before))).toEqual(new Set(wanted.slice(0, 10).map((row) => row.id)));
    const after = await scanIds({ nearest, filter: "group = 3" });
    const top = new Set(ids(await dataset.toTable({ nearest })));
    expect(after.every((id) => top.has(id) && rows[id]!.group === 3)).toBe(true);
    expect(after.length).toBeLessThan(10);
  });

  it("keeps to a distance range", async () => {
    const table = await dataset.toTable({ nearest: { column: "vector", q, k: 300, distanceRange: [0.2, 0.4] } });
    const wanted = nearestOf("l2").filter(({ distance }) => distance >= 0.2 && distance < 0.4);
    expect(table.numRows).toBe(wanted.length);
  });

  it("says in the plan that the search is flat, and why", async () => {
    const plan = await dataset.scanner({ nearest: { column: "vector", q } }).explainPlan();
    expect(plan).toContain("KNNVectorDistance: metric=l2, fragments=[0, 1, 2], reason=the column has no vector index");
  });
});

describe("bad questions are refused with a code", () => {
  const q = [0, 0, 0, 0];
  it.each<[string, unknown, LanceErrorCode]>([
    ["an unknown column", { columns: ["nope"] }, "INVALID_ARGUMENT"],
    ["a column named twice", { columns: ["id", "id"] }, "INVALID_ARGUMENT"],
    ["an unknown filter column", { filter: "nope = 1" }, "INVALID_ARGUMENT"],
    ["a filter that does not parse", { filter: "id = = 1" }, "INVALID_ARGUMENT"],
    ["a filter of the wrong type", { filter: "id = 'x'" }, "SCHEMA_MISMATCH"],
    ["an unknown option", { collumns: ["id"] }, "INVALID_ARGUMENT"],
    ["an option of a later version", { fullTextQuery: "x" }, "UNSUPPORTED"],
    ["a negative limit", { limit: -1 }, "INVALID_ARGUMENT"],
    ["a switch that is a word", { withRowId: "false" }, "INVALID_ARGUMENT"],
    ["another", { withRowAddress: 1 }, "INVALID_ARGUMENT"],
    ["a third", { includeDeletedRows: "no" }, "INVALID_ARGUMENT"],
    ["a fragment that does not exist", { fragmentIds: [9] }, "NOT_FOUND"],
    ["a vector of the wrong dimension", { nearest: { column: "vector", q: [1, 2] } }, "DIMENSION_MISMATCH"],
    ["a vector with NaN", { nearest: { column: "vector", q: [1, 2, Number.NaN, 4] } }, "INVALID_ARGUMENT"],
    ["a vector query on text", { nearest: { column: "text", q } }, "SCHEMA_MISMATCH"],
    ["an unknown metric", { nearest: { column: "vector", q, metric: "manhattan" } }, "INVALID_ARGUMENT"],
    ["an unknown index", { nearest: { column: "vector", q, indexName: "nope" } }, "INDEX_NOT_FOUND"],
    [
      "probes the wrong way round",
      { nearest: { column: "vector", q, minimumNprobes: 4, maximumNprobes: 2 } },
      "INVALID_ARGUMENT",
    ],
    ["segments without a nearest query", { indexSegments: ["x"] }, "INVALID_ARGUMENT"],
  ])("%s", async (_name, options, code) => {
    await expect(dataset.toTable(options as ScannerOptions)).rejects.toMatchObject({ code });
  });

  it("an aborted scan stops", async () => {
    await expect(dataset.toTable({ signal: AbortSignal.abort() })).rejects.toMatchObject({ code: "ABORTED" });
  });
});
