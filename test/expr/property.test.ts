import {
  Bool,
  type DataType,
  Float32,
  Float64,
  Int8,
  Int32,
  Int64,
  RecordBatch,
  Table,
  Uint64,
  Utf8,
  type Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { bindExpression } from "../../src/expr/bind.ts";
import { hasBit, selectIndices } from "../../src/expr/bitset.ts";
import { columnsOf } from "../../src/expr/bound.ts";
import { compileExpression } from "../../src/expr/compile/compile.ts";
import { parseFilter } from "../../src/expr/parse.ts";
import fc from "../support/fast-check.ts";
import { type Cell, evaluateRow, type Row } from "./reference.ts";
import { toSchema } from "./support.ts";

interface ColumnKind {
  readonly type: DataType;
  readonly cells: fc.Arbitrary<Cell>;
  readonly literals: fc.Arbitrary<string>;
}

const texts = ["", "a", "b", "ab", "a%b", "a_", "\\", "é", "日本", "😀", "zz", "a\nb", "ab".repeat(20)];
const patterns = ["%", "a%", "%b", "%a%", "_", "__", "a_%", "\\%%", "%\\_", "a\\\\", "é%", "", "a%b%", "%😀"];
const smallInts = [0, 1, 2, 5, 7, -1, -5];
const longs = [0n, 1n, -1n, 2n ** 63n - 1n, -(2n ** 63n), 2n ** 32n, -(2n ** 32n), 2n ** 53n + 1n, 5n];
const floats = [0, -0, 1.5, -1.5, Number.NaN, Infinity, -Infinity, 2, 1e300, 5e-324, 25];
const asText = (values: readonly (number | bigint)[]) => fc.constantFrom(...values.map(String));
const quote = (text: string) => `'${text.replaceAll("'", "''")}'`;
const singles = [0, -0, 1.5, Number.NaN, Infinity, -Infinity, Math.fround(0.25), 25];
const floatLiterals = fc.constantFrom("0", "-0.0", "0.0", "1.5", "2", "25", "-1.5", "0.25");

const kinds: Readonly<Record<string, ColumnKind>> = {
  t: { type: new Int8(), cells: fc.constantFrom(...smallInts, 127, -128), literals: asText([...smallInts, 127, -128]) },
  i: {
    type: new Int32(),
    cells: fc.oneof(fc.constantFrom(...smallInts, 2147483647, -2147483648), fc.integer()),
    literals: asText([...smallInts, 2147483647, -2147483648]),
  },
  l: { type: new Int64(), cells: fc.constantFrom(...longs), literals: asText(longs) },
  u: {
    type: new Uint64(),
    cells: fc.constantFrom(0n, 1n, 5n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 32n),
    literals: asText([0n, 1n, 5n, 2n ** 64n - 1n, 2n ** 63n, 2n ** 32n]),
  },
  f: { type: new Float64(), cells: fc.oneof(fc.constantFrom(...floats), fc.double()), literals: floatLiterals },
  f2: { type: new Float64(), cells: fc.constantFrom(...floats), literals: floatLiterals },
  g: { type: new Float32(), cells: fc.constantFrom(...singles), literals: floatLiterals },
  s: { type: new Utf8(), cells: fc.constantFrom(...texts), literals: fc.constantFrom(...texts.map(quote)) },
  s2: { type: new Utf8(), cells: fc.constantFrom(...texts), literals: fc.constantFrom(...texts.map(quote)) },
  b: { type: new Bool(), cells: fc.boolean(), literals: fc.constantFrom("true", "false") },
  b2: { type: new Bool(), cells: fc.boolean(), literals: fc.constantFrom("true", "false") },
};
const names = Object.keys(kinds);
const operators = fc.constantFrom("=", "!=", "<", "<=", ">", ">=");
const not = fc.constantFrom("", "NOT ");
const pairs = fc.constantFrom(["i", "t"], ["i", "l"], ["f", "f2"], ["s", "s2"], ["b", "b2"], ["l", "u"], ["g", "f2"]);

const leaves = fc.constantFrom(...names).chain((name) => {
  const literal = fc.oneof(
    { weight: 12, arbitrary: kinds[name]!.literals },
    { weight: 1, arbitrary: fc.constant("null") },
  );
  return fc.oneof(
    fc.tuple(operators, literal).map(([operator, value]) => `${name} ${operator} ${value}`),
    fc.tuple(operators, literal).map(([operator, value]) => `${value} ${operator} ${name}`),
    fc
      .tuple(not, fc.array(literal, { minLength: 1, maxLength: 9 }))
      .map(([negated, values]) => `${name} ${negated}IN (${values.join(", ")})`),
    fc.tuple(not, literal, literal).map(([negated, low, high]) => `${name} ${negated}BETWEEN ${low} AND ${high}`),
    not.map((negated) => `${name} IS ${negated}NULL`),
    fc.tuple(not, literal).map(([negated, value]) => `${name} IS ${negated}DISTINCT FROM ${value}`),
    fc.constantFrom(
      "b",
      "b IS TRUE",
      "b IS NOT TRUE",
      "b2 IS FALSE",
      "b IS NOT FALSE",
      "isnan(f)",
      "isnan(g)",
      "b = (i > 1)",
    ),
    fc.tuple(not, fc.constantFrom(...patterns)).map(([negated, pattern]) => `s ${negated}LIKE ${quote(pattern)}`),
    fc
      .tuple(fc.constantFrom("starts_with", "ends_with", "contains"), fc.constantFrom(...texts.map(quote), "s2"))
      .map(([call, part]) => `${call}(s, ${part})`),
    fc.tuple(pairs, operators).map(([[left, right], operator]) => `${left} ${operator} ${right}`),
    fc.tuple(pairs, not).map(([[left, right], negated]) => `${left} IS ${negated}DISTINCT FROM ${right}`),
  );
});

const filters = fc.letrec<{ filter: string }>((tie) => ({
  filter: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    leaves,
    tie("filter").map((inner) => `NOT (${inner})`),
    fc
      .tuple(fc.constantFrom(" AND ", " OR "), fc.array(tie("filter"), { minLength: 2, maxLength: 4 }))
      .map(([glue, parts]) => parts.map((part) => `(${part})`).join(glue)),
    tie("filter").map((inner) => `(${inner}) IS NOT TRUE`),
    tie("filter").map((inner) => `(${inner}) IS NULL`),
  ),
})).filter;

