import { bindExpression } from "../expr/bind.ts";
import type { BoundExpression } from "../expr/bound.ts";
import { columnsOf } from "../expr/bound.ts";
import type { IndexExpression } from "../expr/index-expression.ts";
import { extractIndexQueries } from "../expr/index-queries.ts";
import { parseFilter } from "../expr/parse.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { countCoveredRows, type LogicalIndex } from "./catalog.ts";
import { withSystemFields } from "./system-columns.ts";

/** How a filter's rows are found. */
export interface FilterPlan {
  /** The whole filter, typed. */
  readonly bound: BoundExpression;
  /** What scalar indexes answer; `null` = none is asked. */
  readonly indexed: IndexExpression | null;
  /** The indexes `indexed` names. */
  readonly indices: ReadonlyMap<string, LogicalIndex>;
  /** What is checked on the rows of `indexed`; `null` = nothing. */
  readonly refine: BoundExpression | null;
  /** Fragments every index of `indexed` covers. */
  readonly indexedFragmentIds: readonly number[];
  /** Fragments whose rows are all checked against `bound`. */
  readonly flatFragmentIds: readonly number[];
}

/**
 * Plans a filter over some fragments.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH, UNSUPPORTED as `parseFilter` and `bindExpression`
 */
export function planFilter(
  snapshot: Snapshot,
  sql: string,
  catalog: readonly LogicalIndex[],
  fragmentIds: readonly number[],
  options: { readonly useScalarIndex: boolean; readonly indexedOnly: boolean },
): FilterPlan {
  const bound = bindExpression(parseFilter(sql), withSystemFields(snapshot.schema));
  const usable = options.useScalarIndex ? catalog.filter((index) => index.family.queryKind === "scalar") : [];
  const { indexed, refine } = extractIndexQueries(bound, (column, query) => {
    const served = usable
      .filter((index) => index.field.name === column)
      .map((index) => ({
        index,
        served: index.family.canServe(query, index.field, index.details),
        coveredRows: countCoveredRows(snapshot, index, fragmentIds),
      }))
      .filter((candidate) => candidate.served.exactness !== "no" && candidate.coveredRows > 0)
      .sort((a, b) => b.coveredRows - a.coveredRows || a.served.cost - b.served.cost)[0];
    if (!served) return undefined;
    return {
      index: served.index.name,
      displayName: served.index.displayName,
      exactness: served.served.exactness as "exact" | "recheck",
    };
  });
  const indices = new Map(
    indexed === null
      ? []
      : namesOf(indexed).map((name) => [name, usable.find((index) => index.name === name)!] as const),
  );
  const covered = (id: number) => indexed !== null && [...indices.values()].every((index) => index.coverage.has(id));
  return {
    bound,
    indexed,
    indices,
    refine,
    indexedFragmentIds: fragmentIds.filter(covered),
    flatFragmentIds: options.indexedOnly && indexed !== null ? [] : fragmentIds.filter((id) => !covered(id)),
  };
}

/** Whether a filter has no column in it: `1 = 1`. Its rows are all or none. */
export function isConstantFilter(bound: BoundExpression): boolean {
  return columnsOf(bound).length === 0;
}

function namesOf(expression: IndexExpression): string[] {
  switch (expression.kind) {
    case "query":
      return [expression.index];
    case "not":
      return namesOf(expression.operand);
    default:
      return [...namesOf(expression.left), ...namesOf(expression.right)];
  }
}
