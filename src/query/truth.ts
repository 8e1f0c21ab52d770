import type { RowSet } from "../table/row-set.ts";

/** A predicate's answer over some fragments: where it is true, and where it is NULL; false everywhere else. */
export interface Truth {
  readonly trueRows: RowSet;
  readonly nullRows: RowSet;
}

/** Kleene AND: NULL where neither side is false and one is NULL. */
export function andTruth(a: Truth, b: Truth): Truth {
  const trueRows = a.trueRows.and(b.trueRows);
  const possible = a.trueRows.or(a.nullRows).and(b.trueRows.or(b.nullRows));
  return { trueRows, nullRows: possible.andNot(trueRows) };
}

/** Kleene OR: NULL where neither side is true and one is NULL. */
export function orTruth(a: Truth, b: Truth): Truth {
  const trueRows = a.trueRows.or(b.trueRows);
  return { trueRows, nullRows: a.nullRows.or(b.nullRows).andNot(trueRows) };
}

/** Kleene NOT: true becomes false, NULL stays. */
export function notTruth(a: Truth): Truth {
  return { trueRows: a.trueRows.or(a.nullRows).not(), nullRows: a.nullRows };
}
