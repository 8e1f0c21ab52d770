import type { BoundExpression } from "../expr/bound.ts";
import type { IndexExpression } from "../expr/index-expression.ts";
import { readLiveRows } from "../table/deletions/deletions.ts";
import { addressDomain } from "../table/row-ids/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { filterFragments } from "./filter-fragments.ts";
import type { FilterPlan } from "./filter-plan.ts";
import { isConstantFilter } from "./filter-plan.ts";
import type { QueryContext } from "./query-context.ts";
import { searchScalarIndex } from "./search-index.ts";
import { andTruth, notTruth, orTruth, type Truth } from "./truth.ts";

/** Live rows of the plan's fragments for which the filter is true. One bit a row; reads only the columns it names. */
export async function evaluateFilter(context: QueryContext, plan: FilterPlan): Promise<RowSet> {
  const { snapshot } = context;
  const { indexedFragmentIds, flatFragmentIds } = plan;
  const result = RowSet.empty(addressDomain(snapshot, [...indexedFragmentIds, ...flatFragmentIds]));
  const [indexed, flat] = await settleAll([
    evaluateIndexed(context, plan),
    readLive(context, flatFragmentIds).then((live) => filterRows(context, plan.bound, flatFragmentIds, live)),
  ]);
  return result.or(indexed).or(flat);
}

/** Live rows of the covered fragments, by the indexes and the check of what they leave open. */
export async function evaluateIndexed(context: QueryContext, plan: FilterPlan): Promise<RowSet> {
  const { indexed, refine, indexedFragmentIds } = plan;
  if (indexed === null || indexedFragmentIds.length === 0) return RowSet.empty(new Map());
  const [truth, live] = await settleAll([evaluateTruth(context, plan, indexed), readLive(context, indexedFragmentIds)]);
  const rows = truth.trueRows.and(live);
  return refine === null ? rows : filterRows(context, refine, indexedFragmentIds, rows);
}

async function evaluateTruth(context: QueryContext, plan: FilterPlan, node: IndexExpression): Promise<Truth> {
  switch (node.kind) {
    case "query":
      return searchScalarIndex(context, plan.indices.get(node.index)!, node.query, plan.indexedFragmentIds);
    case "not":
      return notTruth(await evaluateTruth(context, plan, node.operand));
    default: {
      const [left, right] = await settleAll([
        evaluateTruth(context, plan, node.left),
        evaluateTruth(context, plan, node.right),
      ]);
      return node.kind === "and" ? andTruth(left, right) : orTruth(left, right);
    }
  }
}

function readLive(context: QueryContext, fragmentIds: readonly number[]): Promise<RowSet> {
  return readLiveRows(context.snapshot, { fragmentIds, signal: context.signal });
}

/** The rows among `rows` for which `filter` is true. */
async function filterRows(
  context: QueryContext,
  filter: BoundExpression,
  fragmentIds: readonly number[],
  rows: RowSet,
): Promise<RowSet> {
  if (isConstantFilter(filter))
    return filter.kind === "constant" && filter.value === true ? rows : RowSet.empty(rows.domain);
  for (const id of fragmentIds) getFragment(context.snapshot, id);
  return filterFragments(context, filter, fragmentIds, rows);
}
