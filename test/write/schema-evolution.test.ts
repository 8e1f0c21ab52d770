import {
  Bool,
  Field,
  Float32,
  Float64,
  Int16,
  Int32,
  Int64,
  LargeUtf8,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  TimestampMillisecond,
  tableFromArrays,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createIndex } from "../../src/index/create-index.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { updateRows } from "../../src/write/rows/update-rows.ts";
import { type AddColumnsOptions, addColumns, type NewColumns } from "../../src/write/schema/add-columns.ts";
import { alterColumns, type ColumnAlteration } from "../../src/write/schema/alter-columns.ts";
import { dropColumns } from "../../src/write/schema/drop-columns.ts";
import { createMeeting } from "../support/meeting.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, listPaths, readRows } from "./support.ts";

registerJobHandlers(loadJobs);
useTestRuntime();

const uri = "memory://t";
const USER = new Struct([new Field("age", new Int32(), true), new Field("email", new Utf8(), true)]);
const SCHEMA = new Schema([
  new Field("id", new Int32(), false),
  new Field("name", new Utf8(), true),
  new Field("size", new Int64(), true),
  new Field("user", USER, true),
]);

const row = (id: number) => ({
  id,
  name: id % 4 === 0 ? null : `name ${id}`,
  size: BigInt(id * 10),
  user: id % 5 === 0 ? null : { age: id, email: `${id}@x` },
});
/** Arrow data of rows: every column by its own builder. */
function toTable(values: readonly ReturnType<typeof row>[]): Table {
  const columns = SCHEMA.fields.map((field) =>
    vectorFromArray(
      values.map((each) => each[field.name as keyof typeof each]),
      field.type,
    ),
  );
  const type = new Struct(SCHEMA.fields);
  const children = columns.map((column) => column.data[0]!);
  return new Table(SCHEMA, [
    new RecordBatch(SCHEMA, makeData({ type, length: values.length, nullCount: 0, children })),
  ]);
}

const rows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => row(from + i));

/** 25 rows in three fragments; 3 and all of the last fragment but 24 are deleted. */
async function create(): Promise<Snapshot> {
  const source = await toRecordBatches(toTable(rows(0, 25)));
  const first = await createTable(createMemoryStore(), source, { uri, maxRowsPerFile: 10 });
  const deleted = new Map([
    [0, Uint32Array.of(3)],
    [2, Uint32Array.of(0, 1, 2, 3)],
  ]);
  return (await deleteRows(first, deleted, { predicate: "some" })).snapshot;
}

const LIVE = rows(0, 25).filter(({ id }) => id !== 3 && (id < 20 || id > 23));
const readPlain = async (snapshot: Snapshot, columns?: string[]) =>
  JSON.parse(
    JSON.stringify(await readRows(await openSnapshot(snapshot.store, { uri }), columns && { columns }), (_, value) =>
      typeof value === "bigint" ? Number(value) : value,
    ),
  );
const add = (snapshot: Snapshot, columns: NewColumns, options?: AddColumnsOptions) =>
  addColumns(snapshot, columns, options);

