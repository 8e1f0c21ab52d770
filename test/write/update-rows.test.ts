import { Bool, Field, FixedSizeList, Float32, Int16, Int32, List, Schema, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createIndex } from "../../src/index/create-index.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { Scanner } from "../../src/query/scanner.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { readTransactionOf } from "../../src/table/manifest/read-manifest.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { type UpdateRowsOptions, type UpdateSpec, updateRows } from "../../src/write/rows/update-rows.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, listPaths, readRows } from "./support.ts";

registerJobHandlers(loadJobs);
useTestRuntime();

const uri = "memory://t";
const item = (type: Float32 | Utf8) => new Field("item", type as Utf8, true);
const SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("name", new Utf8(), true),
  new Field("size", new Int16(), true),
  new Field("open", new Bool(), true),
  new Field("tags", new List(item(new Utf8())), true),
  new Field("vector", new FixedSizeList(2, item(new Float32())), true),
]);

interface Row {
  readonly id: number;
  readonly name: string | null;
  readonly size: number | null;
  readonly open: boolean | null;
}

const row = (id: number) => ({
  id,
  name: `name ${id}`,
  size: id % 5 === 0 ? null : id,
  open: id % 2 === 0,
  tags: [`t${id}`, null],
  vector: [id, id + 0.5],
});
const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => row(from + i));

async function create(count: number, options: { maxRowsPerFile?: number; stableRowIds?: boolean } = {}) {
  return createTable(createMemoryStore(), await toRecordBatches(rows(0, count), { schema: SCHEMA }), {
    uri,
    ...options,
  });
}

const update = (snapshot: Snapshot, spec: UpdateSpec, options?: UpdateRowsOptions) =>
  updateRows(snapshot, spec, ENVIRONMENT, options);
const readPlain = (snapshot: Snapshot) => readRows<Row>(snapshot, { columns: ["id", "name", "size", "open"] });

test("values and expressions over the old row, in new fragments; the rest stays", async () => {
  const first = await create(25, { maxRowsPerFile: 10 });
  const { snapshot, result } = await update(first, {
    where: "id >= 8 AND id < 12",
    values: { open: null, tags: ["x"], vector: [7, 8] },
    valuesSql: { name: "upper(name)", size: "id + 100" },
  });
  expect(result).toEqual({ numUpdatedRows: 4 });
  expect(snapshot.fragments.map((fragment) => [fragment.id, fragment.numRows])).toEqual([
    [0, 8],
    [1, 8],
    [2, 5],
    [3, 4],
  ]);
  const read = await readRows<Record<string, unknown>>(snapshot);
  expect(read.length).toBe(25);
  const changed = read.slice(21).map((each) => [each.id, each.name, each.size, each.open, JSON.stringify(each.tags)]);
  expect(changed).toEqual([8, 9, 10, 11].map((id) => [id, `NAME ${id}`, id + 100, null, '["x"]']));
  expect([...(read[21]!.vector as Iterable<number>)]).toEqual([7, 8]);
  const kept = read.slice(0, 21).map((each) => [each.id, each.name, JSON.stringify(each.tags)]);
  const others = rows(0, 25).filter(({ id }) => id < 8 || id > 11);
  expect(kept).toEqual(others.map((each) => [each.id, each.name, JSON.stringify(each.tags)]));
});

test("every row, where no filter is given; fragments without a row left go", async () => {
  const { snapshot, result } = await update(await create(12, { maxRowsPerFile: 5 }), { valuesSql: { size: "NULL" } });
  expect(result).toEqual({ numUpdatedRows: 12 });
  expect(snapshot.fragments.map((fragment) => fragment.id)).toEqual([3]);
  expect((await readPlain(snapshot)).every(({ size }) => size === null)).toBe(true);
});

test("an expression sees the old row, also of columns that change", async () => {
  const { snapshot } = await update(await create(4), { valuesSql: { id: "size", size: "id" }, where: "id > 0" });
  expect((await readPlain(snapshot)).map(({ id, size }) => [id, size])).toEqual([
    [0, null],
    [1, 1],
    [2, 2],
    [3, 3],
  ]);
});

