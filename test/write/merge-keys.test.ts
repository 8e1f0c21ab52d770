import {
  Bool,
  type DataType,
  Decimal,
  Dictionary,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int32,
  Int64,
  LargeUtf8,
  List,
  Schema,
  Struct,
  TimestampMicrosecond,
  Uint64,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { KeyFilter } from "../../src/write/merge-insert/key-filter.ts";
import { createKeyReader } from "../../src/write/merge-insert/key-reader.ts";
import { mergeInsert } from "../../src/write/merge-insert/merge-insert.ts";
import type { MergeSpec } from "../../src/write/merge-insert/merge-spec.ts";
import { hashXx64 } from "../../src/write/merge-insert/xx-hash.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, readRows } from "./support.ts";

useTestRuntime();

const keysOf = (values: readonly unknown[], type: DataType) => {
  const read = createKeyReader([vectorFromArray(values as never[], type).data[0]!]);
  return values.map((_, row) => read(row));
};
const item = (type: DataType) => new Field("item", type, true);

describe("keys tell values apart, and nulls are no keys", () => {
  test.each<[string, DataType, readonly unknown[]]>([
    ["bool", new Bool(), [true, false]],
    ["int8", new Int8(), [-1, 0, 1, 127, -128]],
    ["int32", new Int32(), [-1, 0, 1, 2 ** 31 - 1]],
    ["int64", new Int64(), [-1n, 0n, 1n, 2n ** 53n, 2n ** 53n + 1n, -(2n ** 63n)]],
    ["uint64", new Uint64(), [0n, 2n ** 64n - 1n, 2n ** 53n, 2n ** 53n - 1n]],
    ["float32", new Float32(), [0, -0, 1.5, Number.NaN, Number.POSITIVE_INFINITY]],
    ["float64", new Float64(), [0, -0, 5e-324, 1.5, Number.NaN, 4294967296]],
    ["utf8", new Utf8(), ["", "a", "b", "ab", "é", "e\u0301", "\u0000", "🎲"]],
    ["timestamp", new TimestampMicrosecond(), [0, 1, -1]],
    ["decimal", new Decimal(2, 20, 128), [Uint32Array.of(1, 0, 0, 0), Uint32Array.of(0, 1, 0, 0)]],
    ["fixed_size_binary", new FixedSizeBinary(2), [Uint8Array.of(1, 2), Uint8Array.of(2, 1)]],
    ["list", new List(item(new Utf8())), [["a"], ["a", "b"], ["ab"], [], [null], ["~"], ["1:a"]]],
    [
      "fixed_size_list",
      new FixedSizeList(2, item(new Int32())),
      [
        [1, 2],
        [2, 1],
        [12, 0],
      ],
    ],
    [
      "struct",
      new Struct([item(new Utf8()), new Field("n", new Int32(), true)]),
      [
        { item: "1", n: 2 },
        { item: "12", n: null },
        { item: null, n: 12 },
      ],
    ],
  ])("%s", (_, type, values) => {
    const keys = keysOf([...values, null, ...values], type);
    const [first, second] = [keys.slice(0, values.length), keys.slice(values.length + 1)];
    expect(keys[values.length]).toBeUndefined();
    expect(second).toEqual(first);
    expect(new Map(first.map((key) => [key, key])).size).toBe(values.length);
  });

  test("whatever the layout: dictionaries and wide offsets", () => {
    const words = ["b", "a", null, "b"];
    expect(keysOf(words, new LargeUtf8())).toEqual(keysOf(words, new Utf8()));
    expect(keysOf(words, new Dictionary(new Utf8(), new Int32()))).toEqual(keysOf(words, new Utf8()));
  });

  test("keys of several columns, however their parts are cut", () => {
    const parts = [
      ["a", "ab", "1:a", "a"],
      ["bc", "c", "", "1:a"],
    ];
    const read = createKeyReader(parts.map((column) => vectorFromArray(column, new Utf8()).data[0]!));
    expect(new Set([0, 1, 2, 3].map(read)).size).toBe(4);
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.string(), fc.option(fc.string())), { minLength: 1 }), (pairs) => {
        const columns = [0, 1].map(
          (i) =>
            vectorFromArray(
              pairs.map((pair) => pair[i] ?? null),
              new Utf8(),
            ).data[0]!,
        );
        const read = createKeyReader(columns);
        const keys = pairs.map((pair, row) => [JSON.stringify(pair), read(row)] as const);
        for (const [text, key] of keys) {
          for (const [other, otherKey] of keys) {
            if (key === undefined || otherKey === undefined) continue;
            expect(key === otherKey).toBe(text === other);
          }
        }
        expect(keys.map(([, key]) => key === undefined)).toEqual(pairs.map(([, second]) => second === null));
      }),
    );
  });
});

