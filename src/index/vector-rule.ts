import type { Data } from "apache-arrow";

/**
 * Which rows hold a vector: those neither NULL nor with a NULL item. One rule for indexes and for flat searches, so that
 * an answer does not depend on which rows are indexed. Its other half, that values are finite, is
 * {@link boundDistances} for a search: a vector with a value that is not has no finite distance to any query.
 * @returns bit i, LSB first, set: row i does; `undefined`: all rows do
 */
export function findVectors(values: Data, dimension: number): Uint8Array | undefined {
  const items = values.children[0]!;
  if (values.nullCount === 0 && items.nullCount === 0) return undefined;
  if (items.nullCount === 0 && values.offset % 8 === 0 && values.nullBitmap) {
    return values.nullBitmap.subarray(values.offset >> 3, (values.offset + values.length + 7) >> 3);
  }
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let row = 0; row < values.length; row++) {
    if (!isValidAt(values, row) || !areItemsValid(items, row * dimension, dimension)) continue;
    bits[row >> 3]! |= 1 << (row & 7);
  }
  return bits;
}

/** Largest finite 32-bit float. */
const MAX_FLOAT32 = 3.4028234663852886e38;

/**
 * Distances in [lower, upper) that are numbers and finite: what a search, of an index or flat, may answer.
 * @param range `null` = unbounded
 */
export function boundDistances(range: readonly [number | null, number | null] | undefined): {
  readonly lower: number;
  readonly upper: number;
} {
  return {
    lower: Math.max(range?.[0] ?? Number.NEGATIVE_INFINITY, -MAX_FLOAT32),
    upper: range?.[1] ?? Number.POSITIVE_INFINITY,
  };
}

function areItemsValid(items: Data, start: number, length: number): boolean {
  if (items.nullCount === 0) return true;
  for (let i = start; i < start + length; i++) if (!isValidAt(items, i)) return false;
  return true;
}

function isValidAt(data: Data, i: number): boolean {
  if (data.nullCount === 0) return true;
  const bit = data.offset + i;
  return ((data.nullBitmap![bit >> 3]! >> (bit & 7)) & 1) === 1;
}
