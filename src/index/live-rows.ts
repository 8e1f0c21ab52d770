import { LanceError } from "../errors.ts";
import { readLiveRows } from "../table/deletions/deletions.ts";
import { addressDomain } from "../table/row-ids/row-addresses.ts";
import { getRowIdPieces } from "../table/row-ids/row-id-index.ts";
import { pickRowIds } from "../table/row-ids/row-id-pieces.ts";
import { RowSet } from "../table/row-set.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { getEffectiveCoverage } from "./metadata.ts";
import type { IndexSegment } from "./segment.ts";

/** How rows are named. Stable row ids exist only in tables that have them; elsewhere every id is an address. */
export type RowIdDomain = "address" | "stableRowId";

/** More than any table has given out; a forged number would make a list of billions. */
const MAX_ROW_ID = 2n ** 44n;

/** @param declared what the family stores where a table has stable row ids */
export function resolveRowIdDomain(snapshot: Snapshot, declared: RowIdDomain): RowIdDomain {
  return snapshot.stableRowIds ? declared : "address";
}

/**
 * Row ids that can be at all: for addresses, the covered fragments that still live and their rows; for stable row ids,
 * every id given out so far.
 */
export function createSegmentDomain(
  snapshot: Snapshot,
  segment: IndexSegment,
  declared: RowIdDomain,
): Map<number, number> {
  if (resolveRowIdDomain(snapshot, declared) === "address") {
    return addressDomain(snapshot, getEffectiveCoverage(segment, snapshot));
  }
  const domain = new Map<number, number>();
  const end = snapshot.manifest.nextRowId;
  if (end > MAX_ROW_ID) {
    throw new LanceError(
      "CORRUPT",
      `version ${snapshot.version} of ${snapshot.uri} is said to have given out ${end} row ids; this reader takes up to 2^44`,
      { version: snapshot.version, nextRowId: String(end) },
    );
  }
  for (let high = 0n; high << 32n < end; high++) {
    const size = end - (high << 32n);
    domain.set(Number(high), size > 0xffff_ffffn ? 0xffff_ffff : Number(size));
  }
  return domain;
}

/**
 * The rows a segment answers for at this version: live rows of the fragments it covers. With stable row ids a row that
 * was updated has moved to another fragment, and what the segment knows of it is stale.
 */
export async function readSegmentRows(
  snapshot: Snapshot,
  segment: IndexSegment,
  declared: RowIdDomain,
  signal?: AbortSignal,
): Promise<RowSet> {
  const fragmentIds = getEffectiveCoverage(segment, snapshot);
  const live = await readLiveRows(snapshot, { fragmentIds, signal });
  if (resolveRowIdDomain(snapshot, declared) === "address") return live;
  const rows = RowSet.empty(createSegmentDomain(snapshot, segment, declared));
  for (const fragmentId of fragmentIds) {
    rows.addIds(pickRowIds(getRowIdPieces(snapshot, fragmentId), live.offsets(fragmentId)));
  }
  return rows;
}

/** Whether any covered fragment has deleted rows, so that a search must be masked. */
export function hasDeletions(snapshot: Snapshot, segment: IndexSegment): boolean {
  return getEffectiveCoverage(segment, snapshot).some((id) => getFragment(snapshot, id).numDeletedRows > 0);
}
