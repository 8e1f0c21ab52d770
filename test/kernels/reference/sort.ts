import type { SortType } from "../../../src/kernels/sort.ts";

/** A value of a column; floats as their bits, since JavaScript may lose a NaN's sign. `null` is a null. */
export type SortValue = number | bigint | boolean | Uint8Array | null;

/** IEEE total order as an integer: −NaN < −∞ < … < −0 < 0 < … < ∞ < NaN. */
function totalOrder(bits: bigint, bytes: 4 | 8): bigint {
  const sign = 1n << BigInt(bytes * 8 - 1);
  return bits & sign ? sign - 1n - (bits ^ sign) : bits + sign;
}

function compareBytes(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function compare(type: SortType, a: SortValue, b: SortValue): number {
  if (a === null || b === null) return a === b ? 0 : a === null ? -1 : 1;
  if (type === "bytes") return compareBytes(a as Uint8Array, b as Uint8Array);
  const key = (value: SortValue) =>
    type === "f32" || type === "f64" ? totalOrder(value as bigint, type === "f32" ? 4 : 8) : (value as number | bigint);
  const [left, right] = [key(a), key(b)];
  return left < right ? -1 : left > right ? 1 : 0;
}

/** The stable order, nulls first, by comparison. */
export function referencePermutation(type: SortType, values: readonly SortValue[]): number[] {
  return values.map((_, row) => row).sort((a, b) => compare(type, values[a]!, values[b]!) || a - b);
}
