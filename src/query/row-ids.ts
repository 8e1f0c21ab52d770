import { LanceError } from "../errors.ts";
import { includesSorted } from "../search-sorted.ts";
import { readDeletions } from "../table/deletions/deletions.ts";
import { halvesOf, NO_ROW } from "../table/row-ids/row-addresses.ts";
import { identifyAddresses, locateStableRows } from "../table/row-ids/row-id-index.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";

/** Rows between two looks at the signal and the event loop: under a millisecond. */
const ROWS_PER_LOOK = 8192;

/** The row ids of rows at these addresses: the addresses themselves, or stable ids where the table has them. */
export function identifyRows(snapshot: Snapshot, addresses: BigUint64Array): BigUint64Array {
  return snapshot.stableRowIds ? identifyAddresses(snapshot, addresses) : addresses;
}

/**
 * The addresses of rows by row id, in their order.
 * @throws NOT_FOUND naming the first row that is not there or was deleted
 */
export async function locateRowIds(
  snapshot: Snapshot,
  ids: BigUint64Array,
  signal: AbortSignal | undefined,
): Promise<BigUint64Array> {
  if (snapshot.stableRowIds) return locateStable(snapshot, ids, signal);
  const halves = halvesOf(ids);
  const known = new Map(snapshot.fragments.map((fragment) => [fragment.id, fragment]));
  const giveWay = createGiveWay(signal);
  for (let i = 0; i < ids.length; i++) {
    if (i % ROWS_PER_LOOK === 0) await giveWay();
    const fragment = known.get(halves[2 * i + 1]!);
    const offset = halves[2 * i]!;
    if (!fragment || offset >= fragment.physicalRows) throw missing(ids[i]!);
    const deleted = fragment.numDeletedRows === 0 ? null : await readDeletions(snapshot, fragment, signal);
    if (deleted && includesSorted(deleted, offset)) throw missing(ids[i]!);
  }
  return ids;
}

async function locateStable(
  snapshot: Snapshot,
  ids: BigUint64Array,
  signal: AbortSignal | undefined,
): Promise<BigUint64Array> {
  const addresses = await locateStableRows(snapshot, ids, signal);
  const absent = addresses.indexOf(NO_ROW);
  if (absent >= 0) throw missing(ids[absent]!);
  return addresses;
}

function missing(id: bigint): LanceError {
  return new LanceError("NOT_FOUND", `no live row with id ${id} in this version`, { rowId: String(id) });
}