test("XXH64, as published", () => {
  const hash = (text: string) => hashXx64(new TextEncoder().encode(text)).toString(16);
  expect(hash("")).toBe("ef46db3751d8e999");
  expect(hash("abc")).toBe("44bc2cf5ad770999");
  expect(hash("Nobody inspects the spammish repetition")).toBe("fbcea83c8a378bf1");
});

test("the filter of inserted keys has the bits native sets", () => {
  const filter = new KeyFilter([0]);
  filter.addRows([vectorFromArray([7n, null, 123456789012n], new Int64()).data[0]!], 3);
  const { data, fieldIds } = filter.toMessage();
  expect(fieldIds).toEqual([0]);
  if (data.case !== "bloom") throw new Error("no bloom filter");
  const set = [...data.value.bitmap].flatMap((byte, i) => (byte === 0 ? [] : [i, byte]));
  expect(set).toEqual([
    1056, 16, 1060, 128, 1067, 8, 1069, 2, 1072, 2, 1078, 64, 1081, 2, 1085, 16, 5762, 128, 5767, 64, 5771, 4, 5775, 64,
    5779, 8, 5782, 4, 5787, 128, 5788, 8,
  ]);
  expect([data.value.bitmap.length, data.value.numBits]).toEqual([32_768, 262_144]);
});

describe("the primary key", () => {
  const key = new Map([["lance-schema:unenforced-primary-key", "true"]]);
  const SCHEMA = new Schema([new Field("id", new Int32(), false, key), new Field("by", new Utf8(), true)]);
  const UPSERT: MergeSpec = { on: [], matched: { action: "update" }, notMatched: "insert" };
  const create = async () =>
    createTable(createMemoryStore(), await toRecordBatches([{ id: 0, by: "start" }], { schema: SCHEMA }), {
      uri: "memory://t",
    });

  test("is what a merge without key columns matches on, and may not be null", async () => {
    const { snapshot } = await mergeInsert(
      await create(),
      UPSERT,
      [
        { id: 0, by: "x" },
        { id: 1, by: "y" },
      ],
      ENVIRONMENT,
    );
    expect(await readRows(snapshot)).toEqual([
      { id: 0, by: "x" },
      { id: 1, by: "y" },
    ]);
    const nullable = new Schema([new Field("id", new Int32(), true, key)]);
    await expect(
      createTable(createMemoryStore(), await toRecordBatches([{ id: 0 }], { schema: nullable }), { uri: "memory://u" }),
    ).rejects.toMatchObject({ code: "INVALID_ARGUMENT", details: { column: "id" } });
  });

  test("eight writers that upsert the same new keys at once leave one row of each", async () => {
    const first = await create();
    const results = await Promise.all(
      Array.from({ length: 8 }, (_, writer) =>
        mergeInsert(
          first,
          UPSERT,
          [1, 2, 3, 10 + writer].map((id) => ({ id, by: `writer ${writer}` })),
          ENVIRONMENT,
          { conflictRetries: 50 },
        ),
      ),
    );
    const rows = await readRows<{ id: number; by: string }>(await openSnapshot(first.store, { uri: "memory://t" }));
    expect(rows.map(({ id }) => id).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 10, 11, 12, 13, 14, 15, 16, 17]);
    const inserted = results.map(({ result }) => result.numInsertedRows).sort((a, b) => a - b);
    expect(inserted).toEqual([1, 1, 1, 1, 1, 1, 1, 4]);
    const last = new Set(rows.filter(({ id }) => id >= 1 && id <= 3).map(({ by }) => by));
    expect(last.size).toBe(1);
  });

  test("rows appended meanwhile are seen", async () => {
    const first = await create();
    await appendRows(first, [{ id: 5, by: "appended" }]);
    const { snapshot, result } = await mergeInsert(
      first,
      UPSERT,
      [
        { id: 5, by: "merged" },
        { id: 6, by: "new" },
      ],
      ENVIRONMENT,
    );
    expect(result).toMatchObject({ numInsertedRows: 1, numUpdatedRows: 1, numAttempts: 2 });
    expect((await readRows<{ id: number }>(snapshot)).map(({ id }) => id)).toEqual([0, 5, 6]);
  });
});
