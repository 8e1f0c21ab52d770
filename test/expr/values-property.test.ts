import {
  Bool,
  type DataType,
  Float64,
  Int64,
  type RecordBatch,
  Table,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { expect, test } from "vitest";
import { bindValue } from "../../src/expr/bind.ts";
import { compileValue } from "../../src/expr/compile/value.ts";
import { parseExpression } from "../../src/expr/parse.ts";
import fc from "../support/fast-check.ts";
import { type Cell, evaluateRow, type Row } from "./reference.ts";
import { toSchema } from "./support.ts";

interface ColumnKind {
  readonly type: DataType;
  readonly cells: fc.Arbitrary<Cell>;
}

const longs = [0n, 1n, -1n, 7n, 2n ** 63n - 1n, -(2n ** 63n) + 1n, 2n ** 32n, -5n];
const texts = ["", "a", "ab", "é", "日本", "😀b", "a\nb"];
const kinds: Readonly<Record<string, ColumnKind>> = {
  l: { type: new Int64(), cells: fc.constantFrom(...longs) },
  m: { type: new Int64(), cells: fc.constantFrom(...longs) },
  f: { type: new Float64(), cells: fc.constantFrom(0, -0, 1.5, -2.25, Number.NaN, Infinity, 1e300, 0.1) },
  g: { type: new Float64(), cells: fc.double() },
  s: { type: new Utf8(), cells: fc.constantFrom(...texts) },
  t: { type: new Utf8(), cells: fc.constantFrom(...texts) },
  b: { type: new Bool(), cells: fc.boolean() },
};
const names = Object.keys(kinds);

interface Texts {
  whole: string;
  real: string;
  text: string;
  condition: string;
}

const expressions = fc.letrec<Texts>((tie) => ({
  whole: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("l", "m", "3", "-7"),
    fc.tuple(tie("whole"), fc.constantFrom("+", "-", "*"), tie("whole")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    fc
      .tuple(tie("whole"), fc.constantFrom("/", "%"), fc.constantFrom("2", "-3"))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("whole").map((a) => `(- ${a})`),
    fc.tuple(tie("whole"), tie("whole")).map(([a, b]) => `coalesce(${a}, ${b})`),
    fc.tuple(tie("whole"), tie("whole")).map(([a, b]) => `nullif(${a}, ${b})`),
    fc.tuple(tie("condition"), tie("whole"), tie("whole")).map(([c, a, b]) => `CASE WHEN ${c} THEN ${a} ELSE ${b} END`),
    fc.tuple(tie("whole"), tie("whole")).map(([a, b]) => `CASE ${a} WHEN 0 THEN ${b} WHEN 7 THEN 1 END`),
  ),
  real: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("f", "g", "0.5", "-1.5"),
    fc
      .tuple(tie("real"), fc.constantFrom("+", "-", "*", "/", "%"), tie("real"))
      .map(([a, op, b]) => `(${a} ${op} ${b})`),
    // A literal beside a column at the top takes its type, which a fraction cannot.
    fc.tuple(tie("real"), fc.constantFrom("+", "*"), tie("whole")).map(([a, op, b]) => `(${a} ${op} (${b} + 0))`),
    fc.tuple(tie("real"), tie("real")).map(([a, b]) => `coalesce(${a}, ${b})`),
  ),
  text: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("s", "t", "'x'", "''"),
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `(${a} || ${b})`),
    tie("text").map((a) => `reverse(${a})`),
    fc.tuple(tie("text"), fc.nat(3)).map(([a, count]) => `left(${a}, ${count})`),
    fc.tuple(tie("condition"), tie("text"), tie("text")).map(([c, a, b]) => `CASE WHEN ${c} THEN ${a} ELSE ${b} END`),
    fc.tuple(tie("text"), tie("text")).map(([a, b]) => `coalesce(${a}, ${b})`),
  ),
  condition: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.constantFrom("b", "l > 0", "s = t", "f IS NULL", "m IN (0, 7)", "s LIKE 'a%'"),
    fc.tuple(tie("whole"), fc.constantFrom("=", "<", ">="), tie("whole")).map(([a, op, b]) => `(${a} ${op} ${b})`),
    tie("condition").map((a) => `(NOT ${a})`),
    fc.tuple(tie("condition"), fc.constantFrom("AND", "OR"), tie("condition")).map(([a, op, b]) => `(${a} ${op} ${b})`),
  ),
}));

const tables = fc
  .integer({ min: 1, max: 70 })
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
  const vectors = names.map((name) => [name, vectorFromArray([...columns[name]!], kinds[name]!.type)]);
  return new Table(Object.fromEntries(vectors)).batches[0]!;
}

/** int32 lengths and int64 values as bigints. */
function toCell(value: unknown): Cell {
  return (value ?? null) as Cell;
}

test("random expressions over random batches have the values of the row by row reference", () => {
  const any = fc.oneof(expressions.whole, expressions.real, expressions.text, expressions.condition);
  fc.assert(
    fc.property(tables, fc.array(any, { minLength: 1, maxLength: 6 }), fc.nat(40), (columns, texts, skipped) => {
      // A sliced batch: Arrow's data then has an offset that is no multiple of a byte.
      const batch = toBatch(columns).slice(Math.min(skipped, columns.l!.length - 1));
      const first = columns.l!.length - batch.numRows;
      const rows: Row[] = Array.from({ length: batch.numRows }, (_, row) =>
        Object.fromEntries(names.map((name) => [name, columns[name]![row + first]!])),
      );
      for (const text of texts) {
        const parsed = parseExpression(text);
        const { evaluate, nullable } = compileValue(bindValue(parsed, toSchema(batch.schema)));
        const received = [...new Vector([evaluate(batch)])].map(toCell);
        expect(received, text).toEqual(rows.map((row) => evaluateRow(parsed, row)));
        if (!nullable) expect(received.includes(null), text).toBe(false);
      }
    }),
    { numRuns: 300 },
  );
});