test("the transaction says which fields changed, so that indexes on others may follow the rows", async () => {
  const spec = { where: "id = 3", values: { size: 1, tags: ["x"] } };
  const { snapshot } = await update(await create(5), spec);
  const transaction = await readTransactionOf(snapshot.store, snapshot.source);
  if (transaction?.operation.case !== "update") throw new Error("no update");
  const { fieldsForPreservingFragBitmap, fieldsModified, updateMode } = transaction.operation.value;
  expect([fieldsForPreservingFragBitmap, fieldsModified, updateMode]).toEqual([[2, 4, 5], [], 0]);
});

test("no row to change makes no version", async () => {
  const first = await create(5);
  expect(await update(first, { where: "id > 99", values: { size: 1 } })).toEqual({
    snapshot: first,
    result: { numUpdatedRows: 0 },
  });
});

test("rows keep their stable ids", async () => {
  const first = await create(9, { maxRowsPerFile: 4, stableRowIds: true });
  const { snapshot } = await update(first, { where: "id IN (7, 2)", values: { name: "x" } });
  const read = await readRows<Row & { _rowid: bigint }>(snapshot, { columns: ["id"], withRowId: true });
  expect(read.map(({ id, _rowid }) => [id, Number(_rowid)])).toEqual([0, 1, 3, 4, 5, 6, 8, 2, 7].map((id) => [id, id]));
  const later = await appendRows(snapshot, [row(100)]);
  const ids = await readRows<{ _rowid: bigint }>(later, { columns: [], withRowId: true });
  expect(Number(ids.at(-1)!._rowid)).toBe(9);
});

