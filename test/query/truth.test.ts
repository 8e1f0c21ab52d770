import { expect, it } from "vitest";
import { andTruth, notTruth, orTruth, type Truth } from "../../src/query/truth.ts";
import { RowSet } from "../../src/table/row-set.ts";
import fc from "../support/fast-check.ts";

const SIZE = 70;
const domain = new Map([
  [0, SIZE],
  [3, SIZE],
]);
type Value = boolean | null;

const values = fc.array(fc.constantFrom<Value>(true, false, null), { minLength: 2 * SIZE, maxLength: 2 * SIZE });
const fragmentOf = (i: number): number => (i < SIZE ? 0 : 3);

function toTruth(column: readonly Value[]): Truth {
  const trueRows = RowSet.empty(domain);
  const nullRows = RowSet.empty(domain);
  column.forEach((value, i) => {
    if (value !== false) (value ? trueRows : nullRows).add(fragmentOf(i), i % SIZE);
  });
  return { trueRows, nullRows };
}

function fromTruth({ trueRows, nullRows }: Truth): Value[] {
  return Array.from({ length: 2 * SIZE }, (_, i) => {
    if (trueRows.has(fragmentOf(i), i % SIZE)) return true;
    return nullRows.has(fragmentOf(i), i % SIZE) ? null : false;
  });
}

const and = (a: Value, b: Value): Value =>
  a === false || b === false ? false : a === null || b === null ? null : true;
const not = (a: Value): Value => (a === null ? null : !a);
const or = (a: Value, b: Value): Value => not(and(not(a), not(b)));

it("row sets follow Kleene's three-valued logic", () => {
  fc.assert(
    fc.property(values, values, (a, b) => {
      expect(fromTruth(andTruth(toTruth(a), toTruth(b)))).toEqual(a.map((value, i) => and(value, b[i]!)));
      expect(fromTruth(orTruth(toTruth(a), toTruth(b)))).toEqual(a.map((value, i) => or(value, b[i]!)));
      expect(fromTruth(notTruth(toTruth(a)))).toEqual(a.map(not));
    }),
    { numRuns: 50 },
  );
});
