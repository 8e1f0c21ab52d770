import { createSegmentDomain, resolveRowIdDomain } from "../index/live-rows.ts";
import { type NearestRows, type SearchOptions, type SegmentContribution, searchSegments } from "../index/search.ts";
import type { IndexSegment, ScalarQuery } from "../index/segment.ts";
import { addressDomain } from "../table/row-ids/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
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
 * Asks the segments of a vector index for their nearest rows.
 * @param mask addresses that may be answered; `null` = all live rows
 */
export async function searchVectorIndex(
  context: QueryContext,
  plan: NearestPlan,
  k: number,
  mask: RowSet | null,
): Promise<NearestRows> {
  const { snapshot, signal } = context;
  const index = plan.index!;
  const stable = resolveRowIdDomain(snapshot, index.family.rowIdDomain) === "stableRowId";
  const query = {
    kind: "vector",
    q: plan.q,
    k,
    minimumNprobes: plan.minimumNprobes,
    maximumNprobes: plan.maximumNprobes,
    // What is measured again is bounded then.
    distanceRange: plan.measuresAgain ? undefined : plan.distanceRange,
  } as const;
  const allowed = mask !== null && stable ? toStableRows(context, plan, mask) : mask;
  const answer = await searchSegments(snapshot, plan.segments, query, {
    ...toOptions(context),
    ...(allowed === null ? {} : { mask: allowed }),
  });
  record(context, index, plan.segments, answer.segments);
  const { rowIds, distances } = answer;
  return { rowIds: stable ? await locateRowIds(snapshot, rowIds, signal) : rowIds, distances };
}

function toStableRows({ snapshot }: QueryContext, plan: NearestPlan, mask: RowSet): RowSet {
  const domain = createSegmentDomain(snapshot, plan.segments[0]!, plan.index!.family.rowIdDomain);
  return RowSet.fromIds(identifyRows(snapshot, mask.ids()), domain);
}

function toOptions({ pool, memoryBudgetBytes, signal }: QueryContext): SearchOptions {
  return { pool: pool ?? undefined, memoryBudgetBytes, signal };
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
