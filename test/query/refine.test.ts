import { type DataType, Field, FixedSizeList, Float16, Float32, Float64, Int32, Schema } from "apache-arrow";
import { describe, expect, test, vi } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { createSegmentDomain } from "../../src/index/live-rows.ts";
import { mergeNearest } from "../../src/index/search.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { RowSet } from "../../src/table/row-set.ts";
import { createRandom } from "../kernels/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const ROWS = 1200;
const PARTITIONS = 6;

/** Tables of four fragments, with rows that are no vector, an index of scalar codes over three of them. */
async function createTable(item: DataType, dimension: number, options: { stable?: boolean; metric?: string } = {}) {
  const random = createRandom(21);
  const schema = new Schema([
    new Field("id", new Int32(), false),
    new Field("v", new FixedSizeList(dimension, new Field("item", item, true)), true),
  ]);
  const rows = Array.from({ length: ROWS }, (_, id) => ({
    id,
    v: id % 97 === 5 ? null : Array.from({ length: dimension }, () => (id % 101 === 9 ? Number.NaN : random() * 4 - 1)),
  }));
  const store = createMemoryStore();
  const first = await writeDataset(rows.slice(0, 900), store, {
    schema,
    maxRowsPerFile: 300,
    enableStableRowIds: options.stable ?? false,
  });
  await first.createIndex("v", "IVF_SQ", { name: "sq", metric: options.metric ?? "l2", numPartitions: PARTITIONS });
  const dataset = await writeDataset(rows.slice(900), store, { mode: "append" });
  const queries = Array.from({ length: 5 }, () => Array.from({ length: dimension }, () => random() * 4 - 1));
  return { dataset, queries };
}

async function ask(dataset: Dataset, q: readonly number[], more: object) {
  const nearest = { column: "v", q: [...q], k: 20, minimumNprobes: PARTITIONS, maximumNprobes: PARTITIONS, ...more };
  const table = await dataset.scanner({ nearest, columns: ["id"], withRowId: true }).toTable();
  return table.toArray().map((row) => {
    const { id, _rowid, _distance } = row.toJSON() as Record<string, number | bigint>;
    return `${id} ${_rowid} ${_distance}`;
  });
}

const TABLES = [
  ["f16 side by side", new Float16(), 300, {}],
  ["f32 side by side, cosine", new Float32(), 130, { metric: "cosine" }],
  ["f32 in chunks, dot", new Float32(), 6, { metric: "dot" }],
  ["f64 side by side, stable row ids", new Float64(), 65, { stable: true }],
  ["f16 in chunks, stable row ids", new Float16(), 9, { stable: true }],
] as const;

describe.each(TABLES)("refine over %s", (_, item, dimension, options) => {
  test("answers as the flat scan does, bit for bit, before and after rows are deleted and updated", async () => {
    const { dataset, queries } = await createTable(item, dimension, options);
    const metric = "metric" in options ? options.metric : "l2";
    const check = async () => {
      for (const q of queries) {
        const flat = await ask(dataset, q, { useIndex: false, metric });
        expect(flat.length).toBe(20);
        // As many candidates as there are rows: what codes leave out cannot be missed.
        for (let round = 0; round < 2; round++)
          expect(await ask(dataset, q, { refineFactor: 60, metric })).toEqual(flat);
      }
    };
    await check();
    await dataset.delete("id % 7 = 3");
    await check();
    await dataset.update({ where: "id % 11 = 2", valuesSql: { id: "id + 100000" } });
    await check();
    await dataset.close();
  });
});

test.each(TABLES)(
  "%s, some NULL: the plan tells which rows were decoded, and which were at hand",
  async (title, item, dimension, options) => {
    const { dataset, queries } = await createTable(item, dimension, options);
    const metric = "metric" in options ? options.metric : "l2";
    const nearest = { column: "v", q: queries[0]!, k: 5, refineFactor: 2, nprobes: PARTITIONS, metric };
    const counts = async () => {
      const analyzed = await dataset.scanner({ nearest, fastSearch: true }).analyzePlan();
      return /Refine: rows=(\d+), cache_hits=(\d+), rows_decoded=(\d+), iops=(\d+)/
        .exec(analyzed)
        ?.slice(1)
        .map(Number);
    };
    expect([title, await counts(), await counts()]).toEqual([title, [10, 0, 10, 0], [10, 10, 0, 0]]);
    await dataset.close();
  },
);

test("what deleted rows leave of a partition is worked out once for a version, not for every query", async () => {
  const { dataset, queries } = await createTable(new Float32(), 130);
  await dataset.delete("id % 7 = 3");
  const asked = { indexName: "sq", refineFactor: 2 };
  await ask(dataset, queries[0]!, asked);
  const made = vi.spyOn(RowSet, "full");
  const counted = vi.spyOn(RowSet.prototype, "words");
  await ask(dataset, queries[1]!, asked);
  // The flat part of the fragment that no segment covers has its own mask.
  expect(made.mock.calls.length).toBeLessThanOrEqual(1);
  expect(counted.mock.calls.filter(([fragment]) => fragment !== 3)).toEqual([]);
  vi.restoreAllMocks();
  await dataset.close();
});

test("answers are put together by distance, then row id, whatever their order", () => {
  const random = createRandom(2);
  for (let round = 0; round < 50; round++) {
    const answers = Array.from({ length: round % 4 }, () => {
      const length = Math.floor(random() * 12);
      return {
        rowIds: BigUint64Array.from(
          { length },
          () => (BigInt(Math.floor(random() * 3)) << 32n) | BigInt(Math.floor(random() * 4294967296)),
        ),
        distances: Float32Array.from({ length }, () => Math.floor(random() * 3) - 1),
      };
    });
    const expected = answers
      .flatMap(({ rowIds, distances }) => Array.from(rowIds, (rowId, i) => ({ rowId, distance: distances[i]! })))
      .sort((a, b) => a.distance - b.distance || (a.rowId < b.rowId ? -1 : 1))
      .slice(0, 9);
    const { rowIds, distances } = mergeNearest(answers, 9);
    expect([...rowIds].map((rowId, i) => ({ rowId, distance: distances[i]! }))).toEqual(expected);
  }
});

test("a forged number of row ids is refused, not counted out", () => {
  const snapshot = { stableRowIds: true, version: 3, uri: "memory://forged", manifest: { nextRowId: 2n ** 63n } };
  expect(() => createSegmentDomain(snapshot as never, {} as never, "stableRowId")).toThrow(
    expect.objectContaining({ code: "CORRUPT" }),
  );
});
