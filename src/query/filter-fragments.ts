import type { BoundExpression } from "../expr/bound.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment } from "../table/snapshot.ts";
import { matchRows } from "./match-rows.ts";
import type { QueryContext } from "./query-context.ts";
import type { FragmentRows } from "./scan-pieces.ts";
import { selectRows } from "./select-rows.ts";
import { countSelected } from "./selection.ts";

/** Evaluates a filter on the given rows of some fragments. */
export async function filterFragments(
  context: QueryContext,
  filter: BoundExpression,
  fragmentIds: readonly number[],
  rows: RowSet,
): Promise<RowSet> {
  const matched = RowSet.empty(rows.domain);
  for await (const { fragment, offsets } of matchRows(context, filter, listRows(context, fragmentIds, rows))) {
    matched.addOffsets(fragment.id, offsets);
  }
  return matched;
}

async function* listRows(
  { snapshot, statistics }: QueryContext,
  fragmentIds: readonly number[],
  rows: RowSet,
): AsyncGenerator<FragmentRows> {
  for (const id of fragmentIds) {
    const fragment = getFragment(snapshot, id);
    const selection = selectRows(fragment, rows);
    const numRows = countSelected(selection, fragment.physicalRows);
    if (numRows === 0) continue;
    statistics.addFlat(id, numRows);
    yield { fragment, selection };
  }
}
