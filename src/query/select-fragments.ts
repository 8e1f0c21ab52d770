import { readLiveRows } from "../table/deletions/deletions.ts";
import type { Fragment } from "../table/fragment.ts";
import type { RowSet } from "../table/row-set.ts";
import { getFragment } from "../table/snapshot.ts";
import { evaluateIndexed } from "./evaluate-filter.ts";
import { type FilterPlan, isConstantFilter } from "./filter-plan.ts";
import { matchRows } from "./match-rows.ts";
import type { ScanPlan } from "./plan-scan.ts";
import type { QueryContext } from "./query-context.ts";
import type { FragmentRows } from "./scan-pieces.ts";
import { selectRows } from "./select-rows.ts";

/** Matches looked for ahead of a limited scan: most limits are met by the first. */
const LIMITED_WIDTH = 2;

/** The rows a scan returns before LIMIT and OFFSET, in table order, a piece at a time. */
export async function* selectFragments(context: QueryContext, plan: ScanPlan): AsyncGenerator<FragmentRows> {
  const { filter } = plan;
  const indexed = filter === null ? null : await evaluateIndexed(context, filter);
  const flat: Fragment[] = [];
  for (const id of plan.fragmentIds) {
    const fragment = getFragment(context.snapshot, id);
    const isFlat = filter?.flatFragmentIds.includes(id) === true && !isConstantFilter(filter.bound);
    // Fragments in a row are filtered as one, so that the next one is read while this one is evaluated.
    if (isFlat) {
      flat.push(fragment);
      continue;
    }
    yield* matchFlat(context, plan, flat.splice(0));
    const rows = await selectWhole(context, plan, fragment, indexed);
    if (rows !== null) yield rows;
  }
  yield* matchFlat(context, plan, flat);
}

/** The rows of a fragment that need no evaluation; `null` for none. */
async function selectWhole(
  { snapshot, signal }: QueryContext,
  plan: ScanPlan,
  fragment: Fragment,
  indexed: RowSet | null,
): Promise<FragmentRows | null> {
  const { filter } = plan;
  if (filter?.indexedFragmentIds.includes(fragment.id)) return { fragment, selection: selectRows(fragment, indexed) };
  if (filter !== null && !filter.flatFragmentIds.includes(fragment.id)) return null;
  if (filter !== null && !(filter.bound.kind === "constant" && filter.bound.value === true)) return null;
  if (plan.includeDeletedRows || fragment.numDeletedRows === 0) return { fragment, selection: { kind: "all" } };
  return {
    fragment,
    selection: selectRows(fragment, await readLiveRows(snapshot, { fragmentIds: [fragment.id], signal })),
  };
}

/** Matches of fragments, put together until they fill a batch, so that few rows are read at a time in few reads. */
async function* matchFlat(
  context: QueryContext,
  plan: ScanPlan,
  fragments: readonly Fragment[],
): AsyncGenerator<FragmentRows> {
  if (fragments.length === 0) return;
  const enough = Math.min(plan.batchSize, plan.limit === null ? plan.batchSize : plan.offset + plan.limit);
  const width = plan.limit === null || plan.orderBy.length > 0 ? undefined : LIMITED_WIDTH;
  let held: Uint32Array[] = [];
  let count = 0;
  let current = fragments[0]!;
  const flush = (): FragmentRows => {
    const selection = { kind: "indices", indices: concat(held, count) } as const;
    held = [];
    count = 0;
    return { fragment: current, selection };
  };
  const { bound } = plan.filter as FilterPlan;
  const { includeDeletedRows } = plan;
  const rows = listCandidates(context, fragments, includeDeletedRows);
  for await (const { fragment, offsets } of matchRows(context, bound, rows, { width, includeDeletedRows })) {
    if (fragment !== current && count > 0) yield flush();
    current = fragment;
    if (offsets.length === 0) continue;
    held.push(offsets);
    count += offsets.length;
    if (count >= enough) yield flush();
  }
  if (count > 0) yield flush();
}

async function* listCandidates(
  { snapshot, statistics, signal }: QueryContext,
  fragments: readonly Fragment[],
  includeDeletedRows: boolean,
): AsyncGenerator<FragmentRows> {
  for (const fragment of fragments) {
    const { id, numDeletedRows, physicalRows, numRows } = fragment;
    const isWhole = includeDeletedRows || numDeletedRows === 0;
    const live = isWhole ? null : await readLiveRows(snapshot, { fragmentIds: [id], signal });
    statistics.addFlat(id, includeDeletedRows ? physicalRows : numRows);
    yield { fragment, selection: selectRows(fragment, live) };
  }
}

function concat(parts: readonly Uint32Array[], length: number): Uint32Array {
  if (parts.length === 1) return parts[0]!;
  const whole = new Uint32Array(length);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}
