import { Field, Float64, Int32, Int64, Schema, Table, tableFromArrays, Utf8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { type TabularData, toRecordBatches } from "../../src/write/input/input.ts";
import { type MergeInsertOptions, mergeInsert } from "../../src/write/merge-insert/merge-insert.ts";
import type { MergeSpec } from "../../src/write/merge-insert/merge-spec.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, listPaths, readRows } from "./support.ts";

useTestRuntime();

const uri = "memory://t";
const SCHEMA = new Schema([
  new Field("id", new Int32(), true),
  new Field("name", new Utf8(), true),
  new Field("size", new Float64(), true),
]);

interface Row {
  readonly id: number | null;
  readonly name: string | null;
  readonly size: number | null;
}

const row = (id: number | null, name: string | null = `name ${id}`, size: number | null = id): Row => ({
  id,
  name,
  size,
});

async function create(rows: readonly Row[], options: { maxRowsPerFile?: number; stableRowIds?: boolean } = {}) {
  const store = createMemoryStore();
  return createTable(store, await toRecordBatches(rows, { schema: SCHEMA }), { uri, ...options });
}

const merge = (snapshot: Snapshot, spec: MergeSpec, data: TabularData, options?: MergeInsertOptions) =>
  mergeInsert(snapshot, spec, data, ENVIRONMENT, options);

const UPSERT: MergeSpec = { on: ["id"], matched: { action: "update" }, notMatched: "insert" };

test("an upsert updates rows of known keys and inserts the others", async () => {
  const first = await create([row(1), row(2), row(3)], { maxRowsPerFile: 2 });
  const { snapshot, result } = await merge(first, UPSERT, [row(4, "new"), row(2, "two"), row(3, null)]);
  expect(result).toMatchObject({ numInsertedRows: 1, numUpdatedRows: 2, numDeletedRows: 0, numAttempts: 1 });
  expect(result.numFilesWritten).toBe(1);
  expect(await readRows(snapshot)).toEqual([row(1), row(2, "two"), row(3, null), row(4, "new")]);
  expect(snapshot.fragments.map((fragment) => [fragment.id, fragment.numRows])).toEqual([
    [0, 1],
    [2, 3],
  ]);
});

describe("arms", () => {
  const target = [row(1), row(2), row(3), row(null, "null")];
  const source = [row(2, "two"), row(5, "five"), row(null, "other null")];
  test.each<[string, Omit<MergeSpec, "on">, Row[], number[]]>([
    ["insert only", { notMatched: "insert" }, [...target, row(5, "five"), row(null, "other null")], [2, 0, 0]],
    ["update only", { matched: { action: "update" } }, [row(1), row(3), row(null, "null"), row(2, "two")], [0, 1, 0]],
    ["delete matched", { matched: { action: "delete" } }, [row(1), row(3), row(null, "null")], [0, 0, 1]],
    ["delete by source", { notMatchedBySource: { action: "delete" } }, [row(2)], [0, 0, 3]],
    [
      "delete by source, some",
      { notMatchedBySource: { action: "delete", where: "id > 1 OR name = 'null'" } },
      [row(1), row(2)],
      [0, 0, 2],
    ],
    [
      "replace all",
      { matched: { action: "update" }, notMatched: "insert", notMatchedBySource: { action: "delete" } },
      [row(2, "two"), row(5, "five"), row(null, "other null")],
      [2, 1, 3],
    ],
    [
      "delete matched, insert the rest",
      { matched: { action: "delete" }, notMatched: "insert" },
      [row(1), row(3), row(null, "null"), row(5, "five"), row(null, "other null")],
      [2, 0, 1],
    ],
  ])("%s", async (_, arms, expected, counts) => {
    const { snapshot, result } = await merge(
      await create(target, { maxRowsPerFile: 2 }),
      { on: ["id"], ...arms },
      source,
    );
    expect(await readRows(snapshot)).toEqual(expected);
    expect([result.numInsertedRows, result.numUpdatedRows, result.numDeletedRows]).toEqual(counts);
  });
});

test("a condition compares the new row with the old one", async () => {
  const first = await create([row(1, "a", 10), row(2, "b", 20), row(3, "c", null)]);
  const spec: MergeSpec = {
    on: ["id"],
    matched: { action: "update", where: "source.size > target.size AND target.name != 'x'" },
    notMatched: "insert",
  };
  const { snapshot, result } = await merge(first, spec, [row(1, "A", 11), row(2, "B", 5), row(3, "C", 1), row(4)]);
  expect(await readRows(snapshot)).toEqual([row(2, "b", 20), row(3, "c", null), row(1, "A", 11), row(4)]);
  expect(result).toMatchObject({ numInsertedRows: 1, numUpdatedRows: 1 });
});

test("a source may lack columns: updated rows keep theirs, inserted rows get null", async () => {
  const first = await create([row(1, "a", 10), row(2, "b", 20), row(3, "c", 30)], { maxRowsPerFile: 2 });
  const { snapshot } = await merge(first, UPSERT, [
    { size: 33, id: 3 },
    { size: 11, id: 1 },
    { size: 4, id: 4 },
  ]);
  expect(await readRows(snapshot)).toEqual([row(2, "b", 20), row(1, "a", 11), row(3, "c", 33), row(4, null, 4)]);
});

test("several keys, all of which must be equal", async () => {
  const first = await create([row(1, "a", 1), row(1, "b", 2), row(2, "a", 3), row(2, null, 4)]);
  const spec = { ...UPSERT, on: ["name", "ID"] };
  const { snapshot } = await merge(first, spec, [row(1, "b", 20), row(2, "b", 30), row(2, null, 40)]);
  expect(await readRows(snapshot)).toEqual([
    row(1, "a", 1),
    row(2, "a", 3),
    row(2, null, 4),
    row(1, "b", 20),
    row(2, "b", 30),
    row(2, null, 40),
  ]);
});

test("keys are equal by bits: 0.0 is not -0.0, NaN is NaN; wide integers are told apart", async () => {
  const store = createMemoryStore();
  const big = 2n ** 53n;
  const target = new Table({
    wide: vectorFromArray([big, big + 1n, -1n, 1n], new Int64()),
    size: vectorFromArray([0, -0, Number.NaN, 1], new Float64()),
  });
  const first = await createTable(store, await toRecordBatches(target), { uri });
  const source = [
    { wide: big + 1n, size: 7 },
    { wide: -1n, size: 8 },
  ];
  const byWide = await merge(first, { on: ["wide"], matched: { action: "update" } }, source);
  expect(await readRows(byWide.snapshot)).toEqual([
    { wide: big, size: 0 },
    { wide: 1n, size: 1 },
    { wide: big + 1n, size: 7 },
    { wide: -1n, size: 8 },
  ]);
  const floats = await createTable(createMemoryStore(), await toRecordBatches(target), { uri });
  const bySize = await merge(floats, { on: ["size"], matched: { action: "delete" } }, [
    { size: 0 },
    { size: Number.NaN },
  ]);
  expect((await readRows(bySize.snapshot)).map(({ wide }) => wide)).toEqual([big + 1n, 1n]);
});

test("a key that stands twice in the table updates both rows; deleted rows match nothing", async () => {
  const first = await create([row(1, "a"), row(1, "b"), row(2)], { maxRowsPerFile: 2 });
  const { snapshot: second } = await deleteRows(first, new Map([[1, Uint32Array.of(0)]]), { predicate: "id = 2" });
  const { snapshot, result } = await merge(second, UPSERT, [row(1, "c"), row(2, "again")]);
  expect(result).toMatchObject({ numInsertedRows: 1, numUpdatedRows: 2 });
  expect(await readRows(snapshot)).toEqual([row(1, "c"), row(1, "c"), row(2, "again")]);
});

test("sources of every kind: Arrow, dictionaries, parts of an iterable, nothing", async () => {
  const fresh = () => create([row(1), row(2)]);
  const arrow = tableFromArrays({ id: Int32Array.of(2, 3), name: ["zwei", "drei"] });
  expect(await readRows((await merge(await fresh(), UPSERT, arrow)).snapshot)).toEqual([
    row(1),
    row(2, "zwei"),
    row(3, "drei", null),
  ]);
  const byName: MergeSpec = { on: ["name"], matched: { action: "delete" } };
  const words = tableFromArrays({ name: ["name 2", "other"] });
  expect(await readRows((await merge(await fresh(), byName, words)).snapshot)).toEqual([row(1)]);
  async function* parts() {
    yield [{ id: 1, name: "one" }];
    yield [{ id: 9, name: "nine" }];
  }
  expect(await readRows((await merge(await fresh(), UPSERT, parts())).snapshot)).toEqual([
    row(2),
    row(1, "one"),
    row(9, "nine", null),
  ]);
  const first = await fresh();
  expect((await merge(first, UPSERT, [])).snapshot).toBe(first);
  const emptied = await merge(first, { on: ["id"], notMatchedBySource: { action: "delete" } }, []);
  expect(await readRows(emptied.snapshot)).toEqual([]);
});

test("rows keep their stable ids when updated, and inserted ones get new ones", async () => {
  const first = await create([row(1), row(2), row(3)], { maxRowsPerFile: 2, stableRowIds: true });
  const { snapshot } = await merge(first, UPSERT, [row(3, "three"), row(1, "one"), row(7)]);
  const rows = await readRows<Row & { _rowid: bigint }>(snapshot, { withRowId: true });
  expect(rows.map(({ id, _rowid }) => [id, Number(_rowid)])).toEqual([
    [2, 1],
    [1, 0],
    [3, 2],
    [7, 3],
  ]);
});

describe("refusals name what is wrong and leave the store as it was", () => {
  test.each<[string, MergeSpec, TabularData, Record<string, unknown>]>([
    ["no arm", { on: ["id"] }, [row(1)], { code: "INVALID_ARGUMENT" }],
    ["no key", { ...UPSERT, on: [] }, [row(1)], { code: "INVALID_ARGUMENT" }],
    [
      "an unknown key",
      { ...UPSERT, on: ["nope"] },
      [row(1)],
      { code: "INVALID_ARGUMENT", details: { column: "nope" } },
    ],
    ["a source without the key", UPSERT, [{ name: "x" }], { code: "SCHEMA_MISMATCH", details: { column: "id" } }],
    ["an unknown column", UPSERT, [{ id: 1, nope: 1 }], { code: "SCHEMA_MISMATCH", details: { column: "nope" } }],
    [
      "another type",
      UPSERT,
      tableFromArrays({ id: Float64Array.of(1) }),
      { code: "SCHEMA_MISMATCH", details: { field: "id" } },
    ],
    [
      "a forbidden match",
      { on: ["id"], matched: { action: "fail" }, notMatched: "insert" },
      [row(9), row(2)],
      { code: "INVALID_ARGUMENT", details: { key: "id = 2" } },
    ],
    [
      "one row matched twice",
      UPSERT,
      [row(2, "a"), row(9), row(2, "b")],
      { code: "INVALID_ARGUMENT", details: { key: "id = 2" } },
    ],
    [
      "one row deleted twice",
      { on: ["id"], matched: { action: "delete" } },
      [row(2, "a"), row(2, "b")],
      { code: "INVALID_ARGUMENT" },
    ],
    [
      "a condition without sides",
      { on: ["id"], matched: { action: "update", where: "size > 1" } },
      [row(2)],
      { code: "INVALID_ARGUMENT", details: { column: "size" } },
    ],
    [
      "a condition that is none",
      { on: ["id"], matched: { action: "update", where: "source.size" } },
      [row(2)],
      { code: "SCHEMA_MISMATCH" },
    ],
  ])("%s", async (_, spec, data, expected) => {
    const first = await create([row(1), row(2), row(3)]);
    const before = await listPaths(first.store as Store);
    await expect(merge(first, spec, data)).rejects.toMatchObject(expected);
    expect(await listPaths(first.store as Store)).toEqual(before);
  });
});

test("a null where none may be is refused, and a column that must be there", async () => {
  const schema = new Schema([new Field("id", new Int32(), false), new Field("name", new Utf8(), false)]);
  const first = await createTable(createMemoryStore(), await toRecordBatches([{ id: 1, name: "a" }], { schema }), {
    uri,
  });
  const before = await listPaths(first.store as Store);
  await expect(merge(first, UPSERT, [{ id: 1 }])).rejects.toMatchObject({ details: { column: "name" } });
  const names = new Table({ id: vectorFromArray([2], new Int32()), name: vectorFromArray([null], new Utf8()) });
  await expect(merge(first, UPSERT, names)).rejects.toMatchObject({
    code: "SCHEMA_MISMATCH",
    details: { field: "name" },
  });
  expect(await listPaths(first.store as Store)).toEqual(before);
});

test("of two writers of one key, the second computes again on the newest version", async () => {
  const first = await create([row(1), row(2)]);
  const { snapshot: second } = await merge(first, UPSERT, [row(1, "theirs"), row(5, "theirs")]);
  const { snapshot: third, result } = await merge(first, UPSERT, [row(1, "ours"), row(2, "ours")]);
  expect(second.version).toBe(2);
  expect(result).toMatchObject({ numUpdatedRows: 2, numAttempts: 2 });
  expect(await readRows(third)).toEqual([row(5, "theirs"), row(2, "ours"), row(1, "ours")]);
  await expect(merge(first, UPSERT, [row(2, "late")], { conflictRetries: 0 })).rejects.toMatchObject({
    code: "COMMIT_CONFLICT",
    details: { retryable: true, attempts: 1 },
  });
});

/** What a merge means, told row by row. */
function mergeModel(target: readonly Row[], source: readonly Row[], spec: MergeSpec): Row[] {
  const same = (a: Row, b: Row) =>
    spec.on.every((name) => a[name as keyof Row] !== null && a[name as keyof Row] === b[name as keyof Row]);
  const kept: Row[] = [];
  const changed: Row[] = [];
  for (const old of target) {
    const match = source.find((candidate) => same(old, candidate));
    if (match === undefined) {
      if (spec.notMatchedBySource === undefined) kept.push(old);
    } else if (spec.matched?.action === "update") changed.push(match);
    else if (spec.matched?.action !== "delete") kept.push(old);
  }
  const added = spec.notMatched === "insert" ? source.filter((each) => !target.some((old) => same(old, each))) : [];
  return [...kept, ...changed, ...added];
}

test("histories of merges end as a plain model does", async () => {
  const rowArbitrary = fc.record({
    id: fc.option(fc.integer({ min: 0, max: 12 }), { freq: 8 }),
    name: fc.option(fc.constantFrom("a", "b"), { freq: 8 }),
    size: fc.integer({ min: 0, max: 1000 }),
  });
  const merges = fc.record({
    on: fc.constantFrom<readonly string[]>(["id"], ["id", "name"]),
    matched: fc.constantFrom<MergeSpec["matched"]>(undefined, { action: "update" }, { action: "delete" }),
    insert: fc.boolean(),
    bySource: fc.boolean(),
    rows: fc.array(rowArbitrary, { maxLength: 10 }),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(rowArbitrary, { minLength: 1, maxLength: 30 }),
      fc.array(merges, { minLength: 1, maxLength: 5 }),
      fc.boolean(),
      async (start, steps, stableRowIds) => {
        let snapshot = await create(start, { maxRowsPerFile: 7, stableRowIds });
        let model: Row[] = [...start];
        for (const { on, matched, insert, bySource, rows } of steps) {
          const spec: MergeSpec = {
            on,
            matched,
            notMatched: insert ? "insert" : undefined,
            notMatchedBySource: bySource ? { action: "delete" } : undefined,
          };
          if (!(matched ?? (insert || bySource))) continue;
          const key = (each: Row) => JSON.stringify(on.map((name) => each[name as keyof Row]));
          const hasNull = (each: Row) => on.some((name) => each[name as keyof Row] === null);
          const source = rows.filter(
            (each, i) => hasNull(each) || rows.findIndex((other) => key(other) === key(each)) === i,
          );
          model = mergeModel(model, source, spec);
          ({ snapshot } = await merge(snapshot, spec, source));
        }
        const reopened = await openSnapshot(snapshot.store, { uri });
        expect(await readRows(reopened)).toEqual(model);
        if (!stableRowIds) return;
        const ids = (await readRows<{ _rowid: bigint }>(reopened, { columns: [], withRowId: true })).map(
          (each) => each._rowid,
        );
        expect(new Set(ids).size).toBe(model.length);
      },
    ),
    { numRuns: 60 },
  );
});

test("appends meanwhile stay, and are not looked at", async () => {
  const first = await create([row(1)]);
  await appendRows(first, [row(2, "appended")]);
  const { snapshot } = await merge(first, UPSERT, [row(1, "one"), row(2, "merged")]);
  expect(await readRows(snapshot)).toEqual([row(2, "appended"), row(1, "one"), row(2, "merged")]);
});
