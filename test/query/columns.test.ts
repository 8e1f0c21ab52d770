import { Field, Float64, Int32, Int64, List, Schema, Struct, Table, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import type { ScannerOptions } from "../../src/query/scan-options.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

registerJobHandlers(loadJobs);
useTestRuntime();

const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("size", new Int64(), true),
  new Field("name", new Utf8(), true),
  new Field("tags", new List(new Field("item", new Utf8(), true)), true),
  new Field("at", new Struct([new Field("x", new Float64(), true), new Field("label", new Utf8(), true)]), true),
]);
const rows = Array.from({ length: 240 }, (_, id) => ({
  id,
  size: id % 9 === 0 ? null : BigInt(id * 3),
  name: id % 11 === 0 ? null : `name ${id % 7}`,
  tags: id % 5 === 0 ? null : [`t${id % 3}`, `u${id % 4}`],
  at: id % 8 === 0 ? null : { x: id / 4, label: `at ${id % 6}`.repeat(50) },
}));

const data = new Table(
  schema,
  Object.fromEntries(
    schema.fields.map((field) => [
      field.name,
      vectorFromArray(
        rows.map((row) => row[field.name as "id"]),
        field.type,
      ),
    ]),
  ),
);

async function openTable(): Promise<Dataset> {
  const dataset = await writeDataset(data, createMemoryStore(), { maxRowsPerFile: 80 });
  await dataset.delete("id IN (3, 100, 101, 239)");
  return dataset;
}

const dataset = await openTable();
const live = rows.filter(({ id }) => ![3, 100, 101, 239].includes(id));
const scan = (options: ScannerOptions): Promise<Table> => dataset.toTable(options);
const values = (table: Table, name: string): unknown[] =>
  [...table.getChild(name)!].map((value) => (typeof value === "object" && value !== null ? value.toJSON() : value));

