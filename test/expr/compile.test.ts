import {
  DateDay,
  Field,
  Float16,
  Float32,
  Float64,
  Int32,
  Int64,
  makeData,
  RecordBatch,
  Schema,
  Struct,
  TimestampMicrosecond,
  TimestampSecond,
  Utf8,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { bindExpression } from "../../src/expr/bind.ts";
import { selectIndices } from "../../src/expr/bitset.ts";
import { compileExpression } from "../../src/expr/compile/compile.ts";
import { compileLike, normalizePattern } from "../../src/expr/like.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import { MOST_GROWTH, measureGrowth } from "../support/measure-work.ts";
import { toSchema } from "./support.ts";

type Column = ReturnType<typeof makeData>;

function toBatch(columns: Readonly<Record<string, Column>>): RecordBatch {
  const names = Object.keys(columns);
  const schema = new Schema(names.map((name) => new Field(name, columns[name]!.type, true)));
  const children = Object.values(columns);
  const length = children[0]!.length;
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}

function select(batch: RecordBatch, sql: string): number[] {
  const evaluate = compileExpression(bindExpression(parseFilter(sql), toSchema(batch.schema)));
  return [...selectIndices(evaluate(batch).values)];
}

// Rows: -NaN, -inf, -1, -0, 0, 1, inf, NaN
const doubles = new Float64Array([0, -Infinity, -1, -0, 0, 1, Infinity, Number.NaN]);
new BigUint64Array(doubles.buffer)[0] = 0xfff8_0000_0000_0000n;
const singles = new Float32Array([0, -Infinity, -1, -0, 0, 1, Infinity, Number.NaN]);
new Uint32Array(singles.buffer)[0] = 0xffc0_0000;
const halves = new Uint16Array([0xfe00, 0xfc00, 0xbc00, 0x8000, 0x0000, 0x3c00, 0x7c00, 0x7e00]);
const floats = toBatch({
  f: makeData({ type: new Float64(), data: doubles }),
  g: makeData({ type: new Float32(), data: singles }),
  h: makeData({ type: new Float16(), data: halves }),
  zero: makeData({ type: new Float64(), data: new Float64Array(8) }),
});

test.each([
  ["> 0", [5, 6, 7]],
  [">= 0", [3, 4, 5, 6, 7]],
  ["= 0", [3, 4]],
  ["!= 0", [0, 1, 2, 5, 6, 7]],
  ["< 0", [0, 1, 2]],
  ["<= -0.0", [0, 1, 2, 3, 4]],
  ["BETWEEN -1 AND 1", [2, 3, 4, 5]],
  ["NOT BETWEEN -1 AND 1", [0, 1, 6, 7]],
  ["IN (0, 1)", [3, 4, 5]],
  ["IN (1, 2, 3, 4, 0, -1)", [2, 3, 4, 5]],
  ["NOT IN (1, 2, 3, 4, 0, -1)", [0, 1, 6, 7]],
])("floats are in total order with one zero: f %s", (rest, expected) => {
  for (const column of ["f", "g", "h"]) expect(select(floats, `${column} ${rest}`), column).toEqual(expected);
});

test("NaN is found by isnan and equals itself; -NaN is another value", () => {
  expect(select(floats, "isnan(f)")).toEqual([0, 7]);
  expect(select(floats, "isnan(h)")).toEqual([0, 7]);
  expect(select(floats, "f = cast('nan' as double)")).toEqual([7]);
  expect(select(floats, "f < cast('nan' as double)")).toEqual([0, 1, 2, 3, 4, 5, 6]);
  expect(select(floats, "f IN (cast('nan' as double), 7, 8, 9, 10)")).toEqual([7]);
  expect(select(floats, "f = f AND g = g")).toHaveLength(8);
});

test("between two columns the two zeros are apart, as in native", () => {
  expect(select(floats, "f < zero")).toEqual([0, 1, 2, 3]);
  expect(select(floats, "f = zero")).toEqual([4]);
});

test("64-bit integers are exact at their ends", () => {
  const [minimum, maximum] = [-(2n ** 63n), 2n ** 63n - 1n];
  const values = [minimum, minimum + 1n, -1n, 0n, 2n ** 32n - 1n, 2n ** 32n, maximum - 1n, maximum];
  const batch = toBatch({ l: makeData({ type: new Int64(), data: BigInt64Array.from(values) }) });
  for (const [row, value] of values.entries()) {
    expect(select(batch, `l = ${value}`)).toEqual([row]);
    expect(select(batch, `l < ${value}`)).toHaveLength(row);
    expect(select(batch, `l > ${value}`)).toHaveLength(values.length - row - 1);
    expect(select(batch, `l IN (${value}, 7, 8, 9, 10, 11)`)).toEqual([row]);
  }
  expect(select(batch, "l > cast(1.5 as double)")).toEqual([4, 5, 6, 7]);
});

test("integers wrap, and a division by zero is an error unless its row is NULL", () => {
  const batch = toBatch({
    i: vectorFromArray([1, null, 2147483647, -5], new Int32()).data[0]!,
    z: vectorFromArray([1, 0, 2, 3], new Int32()).data[0]!,
  });
  expect(select(batch, "i + z < 0")).toEqual([2, 3]);
  expect(select(batch, "i / z >= 1")).toEqual([0, 2]);
  expect(select(batch, "i % 2 = -1")).toEqual([3]);
  expect(() => select(batch, "z / (z - z) = 1")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

test("text is compared by its UTF-8 bytes, and by code points in LIKE", () => {
  const values = ["", "a", "b", "é", "\uffff", "😀", null];
  const batch = toBatch({ s: vectorFromArray(values, new Utf8()).data[0]! });
  // UTF-16 would put the emoji before U+FFFF.
  expect(select(batch, "s > '\uffff'")).toEqual([5]);
  expect(select(batch, "s LIKE '_'")).toEqual([1, 2, 3, 4, 5]);
  expect(select(batch, "s ILIKE 'É'")).toEqual([3]);
  expect(select(batch, "length(s) = 1 AND octet_length(s) > 1")).toEqual([3, 4, 5]);
  expect(select(batch, "upper(s) = 'É'")).toEqual([3]);
});

test.each([
  ["a!%b", "!", "a%b", true],
  ["a!%b", "!", "axb", false],
  ["!!%", "!", "!x", true],
  ["a\\%", "\\", "a%", true],
  ["a\\", "\\", "a\\", true],
  ["%ab%ab", "\\", "abxabyab", true],
  ["%ab%abc%", "\\", "ababab", false],
  ["a%_c", "\\", "abbc", true],
  ["_%_", "\\", "é", false],
  ["%__", "\\", "日", false],
  ["%%%", "\\", "", true],
])("LIKE %s ESCAPE %s on %s is %s", (pattern, escapeCharacter, text, expected) => {
  const bytes = new TextEncoder().encode(`<${text}>`);
  expect(compileLike(normalizePattern(pattern, escapeCharacter))(bytes, 1, bytes.length - 1)).toBe(expected);
});

test("a pattern of many wildcards stays cheap", () => {
  const isMatch = compileLike(`${"%a".repeat(200)}%b`);
  const run = (length: number): void => {
    const bytes = new TextEncoder().encode("a".repeat(length));
    expect(isMatch(bytes, 0, length)).toBe(false);
  };
  expect(measureGrowth(run, 5_000)).toBeLessThan(MOST_GROWTH);
});

test("dates and timestamps of several units meet", () => {
  const batch = toBatch({
    d: makeData({ type: new DateDay(), data: Int32Array.of(0, 1, 1) }),
    ts: makeData({ type: new TimestampSecond(), data: BigInt64Array.of(0n, 86_400n, 86_399n) }),
    tu: makeData({ type: new TimestampMicrosecond(), data: BigInt64Array.of(1n, 86_400_000_000n, 86_399_999_999n) }),
  });
  expect(select(batch, "d = ts")).toEqual([0, 1]);
  expect(select(batch, "d < tu")).toEqual([0]);
  expect(select(batch, "ts = tu")).toEqual([0, 1, 2]);
  expect(select(batch, "d = timestamp '1970-01-02 00:00:00'")).toEqual([1, 2]);
});

test("a batch without the column, or with another type in its place, is refused", () => {
  const bound = bindExpression(
    parseFilter("x > 1"),
    toSchema(toBatch({ x: makeData({ type: new Int64(), data: BigInt64Array.of(1n) }) }).schema),
  );
  const evaluate = compileExpression(bound);
  expect(() => evaluate(floats)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  const other = toBatch({ x: makeData({ type: new Int32(), data: Int32Array.of(1) }) });
  expect(() => evaluate(other)).toThrow(expect.objectContaining({ code: "SCHEMA_MISMATCH" }));
});

test("contains() looks at one text at a time, however long the column", () => {
  const makeTexts = (numRows: number) =>
    toBatch({ s: vectorFromArray(new Array<string>(numRows).fill("abcdefgh"), new Utf8()).data[0]! });
  const batches = new Map([1, 8].map((times) => [times * 25_000, makeTexts(times * 25_000)]));
  const run = (numRows: number) =>
    expect(select(batches.get(numRows)!, "contains(s, 'zz') OR s LIKE '%zz%'")).toEqual([]);
  expect(measureGrowth(run, 25_000)).toBeLessThan(MOST_GROWTH);
});
