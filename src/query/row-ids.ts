import { LanceError } from "../errors.ts";
import { readFragmentRowIds } from "../table/column-source.ts";
import { readDeletions } from "../table/deletions.ts";
import { halvesOf, toRowAddress } from "../table/row-addresses.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { createGiveWay } from "../tasks/give-way.ts";

/** Rows between two looks at the signal and the event loop: under a millisecond. */
const ROWS_PER_LOOK = 8192;

/** Decoded sequences of fragments, 8 bytes a row, for as long as the snapshot lives. */
const sequences = new WeakMap<Snapshot, Map<number, BigUint64Array>>();

/** The row ids of rows at these addresses: the addresses themselves, or stable ids where the table has them. */
export function identifyRows(snapshot: Snapshot, addresses: BigUint64Array): BigUint64Array {
  if (!snapshot.stableRowIds) return addresses;
  const halves = halvesOf(addresses);
  const ids = new BigUint64Array(addresses.length);
  for (let i = 0; i < ids.length; i++) ids[i] = readSequence(snapshot, halves[2 * i + 1]!)[halves[2 * i]!]!;
  return ids;
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

/** The address of each stable row id's live row. One pass over the sequences of all fragments. */
async function locateStable(
  snapshot: Snapshot,
  ids: BigUint64Array,
  signal: AbortSignal | undefined,
): Promise<BigUint64Array> {
  const giveWay = createGiveWay(signal);
  const located = new Map<bigint, bigint | null>();
  for (const id of ids) located.set(id, null);
  for (const fragment of snapshot.fragments) {
    const sequence = readSequence(snapshot, fragment.id);
    const deleted = await readDeletions(snapshot, fragment, signal);
    for (let offset = 0; offset < sequence.length; offset++) {
      if (offset % ROWS_PER_LOOK === 0) await giveWay();
      const id = sequence[offset]!;
      // a row that an update moved stands in its old fragment too, deleted
      if (located.has(id) && !(deleted && includesSorted(deleted, offset))) {
        located.set(id, toRowAddress(fragment.id, offset));
      }
    }
  }
  return ids.map((id) => {
    const address = located.get(id);
    if (address === null || address === undefined) throw missing(id);
    return address;
  });
}

function readSequence(snapshot: Snapshot, fragmentId: number): BigUint64Array {
  let decoded = sequences.get(snapshot);
  if (!decoded) {
    decoded = new Map();
    sequences.set(snapshot, decoded);
  }
  let ids = decoded.get(fragmentId);
  if (!ids) {
    ids = readFragmentRowIds(getFragment(snapshot, fragmentId));
    decoded.set(fragmentId, ids);
  }
  return ids;
}

function includesSorted(values: Uint32Array, value: number): boolean {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (values[middle]! < value) low = middle + 1;
    else high = middle;
  }
  return values[low] === value;
}

function missing(id: bigint): LanceError {
  return new LanceError("NOT_FOUND", `no live row with id ${id} in this version`, { rowId: String(id) });
}
