import { createSegmentDomain, resolveRowIdDomain } from "../index/live-rows.ts";
import { budgetParts } from "../index/part-budgets.ts";
import {
  type NearestRows,
  type SearchOptions,
  type SegmentContribution,
  searchSegments,
  searchSegmentsEach,
} from "../index/search.ts";
import { addSearchMetrics } from "../index/search-metrics.ts";
import type { IndexSegment, ScalarQuery, VectorQuery } from "../index/segment.ts";
import { addressDomain } from "../table/row-ids/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
import { mapBounded } from "../tasks/settle-all.ts";
import type { LogicalIndex } from "./catalog.ts";
import type { NearestPlan } from "./nearest-plan.ts";
import type { QueryContext } from "./query-context.ts";
import { identifyRows, locateRowIds } from "./row-ids.ts";
import type { Truth } from "./truth.ts";

/** Asks a scalar index about some fragments, all of which it covers. */
export async function searchScalarIndex(
  context: QueryContext,
  index: LogicalIndex,
  query: ScalarQuery,
  fragmentIds: readonly number[],
): Promise<Truth> {
  const { snapshot } = context;
  const wanted = new Set(fragmentIds);
  const segments = index.segments.filter((segment) => segment.fragmentIds.some((id) => wanted.has(id)));
  const answer = await searchSegments(snapshot, segments, query, toOptions(context));
  record(context, index, segments, answer.segments);
  const rows = RowSet.empty(addressDomain(snapshot, fragmentIds));
  return { trueRows: rows.or(answer.trueRows), nullRows: rows.or(answer.nullRows) };
}

/**
 * Asks the segments of a vector index for the nearest rows of each query of a plan.
 * @param mask addresses that may be answered; `null` = all live rows
 */
export async function searchVectorIndex(
  context: QueryContext,
  plan: NearestPlan,
  mask: RowSet | null,
): Promise<NearestRows[]> {
  const { snapshot, signal } = context;
  const index = plan.index!;
  const stable = resolveRowIdDomain(snapshot, index.family.rowIdDomain) === "stableRowId";
  const queries = plan.queries.map(
    (q): VectorQuery => ({
      kind: "vector",
      q,
      k: plan.candidates,
      minimumNprobes: plan.minimumNprobes,
      maximumNprobes: plan.maximumNprobes,
      ef: plan.ef,
      approxMode: plan.approxMode,
      // What is measured again is bounded then; but rows that are too near must not take the place of others.
      distanceRange: plan.measuresAgain ? [plan.distanceRange[0], null] : plan.distanceRange,
    }),
  );
  const allowed = mask !== null && stable ? toStableRows(context, plan, mask) : mask;
  const answers = await searchSegmentsEach(snapshot, plan.segments, queries, {
    ...toOptions(context),
    ...(allowed === null ? {} : { mask: allowed }),
  });
  record(context, index, plan.segments, sumContributions(answers.map(({ segments }) => segments)));
  return mapBounded(answers, 1, async ({ rowIds, distances }) => ({
    rowIds: stable ? await locateRowIds(snapshot, rowIds, signal) : rowIds,
    distances,
  }));
}

/** What each segment did for all queries. */
function sumContributions(queries: readonly (readonly SegmentContribution[])[]): SegmentContribution[] {
  return (queries[0] ?? []).map((first, i) => {
    const metrics = { ...first.metrics };
    let { rows } = first;
    for (const contributions of queries.slice(1)) {
      addSearchMetrics(metrics, contributions[i]!.metrics);
      rows += contributions[i]!.rows;
    }
    return { ...first, metrics, rows };
  });
}

function toStableRows({ snapshot }: QueryContext, plan: NearestPlan, mask: RowSet): RowSet {
  const domain = createSegmentDomain(snapshot, plan.segments[0]!, plan.index!.family.rowIdDomain);
  return RowSet.fromIds(identifyRows(snapshot, mask.ids()), domain);
}

function toOptions({ pool, memoryBudgetBytes, signal }: QueryContext): SearchOptions {
  return { pool: pool ?? undefined, memoryBudgetBytes: budgetParts(memoryBudgetBytes), signal };
}

function record(
  context: QueryContext,
  index: LogicalIndex,
  segments: readonly IndexSegment[],
  contributions: readonly SegmentContribution[],
): void {
  contributions.forEach(({ uuid, workerIndex, rows, metrics }, i) => {
    const { fragmentIds } = segments[i]!;
    context.statistics.segments.push({ ...metrics, indexName: index.name, uuid, fragmentIds, workerIndex, rows });
  });
}
