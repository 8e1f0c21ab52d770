import { Field, Float32, Float64, Int32, Schema, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createMemoryStore, type Dataset, openDataset, writeDataset } from "../../src/index.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { inlinePool, listPaths } from "./support.ts";

const SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("name", new Utf8(), true),
  new Field("size", new Float64(), true),
]);
const rows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i, name: `name ${from + i}`, size: from + i }));
const read = async (dataset: Dataset) => (await dataset.toTable()).toArray().map((row) => row.toJSON());

async function create(count: number, options: Parameters<typeof writeDataset>[2] = {}) {
  const store = createMemoryStore();
  const dataset = await writeDataset(rows(0, count), store, { schema: SCHEMA, pool: inlinePool, ...options });
  return { store, dataset };
}

test("a handle moves to the version each change makes; other handles stay", async () => {
  const { store, dataset } = await create(3);
  const other = await openDataset(store, { pool: inlinePool });
  expect(await dataset.update({ where: "id = 1", values: { name: "one" } })).toEqual({ numUpdatedRows: 1 });
  const upsert = dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll();
  expect(await upsert.execute([{ id: 2, name: "two" }, { id: 9 }])).toMatchObject({
    numInsertedRows: 1,
    numUpdatedRows: 1,
  });
  await dataset.addColumns({ twice: "size * 2" });
  await dataset.alterColumns([{ path: "name", rename: "title" }]);
  await dataset.dropColumns(["size"]);
  await dataset.updateConfig({ a: "b" });
  expect([dataset.version, other.version]).toEqual([7, 1]);
  expect(await read(dataset)).toEqual([
    { id: 0, title: "name 0", twice: 0 },
    { id: 1, title: "one", twice: 2 },
    { id: 2, title: "two", twice: 4 },
    { id: 9, title: null, twice: null },
  ]);
  expect(await read(other)).toEqual(rows(0, 3));
  await other.checkoutLatest();
  expect(await read(other)).toEqual(await read(dataset));
});

