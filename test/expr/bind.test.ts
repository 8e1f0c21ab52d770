import { expect, test } from "vitest";
import { isLanceError, type LanceErrorCode } from "../../src/errors.ts";
import { bindExpression } from "../../src/expr/bind.ts";
import { columnsOf } from "../../src/expr/bound.ts";
import { formatExpression } from "../../src/expr/format.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import { schemaOf } from "./support.ts";

const schema = schemaOf({
  i: "int32",
  i8: "int8",
  u8: "uint8",
  l: "int64",
  u: "uint64",
  f: "double",
  g: "float",
  h: "halffloat",
  s: "string",
  ls: "large_string",
  b: "bool",
  d: "date32:day",
  d64: "date64:ms",
  ts: "timestamp:s:-",
  tm: "timestamp:ms:-",
  tu: "timestamp:us:-",
  tn: "timestamp:ns:-",
  tz: "timestamp:us:UTC",
  st: "struct",
  Upper: "int32",
  "my col": "int32",
});
const bind = (sql: string) => bindExpression(parseFilter(sql), schema);
const print = (sql: string) => formatExpression(bind(sql));

// Each right side is what pylance 14.0.2 printed as full_filter for the left side.
test.each([
  ["l = 9223372036854775807", "l = Int64(9223372036854775807)"],
  ["u = 18446744073709551615", "u = UInt64(18446744073709551615)"],
  ["f > 9007199254740993", "f > Float64(9007199254740992)"],
  ["f = 0", "f IN ([Float64(-0), Float64(0)])"],
  ["f != -0.0", "f NOT IN ([Float64(-0), Float64(0)])"],
  ["f < 0", "f < Float64(-0)"],
  ["f > -0.0", "f > Float64(0)"],
  ["f <= -0.0", "f <= Float64(0)"],
  ["f >= 0", "f >= Float64(-0)"],
  ["f IN (0, 1.5)", "f IN ([Float64(-0), Float64(0)]) OR f = Float64(1.5)"],
  ["f NOT BETWEEN 0 AND 2", "f < Float64(-0) OR f > Float64(2)"],
  ["f = 1e400", "f = Float64(inf)"],
  ["f = 1.5e-7", "f = Float64(0.00000015)"],
  ["g = 0.1", "g = Float32(0.1)"],
  ["h = 0.1", "h = Float16(0.099975586)"],
  ["S = 'a'", 's = Utf8("a")'],
  ["upper = 3", "Upper = Int32(3)"],
  ["`my col` = 3", "my col = Int32(3)"],
  ["b = true", "b"],
  ["b != true", "NOT b"],
  ["NOT NOT b", "b"],
  ["i = null", "Boolean(NULL)"],
  ["i IN (1, null)", "i = Int32(1) OR Boolean(NULL)"],
  ["i NOT IN (1, null)", "i != Int32(1) AND Boolean(NULL)"],
  ["5 < i AND i < 10", "i > Int32(5) AND i < Int32(10)"],
  ["NOT (i > 5 AND s = 'a')", 'i <= Int32(5) OR s != Utf8("a")'],
  ["NOT (i IN (1,2,3,5))", "i NOT IN ([Int32(1), Int32(2), Int32(3), Int32(5)])"],
  ["i NOT IN (1,2)", "i != Int32(1) AND i != Int32(2)"],
  ["NOT (i IS NULL)", "i IS NOT NULL"],
  ["NOT (s LIKE 'a%')", 's NOT LIKE Utf8("a%")'],
  ["-i > 3", "(- i) > Int32(3)"],
  ["i > -(3)", "i > Int32(-3)"],
  ["i > 1 + 1", "i > Int32(2)"],
  ["cast(i as bigint) = 5", "i = Int32(5)"],
  ["i > cast(5.7 as int)", "i > Int32(5)"],
  ["s LIKE 'a%%'", 's LIKE Utf8("a%")'],
  ["s LIKE 'a'", 's = Utf8("a")'],
  ["ls LIKE 'a%'", 'ls LIKE LargeUtf8("a%")'],
  ["starts_with(s, 'A_')", 's LIKE Utf8("A\\_%")'],
  ["is_valid(s)", "s IS NOT NULL"],
  ["i = 1 OR i = 2 OR i = 5 OR i = 7", "i IN ([Int32(1), Int32(2), Int32(5), Int32(7)])"],
  ["i = 5 AND true", "i = Int32(5)"],
  ["i = 5 OR true", "Boolean(true)"],
  ["(i > 1) IS TRUE", "i > Int32(1) IS TRUE"],
  ["d = date '1970-1-2'", 'd = Date32("1970-01-02")'],
  ["d64 = date '1970-01-02'", 'd64 = Date64("1970-01-02")'],
  ["ts > timestamp '2020-01-01 00:00:00+02:00'", "ts > TimestampSecond(1577829600, None)"],
  ["ts > timestamp '1969-12-31 23:59:59.5'", "ts > TimestampSecond(0, None)"],
  ["tm > timestamp '2023-11-14 22:13:20.1225'", "tm > TimestampMillisecond(1700000000122, None)"],
  ["tu = timestamp '2023-11-14T22:13:20.123456Z'", "tu = TimestampMicrosecond(1700000000123456, None)"],
  ["tu = timestamp '1969-12-31 23:59:59.9999999'", "tu = TimestampMicrosecond(-1, None)"],
  ["tn = timestamp '2023-11-14 22:13:20.123456789'", "tn = TimestampNanosecond(1700000000123456000, None)"],
  ["tn = timestamp(9) '2023-11-14 22:13:20.123456789'", "tn = TimestampNanosecond(1700000000123456789, None)"],
  ["tz > timestamp '2020-01-01'", 'tz > TimestampMicrosecond(1577836800000000, Some("UTC"))'],
  ["tu > date '2020-01-01'", "tu > TimestampMicrosecond(1577836800000000, None)"],
  ["tu > cast('2020-01-01' as timestamp(0))", "tu > TimestampMicrosecond(1577836800000000, None)"],
])("%s is %s", (sql, expected) => {
  expect(print(sql)).toBe(expected);
});

