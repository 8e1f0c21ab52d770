import type { RowSelection } from "../format/read/row-ranges.ts";
import type { Fragment } from "../table/fragment.ts";
import type { RowSet } from "../table/row-set.ts";

/** The physical rows of one fragment to read: those in `rows`, all of them where it is `null`. */
export function selectRows(fragment: Fragment, rows: RowSet | null): RowSelection {
  if (rows === null) return { kind: "all" };
  const offsets = rows.offsets(fragment.id);
  return offsets.length === fragment.physicalRows ? { kind: "all" } : { kind: "indices", indices: offsets };
}