describe("refusals name the column and leave the store as it was", () => {
  test.each<[string, UpdateSpec, Record<string, unknown>]>([
    ["nothing to change", {}, { code: "INVALID_ARGUMENT" }],
    ["an unknown column", { values: { nope: 1 } }, { code: "INVALID_ARGUMENT", details: { column: "nope" } }],
    ["a column named twice", { values: { size: 1 }, valuesSql: { size: "2" } }, { code: "INVALID_ARGUMENT" }],
    ["a value of another type", { values: { size: "x" } }, { code: "SCHEMA_MISMATCH", details: { column: "size" } }],
    ["a value out of range", { values: { size: 40_000 } }, { code: "SCHEMA_MISMATCH", details: { column: "size" } }],
    ["a vector of another length", { values: { vector: [1] } }, { code: "DIMENSION_MISMATCH" }],
    ["a null where none may be", { values: { id: null } }, { code: "SCHEMA_MISMATCH", details: { column: "id" } }],
    ["a null by expression", { valuesSql: { id: "size" } }, { code: "SCHEMA_MISMATCH", details: { field: "id" } }],
    [
      "an expression that does not parse",
      { valuesSql: { size: "1 +" } },
      { code: "INVALID_ARGUMENT", details: { column: "size" } },
    ],
    [
      "an expression over nothing known",
      { valuesSql: { size: "nope + 1" } },
      { code: "INVALID_ARGUMENT", details: { column: "size" } },
    ],
    ["a result out of range", { valuesSql: { size: "id + 40000" } }, { details: { column: "size" } }],
    ["a filter that is none", { where: "id", values: { size: 1 } }, { code: "SCHEMA_MISMATCH" }],
  ])("%s", async (_, spec, expected) => {
    const first = await create(6);
    const before = await listPaths(first.store as Store);
    await expect(update(first, spec)).rejects.toMatchObject(expected);
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("a cancelled update", async () => {
    const first = await create(6);
    const before = await listPaths(first.store as Store);
    const signal = AbortSignal.abort();
    await expect(update(first, { values: { size: 1 } }, { signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect(await listPaths(first.store as Store)).toEqual(before);
  });
});

test("an index finds the rows, and the answers through it are right afterwards", async () => {
  const first = await create(40, { maxRowsPerFile: 20 });
  const { snapshot: indexed } = await createIndex(first, "id", "BTREE");
  const { snapshot } = await update(indexed, {
    where: "id = 7",
    values: { name: "seven" },
    valuesSql: { id: "id + 100" },
  });
  const ids = async (filter: string) =>
    (await readRows<Row>(snapshot, { columns: ["id"], filter })).map(({ id }) => id);
  expect(await ids("id = 7")).toEqual([]);
  expect(await ids("id = 107")).toEqual([107]);
  expect(await ids("id > 37")).toEqual([38, 39, 107]);
  expect(await new Scanner(snapshot, { filter: "id = 107" }, ENVIRONMENT).explainPlan()).toContain("ScalarIndex");
});

test("updates of other rows meanwhile are united, of the same rows computed again", async () => {
  const first = await create(10);
  await update(first, { where: "id = 1", values: { name: "theirs" } });
  const { snapshot } = await update(first, { where: "id = 2", values: { name: "ours" } });
  expect((await readPlain(snapshot)).map(({ name }) => name).filter((name) => !name?.startsWith("name"))).toEqual([
    "theirs",
    "ours",
  ]);
  const again = await update(first, { where: "id < 3", valuesSql: { name: "concat(name, '!')" } }).catch(
    (error) => error,
  );
  if (again instanceof Error) throw again;
  const names = (await readPlain(again.snapshot)).map(({ name }) => name).filter((name) => name?.endsWith("!"));
  expect(names.sort()).toEqual(["name 0!", "ours!", "theirs!"]);
  await expect(update(first, { where: "id < 3", values: { size: 0 } }, { conflictRetries: 0 })).rejects.toMatchObject({
    code: "COMMIT_CONFLICT",
    details: { retryable: true },
  });
});

test.each([false, true])(
  "of eight writers that add to the same rows at once, no addition is lost (stable row ids %s)",
  async (stableRowIds) => {
    const first = await create(12, { maxRowsPerFile: 5, stableRowIds });
    await Promise.all(
      Array.from({ length: 8 }, (_, writer) =>
        update(
          first,
          { where: `id >= ${writer}`, valuesSql: { size: "coalesce(size, 0) + 1" } },
          { conflictRetries: 50 },
        ),
      ),
    );
    const read = await readRows<Row & { _rowid: bigint }>(await openSnapshot(first.store, { uri }), {
      withRowId: true,
    });
    const sizes = read.map(({ id, size }) => [id, size]).sort(([a], [b]) => a! - b!);
    expect(sizes).toEqual(rows(0, 12).map(({ id, size }) => [id, (size ?? 0) + Math.min(id + 1, 8)]));
    if (stableRowIds) for (const { id, _rowid } of read) expect(Number(_rowid)).toBe(id);
  },
);

test("histories of updates end as a plain model does", async () => {
  const steps = fc.array(
    fc.record({
      low: fc.integer({ min: -2, max: 30 }),
      width: fc.integer({ min: 0, max: 12 }),
      change: fc.constantFrom<"name" | "size" | "open">("name", "size", "open"),
    }),
    { minLength: 1, maxLength: 6 },
  );
  await fc.assert(
    fc.asyncProperty(steps, fc.boolean(), async (history, stableRowIds) => {
      let snapshot = await create(30, { maxRowsPerFile: 8, stableRowIds });
      let model: Row[] = rows(0, 30).map(({ id, name, size, open }) => ({ id, name, size, open }));
      for (const { low, width, change } of history) {
        const hit = ({ id }: Row) => id >= low && id < low + width;
        const sql = { name: "concat(name, '+')", size: "size + id", open: "NOT open" }[change];
        const apply = (old: Row): Row => ({
          ...old,
          ...(change === "name" ? { name: `${old.name}+` } : {}),
          ...(change === "size" ? { size: old.size === null ? null : old.size + old.id } : {}),
          ...(change === "open" ? { open: !old.open } : {}),
        });
        model = [...model.filter((each) => !hit(each)), ...model.filter(hit).map(apply)];
        ({ snapshot } = await update(snapshot, {
          where: `id >= ${low} AND id < ${low + width}`,
          valuesSql: { [change]: sql },
        }));
      }
      expect(await readPlain(await openSnapshot(snapshot.store, { uri }))).toEqual(model);
    }),
    { numRuns: 30 },
  );
});
