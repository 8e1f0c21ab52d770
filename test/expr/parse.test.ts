import { expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { MAX_FILTER_DEPTH } from "../../src/expr/node-heights.ts";
import { parseFilter } from "../../src/expr/parse.ts";

function failureOf(sql: string): { code: string; position: unknown; expected: unknown } {
  try {
    parseFilter(sql);
  } catch (error) {
    if (!isLanceError(error)) throw error;
    return { code: error.code, position: error.details.position, expected: error.details.expected };
  }
  throw new Error(`${sql} parsed`);
}

test.each([
  ["", 0, "an expression"],
  ["i =", 3, "an expression"],
  ["(i = 5", 6, "')'"],
  ["i = 5)", 5, "an operator or the end of the filter"],
  ["i = 5 5", 6, "an operator or the end of the filter"],
  ["i IN ()", 6, "an expression"],
  ["i IN (1, 2", 10, "')'"],
  ["i BETWEEN 1", 11, "AND"],
  ["i IS 5", 5, "NULL, TRUE, FALSE, UNKNOWN, NOT or DISTINCT FROM after IS"],
  ["s = 'abc", 4, "a closing '"],
  ["i @ 5", 2, "a name, a literal or an operator"],
  ["i = 1 /* c", 6, "a closing */ of the comment"],
  ["s LIKE 'a' ESCAPE 'xy'", 18, "one character in quotes after ESCAPE"],
  ["CAST(i AS blob) = 1", 10, expect.stringContaining("a type")],
  ["tu > timestamp(4) '2020-01-01'", 15, "a precision of 0, 3, 6 or 9 digits"],
  ["AND b", 0, "an expression"],
])("%s is refused where it goes wrong", (sql, position, expected) => {
  expect(failureOf(sql)).toEqual({ code: "INVALID_ARGUMENT", position, expected });
});

test("nesting is bounded, length is not", () => {
  const nested = (levels: number) => `${"(".repeat(levels)}b${")".repeat(levels)}`;
  expect(() => parseFilter(nested(MAX_FILTER_DEPTH - 1))).not.toThrow();
  for (const deep of [
    nested(MAX_FILTER_DEPTH + 1),
    nested(100_000),
    `${"NOT ".repeat(100_000)}b`,
    `i ${"+ i ".repeat(100_000)} > 1`,
    `i ${"= i ".repeat(100_000)}`,
    `b${" IS TRUE".repeat(100_000)}`,
    `i${"::bigint".repeat(100_000)} = 1`,
  ]) {
    expect(failureOf(deep).code).toBe("INVALID_ARGUMENT");
  }
  const wide = parseFilter(Array.from({ length: 200_000 }, (_, i) => `i = ${i}`).join(" OR "));
  expect(wide.kind === "or" && wide.operands.length).toBe(200_000);
  const list = parseFilter(`i IN (${Array.from({ length: 200_000 }, (_, i) => i).join(",")})`);
  expect(list.kind === "inList" && list.list.length).toBe(200_000);
});

test("operators bind as in SQL", () => {
  const shape = (sql: string): unknown =>
    JSON.parse(JSON.stringify(parseFilter(sql), (key, value) => (key === "position" ? undefined : value)));
  expect(shape("a OR b AND NOT c = 1 + 2 * 3")).toEqual(shape("a OR (b AND (NOT (c = (1 + (2 * 3)))))"));
  expect(shape("a - b - c = 0")).toEqual(shape("(a - b) - c = 0"));
  expect(shape("NOT a IS NULL")).toEqual(shape("NOT (a IS NULL)"));
  expect(shape("a > 1 IS NULL")).toEqual(shape("(a > 1) IS NULL"));
  expect(shape("NOT a BETWEEN 1 AND 2 AND b")).toEqual(shape("(NOT (a BETWEEN 1 AND 2)) AND b"));
  expect(shape("a == 1")).toEqual(shape("a = 1"));
  expect(shape("a <> 1")).toEqual(shape("a != 1"));
  expect(shape("a = -1")).toMatchObject({ right: { kind: "number", text: "-1" } });
  expect(shape("s = 'it''s' -- rest")).toMatchObject({ right: { kind: "string", value: "it's" } });
  expect(shape('s = "text"')).toMatchObject({ right: { kind: "string", value: "text" } });
  expect(shape("`my col` = 1")).toMatchObject({ left: { kind: "column", path: ["my col"], quoted: true } });
  expect(shape("date = 1 AND timestamp > 2")).toMatchObject({
    operands: [{ left: { path: ["date"] } }, { left: { path: ["timestamp"] } }],
  });
});
