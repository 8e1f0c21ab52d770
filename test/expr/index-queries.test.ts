import { expect, test } from "vitest";
import { bindExpression } from "../../src/expr/bind.ts";
import { formatExpression } from "../../src/expr/format.ts";
import { formatIndexExpression } from "../../src/expr/format-index.ts";
import type { CanServe } from "../../src/expr/index-expression.ts";
import { extractIndexQueries } from "../../src/expr/index-queries.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import { schemaOf } from "./support.ts";

const schema = schemaOf({
  i: "int32",
  l: "int64",
  f: "double",
  g: "float",
  s: "string",
  b: "bool",
  d: "date32:day",
  x: "int32",
});
const btree: CanServe = (column) =>
  column === "x" ? undefined : { index: `bt_${column}`, displayName: "BTree", exactness: "exact" };
const zones: CanServe = (column) =>
  column === "x" ? undefined : { index: `zm_${column}`, displayName: "ZoneMap", exactness: "recheck" };

function split(sql: string, canServe: CanServe = btree): readonly [string | null, string | null] {
  const { indexed, refine } = extractIndexQueries(bindExpression(parseFilter(sql), schema), canServe);
  return [indexed && formatIndexExpression(indexed), refine && formatExpression(refine)];
}

// What pylance 14.0.2 printed behind `ScalarIndexQuery: query=`; nothing is left to refine.
test.each([
  ["i = 5", "[i = 5]@bt_i(BTree)"],
  ["i > 50 AND i <= 57", "[i > 50 && i <= 57]@bt_i(BTree)"],
  ["i BETWEEN 10 AND 14", "[i >= 10 && i <= 14]@bt_i(BTree)"],
  ["i >= 58 OR i = -40", "OR([i >= 58]@bt_i(BTree),[i = -40]@bt_i(BTree))"],
  ["i IN (1, 2, 3, 99)", "[i IN [1,2,3,99]]@bt_i(BTree)"],
  ["i IS NOT NULL AND i < -35", "[i < -35]@bt_i(BTree)"],
  ["i IS NOT NULL", "NOT([i IS NULL]@bt_i(BTree))"],
  ["NOT (i < 55)", "[i >= 55]@bt_i(BTree)"],
  ["i != 7 AND i > 55", "AND(NOT([i = 7]@bt_i(BTree)),[i > 55]@bt_i(BTree))"],
  ["s IN ('a', 'b', 'c')", "OR(OR([s = a]@bt_s(BTree),[s = b]@bt_s(BTree)),[s = c]@bt_s(BTree))"],
  ["s LIKE 'zeta1%'", "[s LIKE 'zeta1%']@bt_s(BTree)"],
  ["starts_with(s, 'a_b')", "[s LIKE 'a_b%']@bt_s(BTree)"],
  ["f = 0.0", "[f IN [-0,0]]@bt_f(BTree)"],
  ["f >= 30 OR f IS NULL", "OR([f >= 30]@bt_f(BTree),[f IS NULL]@bt_f(BTree))"],
  ["b = false AND s = 'red'", "AND(NOT([b = true]@bt_b(BTree)),[s = red]@bt_s(BTree))"],
  ["d > date '2015-01-01'", "[d > 2015-01-01]@bt_d(BTree)"],
])("%s asks %s", (sql, expected) => {
  expect(split(sql)).toEqual([expected, null]);
});

test("what no index serves is refined; an OR needs both sides", () => {
  expect(split("i = 5 AND x > 3")).toEqual(["[i = 5]@bt_i(BTree)", "x > Int32(3)"]);
  expect(split("i = 5 OR x > 3")).toEqual([null, "i = Int32(5) OR x > Int32(3)"]);
  expect(split("isnan(f)")).toEqual([null, "isnan(f)"]);
  expect(split("s NOT LIKE 'a%'")).toEqual([null, 's NOT LIKE Utf8("a%")']);
  expect(split("s LIKE '%a'")).toEqual([null, 's LIKE Utf8("%a")']);
  expect(split("s ILIKE 'a%'")).toEqual([null, 's ILIKE Utf8("a%")']);
  expect(split("i > 1 + l")[0]).toBeNull();
  expect(split("b IS NOT TRUE")).toEqual([null, "b IS NOT TRUE"]);
  // A float column is not the double it is compared as.
  expect(split("g > CAST(0.1 AS double)")[0]).toBeNull();
});

test("a pattern with more than a prefix is narrowed by its prefix, then checked", () => {
  expect(split("s LIKE 'ab%c'")).toEqual(["[s LIKE 'ab%']@bt_s(BTree)", 's LIKE Utf8("ab%c")']);
  expect(split("i = 1 OR s LIKE 'ab_'")).toEqual([
    "OR([i = 1]@bt_i(BTree),[s LIKE 'ab%']@bt_s(BTree))",
    'i = Int32(1) OR s LIKE Utf8("ab_")',
  ]);
});

test("an inexact index is checked again, and never negated", () => {
  expect(split("i = 5", zones)).toEqual(["[i = 5]@zm_i(ZoneMap)", "i = Int32(5)"]);
  expect(split("i != 5", zones)).toEqual([null, "i != Int32(5)"]);
  expect(split("i IS NOT NULL AND i > 5", zones)).toEqual(["[i > 5]@zm_i(ZoneMap)", "i IS NOT NULL AND i > Int32(5)"]);
});

test("ranges meet in the tighter bounds", () => {
  expect(split("i > 1 AND i >= 1 AND i < 9 AND i <= 9 AND s = 'a'")[0]).toBe(
    "AND([i > 1 && i < 9]@bt_i(BTree),[s = a]@bt_s(BTree))",
  );
  expect(split("f >= 0 AND f > 0")[0]).toBe("[f > 0]@bt_f(BTree)");
  expect(split("i > 9 AND i < 3")[0]).toBe("[i > 9 && i < 3]@bt_i(BTree)");
});

test("values are in the column's physical unit", () => {
  const leaf = (sql: string) => extractIndexQueries(bindExpression(parseFilter(sql), schema), btree).indexed;
  expect(leaf("l = 7")).toMatchObject({ query: { kind: "equals", value: 7n } });
  expect(leaf("i = 7")).toMatchObject({ query: { kind: "equals", value: 7 } });
  expect(leaf("d = date '1970-01-11'")).toMatchObject({ query: { kind: "equals", value: 10 } });
  expect(leaf("f < 0")).toMatchObject({
    query: { kind: "range", lower: null, upper: { value: -0, inclusive: false } },
  });
});
