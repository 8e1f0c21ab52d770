import { readFile } from "node:fs/promises";
import {
  Bool,
  DateDay,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Int8,
  Int32,
  Int64,
  List,
  type RecordBatch,
  Schema,
  Struct,
  Table,
  TimestampMicrosecond,
  tableFromArrays,
  tableToIPC,
  type Uint16,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { type TabularData, toRecordBatches } from "../../src/write/input/input.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

async function readAll(data: TabularData, schema?: Schema): Promise<Table> {
  const source = await toRecordBatches(data, { schema });
  const batches: RecordBatch[] = [];
  for await (const batch of source.batches) batches.push(batch);
  return new Table(source.schema, batches);
}

const rowsOf = (table: Table) => table.toArray().map((row) => ({ ...row.toJSON() }));
const typesOf = (table: Table) =>
  Object.fromEntries(table.schema.fields.map((field) => [field.name, String(field.type)]));

describe("values at any depth", () => {
  const rows = [
    {
      point: { x: 1, label: "a" },
      tags: [{ name: "chess", scores: [1, 2, 3] }, { name: "play" }],
      grid: [[1, 2], [3]],
      counts: new Map([["a", 1]]),
    },
    { point: null, tags: [], grid: [[]], counts: new Map() },
    { point: { x: 2 }, tags: null, grid: null, counts: null },
  ];

  test("types are told from objects, arrays and Maps", async () => {
    const table = await readAll(rows);
    expect(typesOf(table)).toEqual({
      point: "Struct<{x:Float64, label:Utf8}>",
      tags: "List<Struct<{name:Utf8, scores:FixedSizeList[3]<Float32>}>>",
      grid: "List<List<Float64>>",
      counts: "Map<{key:Utf8, value:Float64}>",
    });
    expect(JSON.parse(JSON.stringify(rowsOf(table)))).toEqual([
      {
        point: { x: 1, label: "a" },
        tags: [
          { name: "chess", scores: [1, 2, 3] },
          { name: "play", scores: null },
        ],
        grid: [[1, 2], [3]],
        counts: { a: 1 },
      },
      { point: null, tags: [], grid: [[]], counts: {} },
      { point: { x: 2, label: null }, tags: null, grid: null, counts: null },
    ]);
  });

  test("rows read from a table are rows again", async () => {
    const table = await readAll(rows);
    const again = await readAll(rowsOf(table) as TabularData, table.schema);
    expect(JSON.stringify(rowsOf(again))).toBe(JSON.stringify(rowsOf(table)));
    expect(typesOf(await readAll(rowsOf(table).slice(0, 1) as TabularData))).toEqual(typesOf(table));
  });

  const inner = new Struct([
    new Field("x", new Int32(), false),
    new Field("when", new TimestampMicrosecond("UTC"), true),
  ]);
  const schema = new Schema([
    new Field("s", new Struct([new Field("l", new List(new Field("item", inner, false)), true)]), true),
  ]);

  test("by a schema: widths, dates, fields that may not be null under null structs", async () => {
    const when = new Date(5);
    const table = await readAll([{ s: { l: [{ x: 7, when }] } }, { s: null }, { s: { l: null } }], schema);
    expect(JSON.parse(JSON.stringify(rowsOf(table)))).toEqual([
      { s: { l: [{ x: 7, when: 5 }] } },
      { s: null },
      { s: { l: null } },
    ]);
  });

  test.each([
    ["a value of the wrong kind", { s: { l: [{ x: "seven" }] } }, "s.l.item.x", 'the string "seven"'],
    ["a missing one", { s: { l: [{}] } }, "s.l.item.x", "no value"],
    ["a field the struct has not", { s: { m: 1 } }, "s.m", "number 1"],
    ["no object", { s: 5 }, "s", "number 5"],
  ])("%s is named by its path", async (_, row, column, received) => {
    const read = readAll([{ s: null }, row], schema);
    await expect(read).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", details: { row: 1, column, received } });
  });

  test("JSON columns take texts and values, brain floats numbers", async () => {
    const extension = (name: string) => new Map([["ARROW:extension:name", name]]);
    const special = new Schema([
      new Field("j", new Utf8(), true, extension("arrow.json")),
      new Field("b", new FixedSizeBinary(2), true, extension("lance.bfloat16")),
    ]);
    const table = await readAll(
      [
        { j: { a: [1] }, b: 1 },
        { j: "[2]", b: -2.5 },
        { j: 3, b: null },
      ],
      special,
    );
    expect(rowsOf(table)).toEqual([
      { j: '{"a":[1]}', b: Uint8Array.of(0x80, 0x3f) },
      { j: "[2]", b: Uint8Array.of(0x20, 0xc0) },
      { j: "3", b: null },
    ]);
    await expect(readAll([{ j: 1n, b: 1 }], special)).rejects.toMatchObject({ details: { column: "j" } });
  });
});

describe("Arrow IPC with compressed buffers", () => {
  test.each(["lz4", "zstd"])("%s", async (codec) => {
    const bytes = await readFile(new URL(`../fixtures/ipc/${codec}.arrows`, import.meta.url));
    const rows = rowsOf(await readAll(bytes));
    expect(rows.length).toBe(3000);
    for (const [n, row] of rows.entries()) {
      expect(row).toEqual({ n, s: n % 7 === 0 ? null : "chess ".repeat(n % 40), d: "abc"[n % 3] });
    }
  });

  test("damaged ones are CORRUPT, and take no more memory than they may", async () => {
    for (const codec of ["lz4", "zstd"]) {
      const whole = await readFile(new URL(`../fixtures/ipc/${codec}.arrows`, import.meta.url));
      for (let at = 900; at < whole.length; at += 97) {
        const bytes = Uint8Array.from(whole);
        bytes[at]! ^= 0x55;
        const error = await readAll(bytes).then(
          () => undefined,
          (error) => error,
        );
        if (error) expect(error).toMatchObject({ code: "CORRUPT" });
      }
    }
  });
});

describe("every form of input gives its rows", () => {
  const table = tableFromArrays({ n: Int32Array.of(1, 2, 3), x: Float64Array.of(0.5, 1.5, 2.5) });
  const expected = [
    { n: 1, x: 0.5 },
    { n: 2, x: 1.5 },
    { n: 3, x: 2.5 },
  ];
  async function* stream() {
    yield table.batches[0]!;
    yield tableFromArrays({ n: Int32Array.of(4), x: Float64Array.of(3.5) });
  }
  const readable = new ReadableStream({
    start(controller) {
      controller.enqueue(table);
      controller.enqueue(table);
      controller.close();
    },
  });
  test.each<[string, TabularData, number]>([
    ["table", table, 3],
    ["batch", table.batches[0]!, 3],
    ["batches", [table.batches[0]!, table.batches[0]!], 6],
    ["IPC stream", tableToIPC(table, "stream"), 3],
    ["IPC file", tableToIPC(table, "file"), 3],
    ["ArrayBuffer", tableToIPC(table, "file").slice().buffer as ArrayBuffer, 3],
    ["async iterable", stream(), 4],
    [
      "iterable of tables",
      new Map([
        [1, table],
        [2, table],
      ]).values(),
      6,
    ],
    ["stream", readable, 6],
    ["the shape of a table from elsewhere", { schema: table.schema, batches: table.batches } as unknown as Table, 3],
  ])("%s", async (_, data, numRows) => {
    const read = rowsOf(await readAll(data));
    expect(read.length).toBe(numRows);
    expect(read.slice(0, 3)).toEqual(expected);
  });

  test("iterable of arrays of rows: one schema, from the first", async () => {
    const read = await readAll([[{ a: 1 }], [{ a: null }, { a: 2.5 }]] as never);
    expect(rowsOf(read)).toEqual([{ a: 1 }, { a: null }, { a: 2.5 }]);
  });

  test("a table without rows keeps its schema", async () => {
    const empty = await readAll(new Table(table.schema));
    expect([empty.numRows, typesOf(empty)]).toEqual([0, { n: "Int32", x: "Float64" }]);
    expect((await readAll(tableToIPC(new Table(table.schema)))).schema.fields.length).toBe(2);
    expect((await readAll([], table.schema)).numRows).toBe(0);
  });

  test("an iterator is closed when its reader stops early", async () => {
    let closed = false;
    async function* endless() {
      try {
        for (;;) yield table.batches[0]!;
      } finally {
        closed = true;
      }
    }
    const source = await toRecordBatches(endless());
    for await (const _ of source.batches) break;
    expect(closed).toBe(true);
  });
});

test("types of rows follow @lancedb/lancedb", async () => {
  const day = new Date("2026-01-02T03:04:05.678Z");
  const rows = [
    { whole: 1, big: 5n, s: "a", b: true, d: day, bytes: Uint8Array.of(1, 2), vector: [1, 2], tags: ["x"], none: null },
    { whole: 2, big: null, s: null, b: false, d: null, bytes: null, vector: [3, 4.5], tags: [], later: "y" },
  ];
  const read = await readAll(rows);
  expect(typesOf(read)).toEqual({
    whole: "Float64",
    big: "Int64",
    s: "Utf8",
    b: "Bool",
    d: "Timestamp<MILLISECOND>",
    bytes: "Binary",
    vector: "FixedSizeList[2]<Float32>",
    tags: "List<Utf8>",
    none: "Null",
    later: "Utf8",
  });
  expect(read.getChild("d")!.get(0)).toBe(day.getTime());
  expect([...read.getChild("vector")!.get(1)!]).toEqual([3, 4.5]);
  expect([...read.getChild("tags")!.get(0)!]).toEqual(["x"]);
  expect([read.getChild("later")!.get(0), read.getChild("later")!.get(1)]).toEqual([null, "y"]);
  const arrays = await readAll([
    { e: Float64Array.of(1, 2), i: Int32Array.of(1), l: [1, 2, 3] },
    { e: Float64Array.of(3, 4), i: Int32Array.of(1, 2), l: [1] },
  ]);
  expect(typesOf(arrays)).toEqual({ e: "FixedSizeList[2]<Float64>", i: "List<Int32>", l: "List<Float64>" });
});

test("rows are converted to a given schema", async () => {
  const item = (type: never | Utf8 | Uint16 | Bool | Float32 | Int8) => new Field("item", type, true);
  const schema = new Schema([
    new Field("i8", new Int8(), true),
    new Field("i64", new Int64(), true),
    new Field("u64", new Uint64(), true),
    new Field("f16", new Float16(), true),
    new Field("day", new DateDay(), true),
    new Field("ts", new TimestampMicrosecond(), true),
    new Field("dec", new Decimal(2, 20, 128), true),
    new Field("fsb", new FixedSizeBinary(2), true),
    new Field("words", new List(item(new Utf8())), true),
    new Field("bits", new List(item(new Bool())), true),
    new Field("v", new FixedSizeList(2, item(new Int8())), true),
    new Field("f", new FixedSizeList(2, item(new Float32())), true),
  ]);
  const day = new Date("2026-01-02T03:04:05.678Z");
  const rows = [
    {
      i8: -128,
      i64: 2 ** 53 - 1,
      u64: 2n ** 64n - 1n,
      f16: 0.1,
      day,
      ts: day,
      dec: -1234n,
      fsb: Uint8Array.of(1, 2),
      words: ["a", null],
      bits: [true, false],
      v: [1, null],
      f: [0.5, 1],
    },
    {},
    {
      i8: 5n,
      i64: -5n,
      u64: 7,
      f16: 65504,
      day: 3,
      ts: 12n,
      dec: 5n,
      fsb: new Uint8Array(2),
      words: [],
      bits: [],
      v: [3, 4],
      f: Float32Array.of(2, 3),
    },
  ];
  const read = await readAll(rows, schema);
  const column = (name: string) => read.getChild(name)!;
  expect([...column("i8")]).toEqual([-128, null, 5]);
  expect([...column("i64")]).toEqual([2n ** 53n - 1n, null, -5n]);
  expect([...column("u64")]).toEqual([2n ** 64n - 1n, null, 7n]);
  expect(column("f16").get(0)).toBeCloseTo(0.1, 4);
  expect(column("f16").get(2)).toBe(65504);
  expect(column("day").data[0]!.values).toEqual(Int32Array.of(Math.floor(day.getTime() / 86400000), 0, 3));
  expect(column("ts").data[0]!.values).toEqual(BigInt64Array.of(BigInt(day.getTime()) * 1000n, 0n, 12n));
  expect(column("dec").data[0]!.values).toEqual(
    Uint32Array.of(0xffffffff - 1233, 0xffffffff, 0xffffffff, 0xffffffff, 0, 0, 0, 0, 5, 0, 0, 0),
  );
  expect([...column("words").get(0)!]).toEqual(["a", null]);
  expect([...column("bits").get(0)!]).toEqual([true, false]);
  expect([...column("v").get(0)!]).toEqual([1, null]);
  expect([...column("f").get(2)!]).toEqual([2, 3]);
  expect([column("v").get(1), column("words").get(1), column("f").get(1)]).toEqual([null, null, null]);
});

test("half floats round to even at every edge", async () => {
  const values = [
    0,
    -0,
    1,
    65504,
    65519,
    65520,
    -65536,
    2 ** -14,
    2 ** -24,
    2 ** -25,
    2 ** -25 * 1.5,
    1 + 2 ** -11,
    1 + 3 * 2 ** -11,
    Infinity,
    NaN,
  ];
  const schema = new Schema([new Field("h", new Float16(), true)]);
  const read = await readAll(
    values.map((h) => ({ h })),
    schema,
  );
  expect([...(read.getChild("h")!.data[0]!.values as Uint16Array)]).toEqual([
    0, 0x8000, 0x3c00, 0x7bff, 0x7bff, 0x7c00, 0xfc00, 0x0400, 0x0001, 0x0000, 0x0001, 0x3c00, 0x3c02, 0x7c00, 0x7e00,
  ]);
});

describe("bad input is refused with row, column, expected and received", () => {
  const int = (nullable: boolean) => new Schema([new Field("n", new Int8(), nullable)]);
  const vector = new Schema([new Field("v", new FixedSizeList(2, new Field("item", new Float32(), true)), true)]);
  const good = { n: 1 };
  test.each<[string, unknown, Schema | undefined, Record<string, unknown>]>([
    ["no rows and no schema", [], undefined, { code: "INVALID_ARGUMENT" }],
    ["a number", 5, undefined, { code: "INVALID_ARGUMENT", details: { received: "a number" } }],
    ["rows that are no objects", [good, 5], undefined, { code: "INVALID_ARGUMENT", details: { row: 1 } }],
    ["rows that are arrays", [[[1]]], undefined, { code: "INVALID_ARGUMENT", details: { row: 0 } }],
    ["an iterable of single rows", new Set([good]), undefined, { code: "INVALID_ARGUMENT" }],
    ["bytes that are no Arrow IPC", new Uint8Array(100).fill(7), undefined, { code: "CORRUPT" }],
    [
      "two kinds in a column",
      [good, { n: "x" }],
      undefined,
      { code: "SCHEMA_MISMATCH", details: { row: 1, column: "n" } },
    ],
    ["a value of no type", [{ o: { a: /x/ } }], undefined, { code: "UNSUPPORTED", details: { column: "o.a" } }],
    [
      "two kinds within objects",
      [{ o: [{ a: 1 }] }, { o: [{ a: "x" }] }],
      undefined,
      { code: "SCHEMA_MISMATCH", details: { row: 1, column: "o.item.a" } },
    ],
    [
      "uneven vectors",
      [{ vector: [1, 2] }, { vector: [1] }],
      undefined,
      { code: "DIMENSION_MISMATCH", details: { row: 1, expected: 2, received: 1 } },
    ],
    [
      "a value out of range",
      [good, { n: 128 }],
      int(true),
      { code: "SCHEMA_MISMATCH", details: { row: 1, received: "number 128" } },
    ],
    ["a fraction", [{ n: 1.5 }], int(true), { code: "SCHEMA_MISMATCH" }],
    ["a missing value", [good, {}], int(false), { code: "SCHEMA_MISMATCH", details: { row: 1, received: "no value" } }],
    ["an unknown column", [{ n: 1, m: 2 }], int(true), { code: "SCHEMA_MISMATCH", details: { column: "m" } }],
    [
      "a vector of the wrong dimension",
      [{ v: [1, 2] }, { v: [1, 2, 3] }],
      vector,
      { code: "DIMENSION_MISMATCH", details: { row: 1 } },
    ],
    ["a vector of words", [{ v: ["a", "b"] }], vector, { code: "SCHEMA_MISMATCH", details: { column: "v" } }],
  ])("%s", async (_, data, schema, expected) => {
    await expect(readAll(data as TabularData, schema)).rejects.toMatchObject(expected);
  });

  test("the row number counts from the first row, not from its batch", async () => {
    const rows = Array.from({ length: 20_000 }, (_, n) => ({ n: n === 12_345 ? 300 : 1 }));
    await expect(readAll(rows, int(true))).rejects.toMatchObject({ details: { row: 12_345 } });
  });

  test("a cancelled read", async () => {
    const controller = new AbortController();
    const source = await toRecordBatches([vectorBatch(), vectorBatch()], { signal: controller.signal });
    controller.abort();
    await expect(source.batches[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: "ABORTED" });
  });
});

function vectorBatch(): RecordBatch {
  return new Table({ s: vectorFromArray(["a", "b"], new Dictionary(new Utf8(), new Int32())) }).batches[0]!;
}
