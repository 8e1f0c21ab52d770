import { createRequire } from "node:module";
import * as own from "apache-arrow";
import { expect, test } from "vitest";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createTable } from "../../src/write/create-table.ts";
import { adoptBatch, adoptSchema } from "../../src/write/input/adopt-arrow.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { mergeInsert } from "../../src/write/merge-insert/merge-insert.ts";
import { addColumns } from "../../src/write/schema/add-columns.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, readRows } from "./support.ts";

/** Node loads another copy for `require` than for `import`, as a page has two of two bundles. */
const other = createRequire(import.meta.url)("apache-arrow") as typeof own;

registerJobHandlers(loadJobs);
useTestRuntime();

const itemOf = (type: own.DataType) => new other.Field("item", type, true);
const entries = new other.Struct([new other.Field("key", new other.Utf8(), false), itemOf(new other.Int32())]);
const TYPES: [own.DataType, unknown[]][] = [
  [new other.Int8(), [1, null, -3]],
  [new other.Uint64(), [1n, null, 2n ** 63n]],
  [new other.Float16(), [0.5, null, -2]],
  [new other.Float64(), [0.1, null, Number.NaN]],
  [new other.Bool(), [true, null, false]],
  [new other.Utf8(), ["a", null, "é"]],
  [new other.LargeUtf8(), ["a", null, "é"]],
  [new other.Binary(), [Uint8Array.of(1), null, Uint8Array.of()]],
  [new other.FixedSizeBinary(2), [Uint8Array.of(1, 2), null, Uint8Array.of(3, 4)]],
  [new other.Decimal(2, 20, 128), [Uint32Array.of(1, 0, 0, 0), null, Uint32Array.of(9, 0, 0, 0)]],
  [new other.DateDay(), [new Date(0), null, new Date(86_400_000)]],
  [new other.TimeMicrosecond(), [1n, null, 2n]],
  [new other.TimestampMillisecond("UTC"), [1, null, 2]],
  [new other.DurationSecond(), [1n, null, 2n]],
  [new other.List(itemOf(new other.Utf8())), [["a", null], null, []]],
  [new other.FixedSizeList(2, itemOf(new other.Float32())), [[1, 2], null, [3, 4]]],
  [new other.Struct([itemOf(new other.Int32())]), [{ item: 1 }, null, { item: null }]],
  [new other.Map_(new other.Field("entries", entries, false) as never), [new Map([["k", 1]]), null, new Map()]],
  [new other.Dictionary(new other.Utf8(), new other.Int8()), ["a", null, "a"]],
];

test.each(TYPES)("%s of another copy of Arrow becomes this copy's, values untouched", (type, values) => {
  const foreign = new other.Table({ c: other.vectorFromArray(values, type) }).batches[0]!;
  const batch = adoptBatch(foreign as unknown as own.RecordBatch);
  expect(Object.getPrototypeOf(batch)).toBe(own.RecordBatch.prototype);
  expect(Object.getPrototypeOf(foreign)).toBe(other.RecordBatch.prototype);
  expect(String(batch.schema)).toBe(String(foreign.schema));
  expect(JSON.stringify(own.tableFromIPC(own.tableToIPC(new own.Table(batch))).toArray(), plain)).toBe(
    JSON.stringify(other.tableFromIPC(other.tableToIPC(new other.Table(foreign))).toArray(), plain),
  );
  expect(adoptBatch(batch)).toBe(batch);
  expect(adoptSchema(batch.schema)).toBe(batch.schema);
});

test("a table is made, merged into and extended with data of another copy of Arrow", async () => {
  const schema = new other.Schema([
    new other.Field("id", new other.Int32(), false),
    new other.Field("name", new other.Utf8(), true),
  ]) as unknown as own.Schema;
  const rows = [1, 2, 3].map((id) => ({ id, name: `n${id}` }));
  const created = await createTable(createMemoryStore(), await toRecordBatches(rows, { schema }), {
    uri: "memory://t",
  });
  const source = other.tableFromArrays({ id: Int32Array.of(2, 9), name: ["two", "nine"] }) as unknown as own.Table;
  const plainSource = new other.Table({
    id: source.getChild("id") as never,
    name: other.vectorFromArray(["two", "nine"], new other.Utf8()),
  }) as unknown as own.Table;
  const spec = { on: ["id"], matched: { action: "update" }, notMatched: "insert" } as const;
  const merged = await mergeInsert(created, spec, plainSource, ENVIRONMENT);
  const extended = await addColumns(merged.snapshot, (batch) => ({
    more: other.vectorFromArray(
      Array.from({ length: batch.numRows }, (_, i) => `m${i}`),
      new other.Utf8(),
    ) as unknown as own.Vector,
  }));
  const found = await readRows<{ id: number; name: string; more: string }>(extended, {});
  expect(found.sort((a, b) => a.id - b.id).map(({ id, name }) => [id, name])).toEqual([
    [1, "n1"],
    [2, "two"],
    [3, "n3"],
    [9, "nine"],
  ]);
  expect(found.every(({ more }) => /^m\d$/.test(more))).toBe(true);
});

function plain(_: string, value: unknown): unknown {
  return typeof value === "bigint" ? String(value) : value;
}
