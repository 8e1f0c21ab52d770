import { LanceError } from "../../errors.ts";
import { findFirst, includesSorted } from "../../search-sorted.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { readDeletions } from "../deletions/deletions.ts";
import type { Fragment } from "../fragment.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { halvesOf, NO_ROW, toRowAddress } from "./row-addresses.ts";
import { pickRowIds, type RowIdPiece, type RowIdPieces, readRowIdPieces } from "./row-id-pieces.ts";

/** Fragments, or looked-up ids, between two looks at the signal and the event loop. */
const PER_LOOK = 256;

/** One piece of one fragment, among all pieces of a table by their lowest id. */
interface Entry {
  readonly fragment: Fragment;
  readonly piece: RowIdPiece;
  /** Physical offset of the piece's first row. */
  readonly offset: number;
  readonly min: bigint;
  readonly max: bigint;
}

/** All pieces of a table, ascending by `min`, and the highest `max` up to each. */
interface RowIdIndex {
  readonly entries: readonly Entry[];
  readonly highest: BigUint64Array;
}

const pieces = new WeakMap<Snapshot, Map<number, RowIdPieces>>();
const indexes = new WeakMap<Snapshot, Promise<RowIdIndex>>();
const orders = new WeakMap<RowIdPiece, Uint32Array>();

/**
 * Stable row ids of a fragment as they are stored, read once per snapshot.
 *
 * @throws UNSUPPORTED when they are kept outside of the manifest, CORRUPT
 */
export function getRowIdPieces(snapshot: Snapshot, fragmentId: number): RowIdPieces {
  let known = pieces.get(snapshot);
  if (known === undefined) {
    known = new Map();
    pieces.set(snapshot, known);
  }
  let found = known.get(fragmentId);
  if (found === undefined) {
    found = readFragmentPieces(getFragment(snapshot, fragmentId));
    known.set(fragmentId, found);
  }
  return found;
}

/** As {@link getRowIdPieces}, without a cache. */
export function readFragmentPieces(fragment: Fragment): RowIdPieces {
  const bytes = fragment.proto.inlineRowIds;
  if (bytes === undefined) {
    throw new LanceError(
      "UNSUPPORTED",
      `fragment ${fragment.id} of a table with stable row ids keeps none in the manifest; it cannot be read yet`,
      { fragmentId: fragment.id },
    );
  }
  return readRowIdPieces(bytes, fragment.physicalRows);
}

/** Stable row ids of rows at these addresses, in their order. Costs the rows asked for. @throws as {@link getRowIdPieces} */
export function identifyAddresses(snapshot: Snapshot, addresses: BigUint64Array): BigUint64Array<ArrayBuffer> {
  const halves = halvesOf(addresses);
  const ids = new BigUint64Array(addresses.length);
  for (let from = 0; from < ids.length; ) {
    const fragmentId = halves[2 * from + 1]!;
    let to = from + 1;
    while (to < ids.length && halves[2 * to + 1] === fragmentId) to++;
    const offsets = new Uint32Array(to - from);
    for (let i = from; i < to; i++) offsets[i - from] = halves[2 * i]!;
    ids.set(pickRowIds(getRowIdPieces(snapshot, fragmentId), offsets), from);
    from = to;
  }
  return ids;
}

/**
 * Addresses of the live rows with some stable row ids, in their order; {@link NO_ROW} where there is none. The first
 * call of a snapshot reads all sequences; then an id costs a binary search, and a deletion file where its fragment has one.
 *
 * @throws CORRUPT, UNSUPPORTED, NOT_FOUND, IO, ABORTED
 */
export async function locateStableRows(
  snapshot: Snapshot,
  ids: BigUint64Array,
  signal?: AbortSignal,
): Promise<BigUint64Array<ArrayBuffer>> {
  const giveWay = createGiveWay(signal);
  const index = await getIndex(snapshot, signal);
  const deletions = new Map<Fragment, Uint32Array | null>();
  const addresses = new BigUint64Array(ids.length).fill(NO_ROW);
  for (let i = 0; i < ids.length; i++) {
    if (i % PER_LOOK === 0) await giveWay();
    const id = ids[i]!;
    for (let at = findLast(index.entries, id); at >= 0 && index.highest[at]! >= id; at--) {
      const entry = index.entries[at]!;
      const row = entry.max >= id ? findRow(entry, id) : -1;
      if (row < 0) continue;
      const { fragment } = entry;
      if (!deletions.has(fragment)) deletions.set(fragment, await readDeletions(snapshot, fragment, signal));
      const deleted = deletions.get(fragment)!;
      // A row that an update moved stands in its old fragment too, deleted.
      if (deleted !== null && includesSorted(deleted, entry.offset + row)) continue;
      addresses[i] = toRowAddress(fragment.id, entry.offset + row);
      break;
    }
  }
  return addresses;
}