test("a merge's builder is not changed by what is made of it", async () => {
  const { dataset } = await create(2);
  const base = dataset.mergeInsert("id");
  base.whenMatchedDelete();
  await expect(base.execute(rows(0, 1))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  const insert = base.whenNotMatchedInsertAll();
  expect((await insert.execute(rows(1, 3))).numInsertedRows).toBe(1);
  expect((await insert.execute(rows(1, 3))).numInsertedRows).toBe(0);
  expect(await dataset.countRows()).toBe(3);
});

test("an index on the key spares the scan of it, and gives the same", async () => {
  const objects = createMemoryStore();
  await (
    await writeDataset(rows(0, 60_000), objects, { schema: SCHEMA, pool: inlinePool, maxRowsPerFile: 20_000 })
  ).createScalarIndex("id", "BTREE", { pool: inlinePool });
  const bytes: number[] = [];
  for (const useIndex of [true, false]) {
    const store = createCountingStore(objects);
    // A budget smaller than the table: reading ahead stays within it.
    const dataset = await openDataset(store, { pool: inlinePool, cacheBytes: 0, memoryBudgetBytes: 1 << 20 });
    store.reset();
    const merge = dataset.mergeInsert("id").whenMatchedUpdateAll();
    const result = await merge.execute(
      [
        { id: 777, name: `index ${useIndex}` },
        { id: -1, name: "none" },
      ],
      { useIndex },
    );
    expect(result.numUpdatedRows).toBe(1);
    bytes.push(store.bytesRead(/^data\//));
    expect((await dataset.toTable({ filter: "id = 777" })).get(0)!.name).toBe(`index ${useIndex}`);
  }
  expect(bytes[0]! * 4).toBeLessThan(bytes[1]!);
});

describe("modes of writing", () => {
  test("overwrite replaces columns and rows as the next version; create where there is no table", async () => {
    const store = createMemoryStore();
    const first = await writeDataset(rows(0, 3), store, { schema: SCHEMA, mode: "overwrite", pool: inlinePool });
    await first.createScalarIndex("id", "BTREE", { pool: inlinePool });
    await first.updateConfig({ kept: "yes" });
    const second = await writeDataset([{ other: "x" }], store, { mode: "overwrite", pool: inlinePool });
    expect([first.version, second.version]).toEqual([3, 4]);
    expect(await read(second)).toEqual([{ other: "x" }]);
    expect(await second.describeIndices()).toEqual([]);
    expect(second.config()).toEqual({ kept: "yes" });
    expect(await read(await second.checkoutVersion(3))).toEqual(rows(0, 3));
    await second.insert([{ a: 1 }, { a: 2 }], { mode: "overwrite" });
    expect(await read(second)).toEqual([{ a: 1 }, { a: 2 }]);
    await second.insert([{ a: 3 }]);
    expect(await second.countRows()).toBe(3);
    expect(new Set(second.fragmentIds).size).toBe(2);
  });

  test("an overwrite may change the version of the files", async () => {
    const { store } = await create(2, { dataStorageVersion: "2.1" });
    const second = await writeDataset(rows(0, 2), store, {
      mode: "overwrite",
      dataStorageVersion: "2.2",
      schema: SCHEMA,
    });
    await second.insert(rows(2, 3));
    expect(await read(second)).toEqual(rows(0, 3));
    await expect(writeDataset(rows(0, 2), store, { mode: "append", dataStorageVersion: "2.1" })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });

  test("so may an overwrite by no rows", async () => {
    const { store } = await create(2, { dataStorageVersion: "2.1" });
    const options = { mode: "overwrite", dataStorageVersion: "2.2", schema: SCHEMA } as const;
    const emptied = await writeDataset([], store, options);
    expect(await emptied.countRows()).toBe(0);
    await emptied.insert(rows(0, 2));
    expect((await openSnapshot(store, { uri: "memory://t" })).storageVersion).toBe("2.2");
  });

  test("stable row ids stay those of their rows", async () => {
    const { dataset } = await create(6, { enableStableRowIds: true, maxRowsPerFile: 2 });
    await dataset.update({ where: "id = 3", values: { name: "three" } });
    const table = await dataset.takeRows([3n, 0n], { columns: ["id", "name"] });
    expect(table.toArray().map((row) => row.toJSON())).toEqual([
      { id: 3, name: "three" },
      { id: 0, name: "name 0" },
    ]);
  });

  test("a limit of bytes cuts files", async () => {
    const { dataset } = await create(40_000, { maxBytesPerFile: 100_000 });
    expect(dataset.fragmentIds.length).toBeGreaterThan(2);
    expect(await dataset.countRows()).toBe(40_000);
  });

  test("other modes are refused", async () => {
    const { store, dataset } = await create(1);
    await expect(writeDataset([], store, { mode: "upsert" as never })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(dataset.insert([{ a: 1 }], { maxRowPerFile: 2 } as never)).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      message: expect.stringMatching(/no option "maxRowPerFile"; there are mode, maxRowsPerFile/),
    });
    await expect(dataset.insert([], { mode: "create" as never })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });

  test("names nobody knows are refused, of options and of what is to be done", async () => {
    const { dataset } = await create(3);
    const version = dataset.version;
    const wrong = { conflictRetrys: 3 } as never;
    const merge = dataset.mergeInsert("id");
    const calls: [string, () => unknown][] = [
      ["were", () => dataset.update({ were: "id = 1", values: { name: "x" } } as never)],
      ["conflictRetrys", () => dataset.update({ values: { name: "x" } }, wrong)],
      ["conflictRetrys", () => dataset.delete("id = 1", wrong)],
      ["conflictRetrys", () => dataset.addColumns({ twice: "id * 2" }, wrong)],
      ["conflictRetrys", () => dataset.alterColumns([{ path: "name", rename: "title" }], wrong)],
      ["dataTyp", () => dataset.alterColumns([{ path: "name", rename: "title", dataTyp: 1 } as never])],
      ["conflictRetrys", () => dataset.dropColumns(["name"], wrong)],
      ["conflictRetrys", () => dataset.updateConfig({ a: "1" }, wrong)],
      ["conflictRetrys", () => merge.whenNotMatchedInsertAll().execute(rows(3, 4), wrong)],
      ["were", () => merge.whenMatchedUpdateAll({ were: "true" } as never)],
      ["were", () => merge.whenNotMatchedBySourceDelete({ were: "true" } as never)],
      ["targetRows", () => dataset.optimize.compactFiles({ targetRows: 10 } as never)],
      ["dryrun", () => dataset.cleanupOldVersions({ dryrun: true } as never)],
    ];
    for (const [option, call] of calls) {
      await expect((async () => call())(), `${call}`).rejects.toMatchObject({
        code: "INVALID_ARGUMENT",
        message: expect.stringMatching(new RegExp(`no option "${option}"; there are \\w+`)),
        details: { option, known: expect.any(Array) },
      });
    }
    await dataset.checkoutLatest();
    expect(dataset.version).toBe(version);
  });

  test("a failed overwrite leaves the table and no file", async () => {
    const { store, dataset } = await create(3);
    const before = await listPaths(store);
    async function* failing() {
      yield rows(0, 10);
      throw new Error("source failed");
    }
    await expect(writeDataset(failing(), store, { mode: "overwrite", schema: SCHEMA })).rejects.toThrow(
      "source failed",
    );
    expect(await listPaths(store)).toEqual(before);
    expect(await dataset.countRows()).toBe(3);
  });
});

test("config and metadata are merged or replaced, and keys taken out", async () => {
  const { store, dataset } = await create(1);
  await dataset.updateConfig({ a: "1", b: "2" });
  await dataset.updateConfig({ b: null, c: "3" });
  expect(dataset.config()).toEqual({ a: "1", c: "3" });
  await dataset.deleteConfigKeys(["a"]);
  await dataset.updateTableMetadata({ owner: "me" });
  await dataset.updateTableMetadata({ title: "x" });
  await dataset.updateSchemaMetadata({ k: "v" });
  await dataset.updateSchemaMetadata({ l: "w" }, { replace: true });
  await dataset.updateFieldMetadata("name", { unit: "none" });
  const again = await openDataset(store, { pool: inlinePool });
  expect(again.config()).toEqual({ c: "3" });
  expect(again.tableMetadata()).toEqual({ owner: "me", title: "x" });
  expect(Object.fromEntries(again.schema.metadata)).toEqual({ l: "w" });
  expect(Object.fromEntries(again.schema.fields[1]!.metadata)).toEqual({ unit: "none" });
  await expect(dataset.updateConfig({ a: 1 as never })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(dataset.updateFieldMetadata("nope", {})).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

/** Where the log of a change has its first write of data, and its last read of it. */
async function traceChange(
  change: (dataset: Dataset) => Promise<unknown>,
): Promise<{ firstWrite: number; lastRead: number }> {
  const { store: objects } = await create(80_000, { maxRowsPerFile: 10_000 });
  const store = createCountingStore(objects as Store);
  // A budget smaller than the table: reading ahead stays within it.
  const dataset = await openDataset(store, { pool: inlinePool, cacheBytes: 0, memoryBudgetBytes: 1 << 20 });
  store.reset();
  await change(dataset);
  const isData = ({ path }: { path: string }) => path.startsWith("data/");
  return {
    firstWrite: store.log.findIndex((call) => call.op === "write" && isData(call)),
    lastRead: store.log.findLastIndex((call) => call.op === "get" && isData(call)),
  };
}

test.each<[string, (dataset: Dataset) => Promise<unknown>]>([
  ["update", (d) => d.update({ valuesSql: { size: "size + 1" } }, { maxRowsPerFile: 4000 })],
  [
    "mergeInsert",
    (d) =>
      d
        .mergeInsert("id")
        .whenMatchedUpdateAll()
        .execute(
          rows(0, 60_000).map(({ id, name }) => ({ id, name })),
          { maxRowsPerFile: 4000 },
        ),
  ],
  ["addColumns", (d) => d.addColumns({ twice: "size * 2" })],
  ["alterColumns", (d) => d.alterColumns([{ path: "size", dataType: new Float32() }])],
])("%s streams: files are written while others are yet to be read", async (_, change) => {
  const { firstWrite, lastRead } = await traceChange(change);
  expect(firstWrite).toBeGreaterThan(0);
  expect(firstWrite).toBeLessThan(lastRead);
});