test("text reads as a date or a timestamp beside such a column, and the smallest int64 as an integer", () => {
  expect(print("tu >= '2020-01-01'")).toBe("tu >= TimestampMicrosecond(1577836800000000, None)");
  expect(print("d = '1970-01-02'")).toBe('d = Date32("1970-01-02")');
  expect(print("l = -9223372036854775808")).toBe("l = Int64(-9223372036854775808)");
});

test.each<[string, LanceErrorCode, string]>([
  ["i = 5.5", "SCHEMA_MISMATCH", "i"],
  ["i = 3000000000", "SCHEMA_MISMATCH", "i"],
  ["i IN (1, 2.0)", "SCHEMA_MISMATCH", "i"],
  ["u8 > -1", "SCHEMA_MISMATCH", "u8"],
  ["l = 9223372036854775808", "SCHEMA_MISMATCH", "l"],
  ["h > 100000", "SCHEMA_MISMATCH", "h"],
  ["i = '5'", "SCHEMA_MISMATCH", "i"],
  ["s = 5", "SCHEMA_MISMATCH", "s"],
  ["b = 1", "SCHEMA_MISMATCH", "b"],
  ["d > 5", "SCHEMA_MISMATCH", "d"],
  ["tu > 'soon'", "SCHEMA_MISMATCH", "tu"],
  ["i LIKE 'a%'", "SCHEMA_MISMATCH", "i"],
  ["starts_with(i, 'a')", "SCHEMA_MISMATCH", "i"],
  ["i", "SCHEMA_MISMATCH", "i"],
  ["nope = 3", "INVALID_ARGUMENT", "nope"],
  ["`upper` = 3", "INVALID_ARGUMENT", "upper"],
  ["st = 3", "UNSUPPORTED", "st"],
  ["st.a = 3", "INVALID_ARGUMENT", "a"],
  ["i.a = 3", "SCHEMA_MISMATCH", "i"],
])("%s is refused with %s, naming the column %s", (sql, code, column) => {
  try {
    bind(sql);
  } catch (error) {
    if (!isLanceError(error)) throw error;
    expect(error.code).toBe(code);
    expect(error.details.column).toBe(column);
    expect(error.details).toHaveProperty("received");
    expect(error.message).toContain(column);
    return;
  }
  throw new Error("it was accepted");
});

test.each<[string, LanceErrorCode]>([
  ["d = date '1970-13-01'", "INVALID_ARGUMENT"],
  ["i = cast('x' as int)", "INVALID_ARGUMENT"],
  ["i = 1 / 0", "INVALID_ARGUMENT"],
  ["starts_with(s)", "INVALID_ARGUMENT"],
  ["nosuch(s)", "INVALID_ARGUMENT"],
  ["s LIKE s", "UNSUPPORTED"],
  ["i + s = 1", "SCHEMA_MISMATCH"],
])("%s is refused with %s", (sql, code) => {
  expect(() => bind(sql)).toThrow(expect.objectContaining({ code }));
});

test("an unknown column is answered with those that exist, and a struct may still be tested for NULL", () => {
  expect(() => bind("nope = 3")).toThrow(/no column named "nope"; the columns are "i", "i8"/);
  expect(print("st IS NOT NULL")).toBe("st IS NOT NULL");
  expect(columnsOf(bind("s = 'a' OR (i > 5 AND isnan(f)) OR length(s) = 1"))).toEqual(["f", "i", "s"]);
});