async function getIndex(snapshot: Snapshot, signal: AbortSignal | undefined): Promise<RowIdIndex> {
  const known = indexes.get(snapshot);
  if (known !== undefined) return known;
  // Without the signal of one caller: others may wait for the same index.
  const building = buildIndex(snapshot);
  indexes.set(snapshot, building);
  building.catch(() => indexes.delete(snapshot));
  const built = await building;
  await createGiveWay(signal)();
  return built;
}

async function buildIndex(snapshot: Snapshot): Promise<RowIdIndex> {
  const giveWay = createGiveWay(undefined);
  const entries: Entry[] = [];
  for (const [n, fragment] of snapshot.fragments.entries()) {
    if (n % PER_LOOK === 0) await giveWay();
    const read = getRowIdPieces(snapshot, fragment.id);
    for (const [i, piece] of read.pieces.entries()) {
      if (piece.count > 0) entries.push({ fragment, piece, offset: read.starts[i]!, ...boundsOf(piece) });
    }
  }
  entries.sort((a, b) => (a.min < b.min ? -1 : a.min > b.min ? 1 : 0));
  const highest = new BigUint64Array(entries.length);
  let max = 0n;
  for (const [i, entry] of entries.entries()) {
    if (i % PER_LOOK === 0) await giveWay();
    if (entry.max > max) max = entry.max;
    highest[i] = max;
  }
  return { entries, highest };
}

function boundsOf(piece: RowIdPiece): { readonly min: bigint; readonly max: bigint } {
  if (piece.kind === "range") return { min: piece.first, max: piece.first + BigInt(piece.count - 1) };
  if (piece.kind === "bits") return { min: piece.first, max: piece.first + BigInt(piece.bits.size - 1) };
  let min = piece.ids[0]!;
  let max = min;
  for (const id of piece.ids) {
    if (id < min) min = id;
    else if (id > max) max = id;
  }
  return { min, max };
}

/** The last entry that starts at or below an id, or −1. */
function findLast(entries: readonly Entry[], id: bigint): number {
  return findFirst(entries.length, (i) => entries[i]!.min > id) - 1;
}

/** Number of the row with an id within a piece, or −1. */
function findRow({ piece, min }: Entry, id: bigint): number {
  if (piece.kind === "range") return Number(id - piece.first);
  if (piece.kind === "bits") {
    const bit = Number(id - piece.first);
    return piece.bits.has(bit) ? piece.bits.rank(bit) : -1;
  }
  const order = getOrder(piece, min);
  const row = order[findFirst(order.length, (i) => piece.ids[order[i]!]! >= id)];
  return row !== undefined && piece.ids[row] === id ? row : -1;
}

/** Rows of a list, ascending by id. Made when a list is first asked. */
function getOrder(piece: Extract<RowIdPiece, { kind: "list" }>, min: bigint): Uint32Array {
  let order = orders.get(piece);
  if (order === undefined) {
    order = sortRows(piece.ids, min);
    orders.set(piece, order);
  }
  return order;
}

function sortRows(ids: BigUint64Array, min: bigint): Uint32Array {
  const { length } = ids;
  const order = Uint32Array.from({ length }, (_, i) => i);
  let max = min;
  let sorted = true;
  for (let i = 0; i < length; i++) {
    if (ids[i]! > max) max = ids[i]!;
    if (i > 0 && ids[i - 1]! > ids[i]!) sorted = false;
  }
  if (sorted) return order;
  // Numbers sort ten times as fast as BigInts by a function: pack id and row into one where they fit.
  if ((max - min + 1n) * BigInt(length) <= BigInt(Number.MAX_SAFE_INTEGER)) {
    const keys = Float64Array.from(order, (row) => Number(ids[row]! - min) * length + row).sort();
    for (let i = 0; i < length; i++) order[i] = keys[i]! % length;
    return order;
  }
  return order.sort((a, b) => (ids[a]! < ids[b]! ? -1 : ids[a]! > ids[b]! ? 1 : 0));
}
