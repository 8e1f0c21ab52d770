import { selectIndices } from "../expr/bitset.ts";
import { compileExpression } from "../expr/compile/compile.ts";
import { mergeNearest, type NearestRows } from "../index/search.ts";
import { readLiveRows } from "../table/deletions/deletions.ts";
import type { RowSet } from "../table/row-set.ts";
import { takeAddresses } from "../table/rows/take.ts";
import { getFragment } from "../table/snapshot.ts";
import { mapBounded } from "../tasks/settle-all.ts";
import { evaluateFilter } from "./evaluate-filter.ts";
import { completeInput, listInputColumns } from "./filter-columns.ts";
import { type FilterPlan, isConstantFilter } from "./filter-plan.ts";
import { searchFlatOnPool } from "./flat-on-pool.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { QueryContext } from "./query-context.ts";
import { measureRows } from "./refine.ts";
import { searchVectorIndex } from "./search-index.ts";

/**
 * The nearest live rows of each query of a plan: segments and the flat scan of what they do not cover give one top-k.
 * With all partitions probed the answer equals brute force over the rows of this version.
 *
 * @param prefilter rows must satisfy it to be candidates
 * @param postfilter checked on the k nearest, so that fewer may be left
 * @returns one answer a query, in their order
 */
export async function findNearest(
  context: QueryContext,
  plan: NearestPlan,
  prefilter: FilterPlan | null,
  postfilter: FilterPlan | null,
): Promise<NearestRows[]> {
  const allowed = prefilter === null ? null : await evaluateFilter(context, prefilter);
  const settled = await Promise.allSettled([
    searchSegments(context, plan, allowed),
    searchUncovered(context, plan, allowed),
  ]);
  const answers = settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  const [indexed, compared] = answers as [NearestRows[], NearestRows[]];
  return mapBounded(plan.queries, CONCURRENT_QUERIES, async (q, i) => {
    // Approximate distances never meet exact ones.
    const measured = plan.measuresAgain ? await measureRows(context, plan, { q, rows: indexed[i]! }) : indexed[i]!;
    const rows = mergeNearest([measured, compared[i]!], plan.k);
    return postfilter === null ? rows : checkNearest(context, postfilter, rows);
  });
}

/** Queries whose rows are read at once. */
const CONCURRENT_QUERIES = 4;

async function searchSegments(
  context: QueryContext,
  plan: NearestPlan,
  allowed: RowSet | null,
): Promise<NearestRows[]> {
  if (plan.index === null || plan.segments.length === 0) return plan.queries.map(() => EMPTY);
  const mask = allowed ?? (await readMask(context, plan));
  return searchVectorIndex(context, plan, mask);
}

/** Live rows of the fragments asked for, or `null` when they are all: segments leave deleted rows out by themselves. */
async function readMask(context: QueryContext, plan: NearestPlan): Promise<RowSet | null> {
  const { snapshot, signal } = context;
  const asked = new Set(plan.indexedFragmentIds);
  const whole = plan.segments.every((segment) => segment.fragmentIds.every((id) => asked.has(id)));
  return whole ? null : readLiveRows(snapshot, { fragmentIds: plan.indexedFragmentIds, signal });
}

async function searchUncovered(
  context: QueryContext,
  plan: NearestPlan,
  allowed: RowSet | null,
): Promise<NearestRows[]> {
  const { snapshot, pool, memoryBudgetBytes, signal, statistics } = context;
  const { field, type, queries, k, metric, distanceRange, flatFragmentIds: fragmentIds } = plan;
  if (fragmentIds.length === 0) return queries.map(() => EMPTY);
  const hasDeletions = fragmentIds.some((id) => getFragment(snapshot, id).numDeletedRows > 0);
  const rows = allowed ?? (hasDeletions ? await readLiveRows(snapshot, { fragmentIds, signal }) : null);
  const query = { field, type, queries, k, metric, distanceRange, fragmentIds };
  const answers = await searchFlatOnPool(snapshot, query, rows, {
    pool,
    memoryBudgetBytes,
    signal,
    onRows: (fragmentId, numRows) => statistics.addFlat(fragmentId, numRows),
  });
  return queries.map((_, i) => {
    const parts = answers.map(({ nearest }) => nearest[i]!);
    return parts.length === 1 ? parts[0]! : mergeNearest(parts, k);
  });
}

const EMPTY: NearestRows = { rowIds: new BigUint64Array(0), distances: new Float32Array(0) };

async function checkNearest(context: QueryContext, filter: FilterPlan, rows: NearestRows): Promise<NearestRows> {
  const { bound } = filter;
  if (rows.rowIds.length === 0) return rows;
  if (isConstantFilter(bound)) return bound.kind === "constant" && bound.value === true ? rows : EMPTY;
  const { snapshot, signal } = context;
  const { fields, system } = listInputColumns(snapshot.schema, [bound]);
  const stored = await takeAddresses(snapshot, rows.rowIds, fields, { signal });
  const batch = await completeInput(snapshot, stored, rows.rowIds, { system, signal });
  const kept = [...selectIndices(compileExpression(bound)(batch).values)];
  return {
    rowIds: BigUint64Array.from(kept, (i) => rows.rowIds[i]!),
    distances: Float32Array.from(kept, (i) => rows.distances[i]!),
  };
}
