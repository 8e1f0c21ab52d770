import { isNullAt, type ValueArray, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

/** Compares row `i` of `a` with row `j` of `b`: negative, 0, positive. */
export type CompareRows = (a: ValueColumn, i: number, b: ValueColumn, j: number) => number;

/**
 * The order of a BTREE: nulls first, then floats in IEEE 754 total order (-NaN … -0, 0 … NaN), text by its bytes.
 * Source: index page, section 2.
 */
export function createCompareRows(type: ValueType): CompareRows {
  const compare = createCompareValues(type);
  return (a, i, b, j) => {
    if (a.validity === null && b.validity === null) return compare(a, i, b, j);
    const leftNull = isNullAt(a, i);
    const rightNull = isNullAt(b, j);
    if (leftNull || rightNull) return Number(rightNull) - Number(leftNull);
    return compare(a, i, b, j);
  };
}

/** As {@link createCompareRows}, for rows known not to be NULL. */
export function createCompareValues(type: ValueType): CompareRows {
  switch (type.sortType) {
    case "bytes":
      return compareBytes;
    case "f32":
    case "f64":
      return compareFloats;
    default:
      return compareNumbers;
  }
}

const compareNumbers: CompareRows = (a, i, b, j) => {
  const left = a.values[i]!;
  const right = b.values[j]!;
  return left < right ? -1 : left > right ? 1 : 0;
};

const compareFloats: CompareRows = (a, i, b, j) => {
  const left = a.values[i] as number;
  const right = b.values[j] as number;
  if (left < right) return -1;
  if (left > right) return 1;
  if (left === right && left !== 0) return 0;
  return compareFloatBits(a.values, i, b.values, j);
};

/** NaNs and signed zeros: only their bits tell them apart, and a NaN read as a number may lose its sign. */
function compareFloatBits(a: ValueArray, i: number, b: ValueArray, j: number): number {
  const left = getOrderKey(a, i);
  const right = getOrderKey(b, j);
  return left < right ? -1 : left > right ? 1 : 0;
}

function getOrderKey(values: ValueArray, i: number): bigint {
  if (values instanceof Float32Array) {
    const bits = BigInt(new DataView(values.buffer, values.byteOffset + 4 * i, 4).getInt32(0, true));
    return bits < 0n ? bits ^ 0x7fff_ffffn : bits;
  }
  const bits = new DataView(values.buffer, values.byteOffset + 8 * i, 8).getBigInt64(0, true);
  return bits < 0n ? bits ^ 0x7fff_ffff_ffff_ffffn : bits;
}

const compareBytes: CompareRows = (a, i, b, j) => {
  const left = a.values as Uint8Array;
  const right = b.values as Uint8Array;
  let p = a.offsets![i]!;
  let q = b.offsets![j]!;
  const leftEnd = a.offsets![i + 1]!;
  const rightEnd = b.offsets![j + 1]!;
  const shared = Math.min(leftEnd - p, rightEnd - q);
  for (const end = p + shared; p < end; p++, q++) {
    if (left[p] !== right[q]) return left[p]! - right[q]!;
  }
  return leftEnd - p - (rightEnd - q);
};
