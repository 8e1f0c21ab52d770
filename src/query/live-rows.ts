import type { RowSelection } from "../format/read/row-selection.ts";
import { readDeletions } from "../table/deletions.ts";
import type { Fragment } from "../table/fragment.ts";
import { addressDomain } from "../table/row-addresses.ts";
import { RowSet } from "../table/row-set.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** Rows of these fragments that are not deleted. One bit a row; reads the deletion files. */
export async function readLiveRows(
  snapshot: Snapshot,
  fragmentIds: readonly number[],
  signal: AbortSignal | undefined,
): Promise<RowSet> {
  const domain = addressDomain(snapshot, fragmentIds);
  return RowSet.full(domain).andNot(await readDeletedRows(snapshot, fragmentIds, signal));
}

/** Rows of these fragments that are deleted. */
export async function readDeletedRows(
  snapshot: Snapshot,
  fragmentIds: readonly number[],
  signal: AbortSignal | undefined,
): Promise<RowSet> {
  const wanted = new Set(fragmentIds);
  const deleted = RowSet.empty(addressDomain(snapshot, fragmentIds));
  await Promise.all(
    snapshot.fragments
      .filter((fragment) => wanted.has(fragment.id) && fragment.numDeletedRows > 0)
      .map(async (fragment) => {
        const offsets = await readDeletions(snapshot, fragment, signal);
        if (offsets) deleted.addOffsets(fragment.id, offsets);
      }),
  );
  return deleted;
}

/** The physical rows of one fragment to read: all, or those in `rows`, as the cheapest selection. */
export function selectRows(fragment: Fragment, rows: RowSet | null): RowSelection {
  if (rows === null) return { kind: "all" };
  const offsets = rows.offsets(fragment.id);
  if (offsets.length === fragment.physicalRows) return { kind: "all" };
  return { kind: "indices", indices: offsets };
}