describe("addColumns", () => {
  test("of many small fragments writes several at once; a function sees them one after another", async () => {
    const source = await toRecordBatches(toTable(rows(0, 40)));
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    await createTable(store, source, { uri, maxRowsPerFile: 1 });
    let open = 0;
    let most = 0;
    const meet = createMeeting(5);
    const counting = overrideStore(store, {
      async createWriter(path, options) {
        const writer = await store.createWriter(path, options);
        most = Math.max(most, ++open);
        return {
          write: (bytes) => writer.write(bytes),
          abort: () => writer.abort(),
          async close() {
            await meet();
            await new Promise((resolve) => setTimeout(resolve, 1));
            open--;
            return writer.close();
          },
        };
      },
    });
    const progress: number[] = [];
    const added = await add(
      await openSnapshot(counting, { uri }),
      { next: "id + 1" },
      { onProgress: ({ fragments }) => progress.push(fragments) },
    );
    expect(most).toBeGreaterThan(4);
    expect(most).toBeLessThanOrEqual(16);
    expect(progress).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(await readPlain(added, ["id", "next"])).toEqual(rows(0, 40).map(({ id }) => ({ id, next: id + 1 })));
    most = 0;
    const seen: number[] = [];
    await add(added, (batch) => {
      for (const id of batch.getChild("id")!) seen.push(id);
      return { seen: Array.from({ length: batch.numRows }, () => seen.length) };
    });
    expect(most).toBe(1);
    expect(seen).toEqual(rows(0, 40).map(({ id }) => id));
  });

  test("of many small fragments leaves nothing when one of them fails", async () => {
    const source = await toRecordBatches(toTable(rows(0, 40)));
    const first = await createTable(createMemoryStore(), source, { uri, maxRowsPerFile: 1 });
    const before = await listPaths(first.store as Store);
    const adding = add(first, { narrow: "cast(case when id = 23 then 'x' else '1' end as int)" });
    await expect(adding).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("expressions and constants, in new files beside the old ones", async () => {
    const first = await create();
    const before = await listPaths(first.store as Store, "data/");
    const snapshot = await add(first, { twice: "size * 2", kind: "'a'", upper: "upper(name)" });
    expect(snapshot.version).toBe(first.version + 1);
    expect(await readPlain(snapshot, ["id", "twice", "kind", "upper"])).toEqual(
      LIVE.map(({ id, name }) => ({ id, twice: id * 20, kind: "a", upper: name?.toUpperCase() ?? null })),
    );
    expect((await listPaths(first.store as Store, "data/")).length).toBe(before.length + 3);
    expect(snapshot.fragments.map((fragment) => fragment.proto.files.length)).toEqual([2, 2, 2]);
    expect(snapshot.schema.fields.map(({ id, name, nullable }) => [id, name, nullable]).slice(4)).toEqual([
      [6, "twice", true],
      [7, "kind", false],
      [8, "upper", true],
    ]);
  });

  test("null columns cost no data", async () => {
    const first = await create();
    const before = await listPaths(first.store as Store, "data/");
    const snapshot = await add(first, [new Field("score", new Float32(), true), new Field("more", USER, true)]);
    expect(await listPaths(first.store as Store, "data/")).toEqual(before);
    expect(await readPlain(snapshot, ["id", "score", "more"])).toEqual(
      LIVE.map(({ id }) => ({ id, score: null, more: null })),
    );
    const { snapshot: updated } = await updateRows(snapshot, { where: "id = 7", values: { score: 0.5 } }, ENVIRONMENT);
    expect((await readPlain(updated, ["id", "score"])).at(-1)).toEqual({ id: 7, score: 0.5 });
    const later = await appendRows(updated, tableFromArrays({ id: Int32Array.of(100), score: Float32Array.of(2) }));
    expect((await readPlain(later, ["id", "name", "score"])).at(-1)).toEqual({ id: 100, name: null, score: 2 });
  });

  test("a function over batches sees live rows and gives Arrow, rows or columns", async () => {
    const seen: number[] = [];
    const ids = (batch: RecordBatch) => [...batch.getChild("id")!] as number[];
    const functions: NewColumns[] = [
      (batch) => {
        expect(batch.schema.fields.map((field) => field.name)).toEqual(["id"]);
        seen.push(...ids(batch));
        return tableFromArrays({ half: Float64Array.from(ids(batch), (id) => id / 2) });
      },
      async (batch) => ids(batch).map((id) => ({ half: id / 2 })),
      (batch) => ({ half: ids(batch).map((id) => id / 2) }),
      (batch) => ({
        half: vectorFromArray(
          ids(batch).map((id) => id / 2),
          new Float64(),
        ),
      }),
    ];
    for (const columns of functions) {
      const snapshot = await add(await create(), columns, { readColumns: ["id"], batchSize: 4 });
      expect(await readPlain(snapshot, ["id", "half"])).toEqual(LIVE.map(({ id }) => ({ id, half: id / 2 })));
    }
    expect(seen).toEqual(LIVE.map(({ id }) => id));
  });

  test("a function of a table without rows needs a schema", async () => {
    const empty = await createTable(createMemoryStore(), await toRecordBatches([], { schema: SCHEMA }), { uri });
    const fail = () => {
      throw new Error("not called");
    };
    await expect(add(empty, fail)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    const schema = new Schema([new Field("x", new Bool(), true)]);
    const snapshot = await add(empty, fail, { schema });
    expect(snapshot.schema.fields.map((field) => field.name)).toEqual(["id", "name", "size", "user", "x"]);
  });

  test("deleted rows do not make an expression fail, nor a batch without a live row", async () => {
    const source = await toRecordBatches(toTable(rows(0, 10)));
    const first = await createTable(createMemoryStore(), source, { uri, maxRowsPerFile: 5 });
    const { snapshot } = await deleteRows(first, new Map([[0, Uint32Array.of(0, 1, 2)]]), { predicate: "" });
    const schema = new Schema([new Field("inverse", new Int32(), false)]);
    const inverse = (batch: RecordBatch) => ({
      inverse: [...batch.getChild("id")!].map((id) => (100 / (id as number)) | 0),
    });
    const byFunction = await add(snapshot, inverse, { schema, batchSize: 1 });
    expect(await readPlain(byFunction, ["inverse"])).toEqual(
      [3, 4, 5, 6, 7, 8, 9].map((id) => ({ inverse: Math.trunc(100 / id) })),
    );
    expect(await readPlain(await add(byFunction, { again: "100 / id" }), ["again"])).toEqual(
      await readPlain(byFunction, ["inverse"]).then((all) =>
        all.map((each: { inverse: number }) => ({ again: each.inverse })),
      ),
    );
  });

  test.each<[string, NewColumns, AddColumnsOptions, Record<string, unknown>]>([
    ["a name that is taken", { name: "1" }, {}, { code: "INVALID_ARGUMENT", details: { column: "name" } }],
    [
      "a null column that may not be null",
      new Field("x", new Int32(), false),
      {},
      { code: "INVALID_ARGUMENT", details: { column: "x" } },
    ],
    ["a reserved name", { _rowid: "1" }, {}, { code: "INVALID_ARGUMENT", details: { column: "_rowid" } }],
    ["nothing", {}, {}, { code: "INVALID_ARGUMENT" }],
    ["no expression", { x: 1 as never }, {}, { code: "INVALID_ARGUMENT", details: { column: "x" } }],
    ["an unknown column", { x: "nope" }, {}, { code: "INVALID_ARGUMENT" }],
    ["a division by zero", { x: "1 / id" }, {}, { code: "INVALID_ARGUMENT" }],
    ["too few values", () => ({ x: [1] }), {}, { code: "INVALID_ARGUMENT" }],
    [
      "other columns on the second call",
      (batch) =>
        batch.numRows === 9 ? [...Array(9)].map(() => ({ x: 1 })) : [...Array(batch.numRows)].map(() => ({ y: 1 })),
      {},
      { code: "SCHEMA_MISMATCH" },
    ],
    ["an unknown read column", () => ({ x: [] }), { readColumns: ["nope"] }, { code: "INVALID_ARGUMENT" }],
    ["a bad batch size", () => ({ x: [] }), { batchSize: 0 }, { code: "INVALID_ARGUMENT" }],
    ["a cancelled call", { x: "1" }, { signal: AbortSignal.abort() }, { code: "ABORTED" }],
  ])("%s is refused, and nothing is left", async (_, columns, options, expected) => {
    const first = await create();
    const before = await listPaths(first.store as Store);
    await expect(add(first, columns, options)).rejects.toMatchObject(expected);
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("what a function throws ends the call, and nothing is left", async () => {
    const first = await create();
    const before = await listPaths(first.store as Store);
    let calls = 0;
    const failing: NewColumns = (batch) => {
      if (++calls === 2) throw new Error("model failed");
      return { x: new Array(batch.numRows).fill(1) };
    };
    await expect(add(first, failing)).rejects.toThrow("model failed");
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("rows appended meanwhile: the columns are computed again", async () => {
    const first = await create();
    await appendRows(first, toTable([row(50)]));
    expect((await readPlain(await add(first, { twice: "size * 2" }), ["id", "twice"])).at(-1)).toEqual({
      id: 50,
      twice: 1000,
    });
  });
});

describe("alterColumns", () => {
  const alter = (snapshot: Snapshot, ...alterations: ColumnAlteration[]) => alterColumns(snapshot, alterations);

  test("names and nullability are the schema's alone", async () => {
    const first = await create();
    const before = await listPaths(first.store as Store, "data/");
    const snapshot = await alter(
      first,
      { path: "name", rename: "title" },
      { path: "user.email", rename: "mail" },
      { path: "user", rename: "person" },
      { path: "size", nullable: false },
      { path: "id", nullable: true },
    );
    expect(await listPaths(first.store as Store, "data/")).toEqual(before);
    expect(await readPlain(snapshot)).toEqual(
      LIVE.map(({ id, name, size, user }) => ({
        id,
        title: name,
        size: Number(size),
        person: user && { age: user.age, mail: user.email },
      })),
    );
    expect(snapshot.schema.fields.map(({ id, nullable }) => [id, nullable])).toEqual([
      [0, true],
      [1, true],
      [2, false],
      [3, true],
    ]);
  });

  test("casts write the column anew, under new ids", async () => {
    const first = await create();
    const snapshot = await alter(
      first,
      { path: "size", dataType: new Int16(), rename: "bytes" },
      { path: "name", dataType: new LargeUtf8() },
    );
    expect(await readPlain(snapshot)).toEqual(
      LIVE.map(({ id, name, size, user }) => ({ id, name, bytes: Number(size), user })),
    );
    expect(snapshot.schema.fields.map(({ id, logicalType }) => [id, logicalType])).toEqual([
      [0, "int32"],
      [7, "large_string"],
      [6, "int16"],
      [3, "struct"],
    ]);
    const all = await alter(
      snapshot,
      { path: "id", dataType: new Int64() },
      { path: "user.age", dataType: new Int16() },
    );
    expect(await readPlain(all)).toEqual(
      LIVE.map(({ id, name, size, user }) => ({ id, name, bytes: Number(size), user })),
    );
    expect(all.schema.fields[3]!.children.map(({ id, logicalType }) => [id, logicalType])).toEqual([
      [9, "int16"],
      [5, "string"],
    ]);
    const later = await appendRows(all, tableFromArrays({ id: BigInt64Array.of(99n), bytes: Int16Array.of(3) }));
    expect((await readPlain(later)).at(-1)).toEqual({ id: 99, name: null, bytes: 3, user: null });
  });

  test("times change their unit", async () => {
    const schema = new Schema([new Field("when", new TimestampMillisecond(), true)]);
    const source = await toRecordBatches([{ when: new Date(5) }, { when: null }], { schema });
    const first = await createTable(createMemoryStore(), source, { uri });
    const snapshot = await alter(first, { path: "when", dataType: new TimestampMicrosecond() });
    expect(snapshot.schema.fields[0]!.logicalType).toBe("timestamp:us:-");
    expect(await readPlain(snapshot)).toEqual([{ when: 5 }, { when: null }]);
  });

  test.each<[string, ColumnAlteration[], Record<string, unknown>]>([
    ["an unknown column", [{ path: "nope", rename: "x" }], { code: "INVALID_ARGUMENT", details: { column: "nope" } }],
    [
      "an unknown field",
      [{ path: "user.nope", rename: "x" }],
      { code: "INVALID_ARGUMENT", details: { column: "user.nope" } },
    ],
    ["a name that is taken", [{ path: "name", rename: "size" }], { code: "INVALID_ARGUMENT" }],
    ["nothing to alter", [{ path: "name" }], { code: "INVALID_ARGUMENT" }],
    [
      "one column twice",
      [
        { path: "name", rename: "a" },
        { path: "name", rename: "b" },
      ],
      { code: "INVALID_ARGUMENT" },
    ],
    ["nulls there are", [{ path: "name", nullable: false }], { code: "INVALID_ARGUMENT", details: { column: "name" } }],
    ["nulls in a struct", [{ path: "user.age", nullable: false }], { code: "INVALID_ARGUMENT" }],
    [
      "another kind",
      [{ path: "size", dataType: new Utf8() }],
      { code: "INVALID_ARGUMENT", details: { column: "size" } },
    ],
    ["a struct", [{ path: "user", dataType: new Int32() }], { code: "INVALID_ARGUMENT" }],
    [
      "a cast and no nulls at once",
      [{ path: "size", dataType: new Int32(), nullable: false }],
      { code: "INVALID_ARGUMENT" },
    ],
  ])("%s is refused", async (_, alterations, expected) => {
    const first = await create();
    const before = await listPaths(first.store as Store);
    await expect(alter(first, ...alterations)).rejects.toMatchObject(expected);
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("a value that does not fit ends a cast, and nothing is left", async () => {
    const { snapshot: first } = await updateRows(
      await create(),
      { where: "id = 4", values: { size: 70_000 } },
      ENVIRONMENT,
    );
    const before = await listPaths(first.store as Store);
    await expect(alter(first, { path: "size", dataType: new Int16() })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { column: "size" },
    });
    expect(await listPaths(first.store as Store)).toEqual(before);
  });

  test("an indexed column is not cast; a rename keeps its index", async () => {
    const { snapshot: first } = await createIndex(await create(), "size", "BTREE");
    await expect(alter(first, { path: "size", dataType: new Int32() })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { indexes: ["size_idx"] },
    });
    const snapshot = await alter(first, { path: "size", rename: "bytes" });
    expect(snapshot.indices.map((index) => index.name)).toEqual(["size_idx"]);
    expect(await readRows(snapshot, { columns: ["id"], filter: "bytes = 70" })).toEqual([{ id: 7 }]);
  });
});

describe("dropColumns", () => {
  test("columns and fields of structs go, with their indexes; the data stays", async () => {
    const { snapshot: first } = await createIndex(await create(), "size", "BTREE");
    const before = await listPaths(first.store as Store, "data/");
    const snapshot = await dropColumns(first, ["size", "user.age"]);
    expect(await readPlain(snapshot)).toEqual(
      LIVE.map(({ id, name, user }) => ({ id, name, user: user && { email: user.email } })),
    );
    expect(snapshot.indices).toEqual([]);
    expect(await listPaths(first.store as Store, "data/")).toEqual(before);
    const less = await dropColumns(snapshot, ["user.email"]);
    expect(less.schema.fields.map((field) => field.name)).toEqual(["id", "name"]);
    const { snapshot: changed } = await updateRows(less, { where: "id = 1", values: { name: "one" } }, ENVIRONMENT);
    expect((await readPlain(changed)).at(-1)).toEqual({ id: 1, name: "one" });
    const again = await add(changed, { size: "id" });
    expect(again.schema.fields.at(-1)).toMatchObject({ name: "size", id: 6 });
    expect((await readPlain(again)).at(-1)).toEqual({ id: 1, name: "one", size: 1 });
  });

  test("the last column stays, and names must be known", async () => {
    const first = await create();
    await expect(dropColumns(first, ["id", "name", "size", "user"])).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    await expect(dropColumns(first, ["nope"])).rejects.toMatchObject({ details: { column: "nope" } });
    await expect(dropColumns(first, [])).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});
