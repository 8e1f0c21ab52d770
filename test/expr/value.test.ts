import {
  Dictionary,
  Field,
  FixedSizeList,
  Float32,
  Int8,
  Int32,
  Int64,
  Table,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { bindValue } from "../../src/expr/bind.ts";
import { compileValue } from "../../src/expr/compile/value.ts";
import { parseExpression } from "../../src/expr/parse.ts";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";

const table = new Table({
  i: vectorFromArray([1, -7, null, 2147483647], new Int32()),
  l: vectorFromArray([1n, -7n, null, 2n ** 63n - 1n], new Int64()),
  s: vectorFromArray(["abc", " Éx ", null, "12"], new Utf8()),
});
const schema = fromArrowSchema(table.schema);
const batch = table.batches[0]!;

function compute(sql: string, options: Parameters<typeof compileValue>[1] = {}) {
  const compiled = compileValue(bindValue(parseExpression(sql), schema), options);
  const data = compiled.evaluate(batch);
  expect(String(data.type)).toBe(String(compiled.type));
  return { type: String(compiled.type), nullable: compiled.nullable, values: [...new Vector([data])] };
}

test.each<[string, string, unknown[]]>([
  // Beside a column at the top a literal takes its type; deeper it stays int64, as native has it.
  ["i + 1", "Int32", [2, -6, null, -2147483648]],
  ["i + 1 + 1", "Int64", [3n, -5n, null, 2147483649n]],
  ["i / 2", "Int32", [0, -3, null, 1073741823]],
  ["-i", "Int32", [-1, 7, null, -2147483647]],
  ["coalesce(i, 0)", "Int64", [1n, -7n, 0n, 2147483647n]],
  ["coalesce(i, 0.5)", "Float64", [1, -7, 0.5, 2147483647]],
  ["coalesce(s, 'z')", "Utf8", ["abc", " Éx ", "z", "12"]],
  ["CASE WHEN i > 0 THEN 'a' ELSE 'b' END", "Utf8", ["a", "b", "b", "a"]],
  ["CASE i WHEN 1 THEN 10 WHEN -7 THEN 20 END", "Int64", [10n, 20n, null, null]],
  ["try_cast(s AS int)", "Int32", [null, null, null, 12]],
  ["cast(i AS string)", "Utf8", ["1", "-7", null, "2147483647"]],
  ["i IS NULL", "Bool", [false, false, true, false]],
  ["i > 0", "Bool", [true, false, null, true]],
  ["lpad(s, 5, '*')", "Utf8", ["**abc", "* Éx ", null, "***12"]],
  ["nullif(i, 1)", "Int64", [null, -7n, null, 2147483647n]],
])("%s is %s", (sql, type, values) => {
  expect(compute(sql)).toMatchObject({ type, values });
});

test("a column alone is passed on without a copy", () => {
  const { evaluate } = compileValue(bindValue(parseExpression("s"), schema));
  expect(evaluate(batch)).toBe(batch.data.children[2]);
});

test("an output type casts what is computed, and takes literals that fit it exactly", () => {
  expect(compute("l", { outputType: new Utf8() }).values).toEqual(["1", "-7", null, "9223372036854775807"]);
  expect(compute("5", { outputType: new Int32() })).toEqual({ type: "Int32", nullable: false, values: [5, 5, 5, 5] });
  expect(compute("null", { outputType: new Int32() })).toMatchObject({
    nullable: true,
    values: [null, null, null, null],
  });
  expect(() => compute("l", { outputType: new Int32() })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
  expect(() => compute("1.5", { outputType: new Int32() })).toThrow(
    expect.objectContaining({ code: "SCHEMA_MISMATCH" }),
  );
});

test("an output type may be a dictionary or a list of fixed size", () => {
  const dictionary = new Dictionary(new Utf8(), new Int32());
  expect(compute("coalesce(s, 'abc')", { outputType: dictionary }).values).toEqual(["abc", " Éx ", "abc", "12"]);
  expect(compute("s", { outputType: new Dictionary(new Utf8(), new Int8()) }).values).toEqual([
    "abc",
    " Éx ",
    null,
    "12",
  ]);
  const pair = new FixedSizeList(2, new Field("item", new Float32(), true));
  const show = ({ values }: { values: unknown[] }) => values.map((value) => value && [...(value as Vector)]);
  expect(show(compute("[1.0, 2.5]", { outputType: pair }))[3]).toEqual([1, 2.5]);
  expect(show(compute("CASE WHEN i > 0 THEN make_array(i, 2) END", { outputType: pair }))).toEqual([
    [1, 2],
    null,
    null,
    [2147483648, 2],
  ]);
  expect(() => compute("[1.0]", { outputType: pair })).toThrow(expect.objectContaining({ code: "SCHEMA_MISMATCH" }));
});

test("a branch of CASE sees only its own rows", () => {
  expect(compute("CASE WHEN i = 1 THEN 0 ELSE 8 / (i - 1) END").values).toEqual([0n, -1n, null, 0n]);
  expect(() => compute("8 / (i - 1)")).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
});

test("an empty batch gives an empty column of the type", () => {
  const { evaluate } = compileValue(bindValue(parseExpression("[1, 2]"), schema));
  const data = evaluate(batch.slice(0, 0));
  expect([data.length, String(data.type)]).toEqual([0, "List<Int64>"]);
});

test.each(["repeat(s, 1000000000)", "lpad(s, 2000000000)", "repeat(repeat(s, 100000), 100000)"])(
  "%s is refused before it takes memory",
  (sql) => {
    expect(() => compute(sql)).toThrow(expect.objectContaining({ code: "INVALID_ARGUMENT" }));
  },
);

test.each([
  ["regexp_like(s, '(')", "INVALID_ARGUMENT"],
  ["regexp_like(s, '(?=a)')", "INVALID_ARGUMENT"],
  ["date_part('fortnight', i)", "SCHEMA_MISMATCH"],
  ["array_has(s, 'a')", "SCHEMA_MISMATCH"],
  ["s[1]", "SCHEMA_MISMATCH"],
  ["i || 3", "SCHEMA_MISMATCH"],
  ["0.5 + i", "SCHEMA_MISMATCH"],
  ["cast(i AS date) + 1", "SCHEMA_MISMATCH"],
  ["cast(s AS decimal(50, 2))", "INVALID_ARGUMENT"],
  ["cast([1, 2] AS int)", "INVALID_ARGUMENT"],
  ["[1, 'a']", "INVALID_ARGUMENT"],
  ["CASE WHEN i THEN 1 END", "SCHEMA_MISMATCH"],
  ["i ~ 'a'", "INVALID_ARGUMENT"],
])("%s is refused with %s", (sql, code) => {
  expect(() => compute(sql)).toThrow(expect.objectContaining({ code }));
});
