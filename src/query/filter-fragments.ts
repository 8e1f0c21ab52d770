import type { BoundExpression } from "../expr/bound.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { matchRows } from "./match-rows.ts";
import type { QueryContext } from "./query-context.ts";
import { selectRows } from "./select-rows.ts";

/** Rows of one decoded batch of a filter's columns: some milliseconds of work. */
export const FILTER_BATCH_ROWS = 16_384;

/** Evaluates a filter on the given rows of some fragments, one fragment at a time. */
export async function filterFragments(
  context: QueryContext,
  filter: BoundExpression,
  fragmentIds: readonly number[],
  rows: RowSet,
): Promise<RowSet> {
  const matched = RowSet.empty(rows.domain);
  for (const id of fragmentIds) await matchFragment(context.snapshot, filter, id, rows, matched, context);
  return matched;
}

async function matchFragment(
  snapshot: Snapshot,
  filter: BoundExpression,
  fragmentId: number,
  rows: RowSet,
  matched: RowSet,
  { signal, statistics }: QueryContext,
): Promise<void> {
  const fragment = getFragment(snapshot, fragmentId);
  const selection = selectRows(fragment, rows);
  const numRows = selection.kind === "indices" ? selection.indices.length : fragment.physicalRows;
  if (numRows === 0) return;
  statistics.addFlat(fragmentId, numRows);
  for await (const offsets of matchRows(snapshot, fragment, filter, selection, {
    batchRows: FILTER_BATCH_ROWS,
    signal,
  })) {
    matched.addOffsets(fragmentId, offsets);
  }
}