describe("columns", () => {
  it("computes expressions under the names given, with the nullability of what they are made of", async () => {
    const table = await scan({ columns: { double: "size * 2", key: "id", "name in capitals": "upper(name)" } });
    expect(table.schema.fields.map((field) => [field.name, String(field.type), field.nullable])).toEqual([
      ["double", "Int64", true],
      ["key", "Int32", false],
      ["name in capitals", "Utf8", true],
    ]);
    expect(values(table, "double")).toEqual(live.map(({ size }) => (size === null ? null : size * 2n)));
    expect(values(table, "name in capitals")).toEqual(live.map(({ name }) => name?.toUpperCase() ?? null));
  });

  it("reads nested fields by their path, in a list and under a new name", async () => {
    const table = await scan({ columns: ["at.x", "id"] });
    expect(table.schema.fields.map((field) => field.name)).toEqual(["at.x", "id"]);
    expect(values(table, "at.x")).toEqual(live.map(({ at }) => at?.x ?? null));
    const renamed = await scan({ columns: { label: "at.label", whole: "at", x: "at['x'] + 1" } });
    expect(values(renamed, "label")).toEqual(live.map(({ at }) => at?.label ?? null));
    expect(values(renamed, "whole")).toEqual(live.map(({ at }) => at));
    expect(values(renamed, "x")).toEqual(live.map(({ at }) => (at === null ? null : at.x + 1)));
  });

  it("fetches the nested field that is named, not its struct", async () => {
    const store = createCountingStore(createMemoryStore());
    const counted = await writeDataset(data, store);
    const bytesOf = async (options: ScannerOptions) => {
      store.reset();
      await counted.toTable(options);
      return store.bytesRead(/data\//);
    };
    const whole = await bytesOf({ columns: ["at"] });
    expect(await bytesOf({ columns: ["at.x"] })).toBeLessThan(whole / 2);
    expect(await bytesOf({ columns: ["id"], filter: "at.x > 10" })).toBeLessThan(whole / 2);
  });

  it("has the system columns, alone, renamed and in expressions", async () => {
    const table = await scan({
      columns: { address: "_rowaddr", position: "_rowoffset", next: "_rowid + 1", made: "_row_created_at_version" },
    });
    const addresses = live.map(({ id }) => (BigInt(Math.floor(id / 80)) << 32n) | BigInt(id % 80));
    expect(values(table, "address")).toEqual(addresses);
    expect(values(table, "position")).toEqual(live.map((_, i) => BigInt(i)));
    expect(values(table, "made")).toEqual(live.map(() => 1n));
    expect(values(table, "next")).toEqual(addresses.map((address) => address + 1n));
    expect((await scan({ columns: [], withRowId: true })).schema.fields.map(({ name }) => name)).toEqual(["_rowid"]);
  });

  it("filters by system columns", async () => {
    expect(values(await scan({ columns: ["id"], filter: "_rowoffset >= 230" }), "id")).toEqual(
      live.slice(230).map(({ id }) => id),
    );
    expect(await dataset.countRows("_rowaddr >= 8589934592")).toBe(live.filter(({ id }) => id >= 160).length);
  });

  it("gives versions of rows where a table keeps them", async () => {
    const stable = await writeDataset(data, createMemoryStore(), { enableStableRowIds: true });
    await stable.update({ where: "id >= 200", valuesSql: { size: "size + 1" } });
    const table = await stable.toTable({ columns: ["id", "_row_last_updated_at_version", "_row_created_at_version"] });
    expect(values(table, "_row_created_at_version").every((version) => version === 1n)).toBe(true);
    const ids = values(table, "id") as number[];
    expect(values(table, "_row_last_updated_at_version")).toEqual(ids.map((id) => (id >= 200 ? 2n : 1n)));
    expect(await stable.countRows("_row_last_updated_at_version > 1")).toBe(40);
  });

  it("takes expressions, nested fields and system columns too", async () => {
    const table = await dataset.take([5, 2, 5], { columns: { id: "id", x: "at.x", two: "size * 2", r: "_rowoffset" } });
    const wanted = [5, 2, 5].map((position) => live[position]!);
    expect(values(table, "id")).toEqual(wanted.map(({ id }) => id));
    expect(values(table, "x")).toEqual(wanted.map(({ at }) => at?.x ?? null));
    expect(values(table, "r")).toEqual([5n, 2n, 5n]);
  });

  it.each<[ScannerOptions["columns"], RegExp]>([
    [["id + 1"], /no column "id \+ 1"/],
    [["at.z"], /no field named "z"/],
    [["ID"], /no column "ID"/],
    [["id", "id"], /named twice/],
    [{ x: "nope" }, /no column named "nope"/],
    [{ x: "id +" }, /not valid/],
    [["id.x"], /has no field "x"/],
    [3 as never, /array of names, or an object/],
  ])("refuses %j", async (columns, message) => {
    await expect(scan({ columns })).rejects.toThrow(message);
  });
});

describe("deleted rows", () => {
  it("are returned in place, told by a NULL row id", async () => {
    const table = await scan({ columns: ["id"], withRowId: true, includeDeletedRows: true });
    expect(values(table, "id")).toEqual(rows.map(({ id }) => id));
    const gone = values(table, "_rowid").flatMap((id, i) => (id === null ? [i] : []));
    expect(gone).toEqual([3, 100, 101, 239]);
    const part = await scan({
      columns: ["id"],
      withRowId: true,
      includeDeletedRows: true,
      offset: 2,
      limit: 3,
      batchSize: 2,
    });
    expect(values(part, "_rowid")).toEqual([2n, null, 4n]);
    expect(await dataset.scanner({ withRowId: true, includeDeletedRows: true }).countRows()).toBe(240);
  });

  it("are filtered as the others, index or not", async () => {
    const options = { columns: ["id"], withRowId: true, includeDeletedRows: true, filter: "id > 98 AND id < 103" };
    const check = async () => {
      const table = await scan(options);
      expect(values(table, "id")).toEqual([99, 100, 101, 102]);
      expect(values(table, "_rowid").map((id) => id === null)).toEqual([false, true, true, false]);
      expect(await dataset.scanner(options).countRows()).toBe(4);
      expect(values(await scan({ ...options, filter: "_rowid IS NULL" }), "id")).toEqual([3, 100, 101, 239]);
      expect(values(await scan({ ...options, filter: "_rowid < 5" }), "id")).toEqual([0, 1, 2, 4]);
      expect(values(await scan({ ...options, filter: "1 = 1" }), "id")).toHaveLength(240);
      expect(values(await scan({ ...options, offset: 1, limit: 2 }), "id")).toEqual([100, 101]);
    };
    await check();
    await dataset.createScalarIndex("id", "BTREE");
    await check();
    await dataset.dropIndex("id_idx");
  });

  it.each<[ScannerOptions]>([[{}], [{ withRowId: true, orderBy: "id" }]])("are refused with %j", async (options) => {
    await expect(scan({ ...options, includeDeletedRows: true })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