const tables = fc
  .integer({ min: 0, max: 70 })
  .chain((numRows) =>
    fc.record(
      Object.fromEntries(
        names.map((name) => [
          name,
          fc.array(fc.option(kinds[name]!.cells, { freq: 6 }), { minLength: numRows, maxLength: numRows }),
        ]),
      ),
    ),
  );

function toBatch(columns: Readonly<Record<string, readonly (Cell | null)[]>>): RecordBatch {
  const vectors: Record<string, Vector> = {};
  for (const name of names) vectors[name] = vectorFromArray([...columns[name]!], kinds[name]!.type);
  const table = new Table(vectors);
  return table.batches[0] ?? new RecordBatch(table.schema);
}

test("random filters over random batches answer as the row by row reference", () => {
  fc.assert(
    fc.property(tables, fc.array(filters, { minLength: 1, maxLength: 8 }), fc.nat(40), (columns, texts, skipped) => {
      // A sliced batch: Arrow's data then has an offset that is no multiple of a byte.
      const batch = toBatch(columns).slice(skipped);
      const rows: Row[] = [];
      for (let row = 0; row < batch.numRows; row++) {
        rows.push(Object.fromEntries(names.map((name) => [name, columns[name]![row + skipped]!])));
      }
      for (const text of texts) {
        const parsed = parseFilter(text);
        const bound = bindExpression(parsed, toSchema(batch.schema));
        const { values, nulls } = compileExpression(bound)(batch);
        const expected = rows.map((row) => evaluateRow(parsed, row));
        const received = rows.map((_, row) => (hasBit(nulls, row) ? null : hasBit(values, row)));
        expect(received, text).toEqual(expected);
        const selected = rows.flatMap((_, row) => (expected[row] === true ? [row] : []));
        expect([...selectIndices(values)], text).toEqual(selected);
        expect(columnsOf(bound).every((name) => text.includes(name))).toBe(true);
      }
    }),
    { numRuns: 400 },
  );
});
