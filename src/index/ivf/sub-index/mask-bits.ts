import { halvesOf } from "../../../table/row-ids/row-addresses.ts";
import type { RowSet } from "../../../table/row-set.ts";
import type { StoredSlice } from "../storage/storage.ts";

/** Rows of a partition that a mask lets through. */
export interface MaskBits {
  /** One bit per row, least significant first. */
  readonly bytes: Uint8Array;
  readonly count: number;
}

/** Masks of live rows serve every query of a version: what they select of a partition is kept as long as both are. */
const known = new WeakMap<RowSet, WeakMap<StoredSlice, Map<number, MaskBits>>>();

/**
 * The rows from `first` on that are in `mask`. A partition's bits are made once for a mask: one bit a row.
 * @param partition as it lies in the cache, the same object each time
 */
export function selectMaskBits(
  mask: RowSet,
  partition: StoredSlice,
  { first, numRows }: { readonly first: number; readonly numRows: number },
): MaskBits {
  const ofMask = known.get(mask) ?? new WeakMap<StoredSlice, Map<number, MaskBits>>();
  known.set(mask, ofMask);
  const ofPartition = ofMask.get(partition) ?? new Map<number, MaskBits>();
  ofMask.set(partition, ofPartition);
  const found = ofPartition.get(first);
  if (found) return found;
  const { buffer, byteOffset } = partition.rowIds.bytes();
  const bits = createMaskBits(mask, new BigUint64Array(buffer, byteOffset + first * 8, numRows));
  ofPartition.set(first, bits);
  return bits;
}

function createMaskBits(mask: RowSet, rowIds: BigUint64Array): MaskBits {
  const halves = halvesOf(rowIds);
  const numRows = rowIds.length;
  const bytes = new Uint8Array((numRows + 7) >> 3);
  let count = 0;
  let high = -1;
  let words: Uint32Array | undefined;
  for (let i = 0; i < numRows; i++) {
    if (halves[2 * i + 1] !== high) {
      high = halves[2 * i + 1]!;
      words = mask.words(high);
    }
    const low = halves[2 * i]!;
    if (words !== undefined && ((words[low >>> 5] ?? 0) & (1 << (low & 31))) !== 0) {
      bytes[i >> 3]! |= 1 << (i & 7);
      count++;
    }
  }
  return { bytes, count };
}
