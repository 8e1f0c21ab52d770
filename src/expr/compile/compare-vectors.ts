import { clearTail, createBits } from "../bitset.ts";
import { compareAny } from "../scalar-order.ts";
import { convertTicks, MILLISECONDS_PER_DAY } from "../temporal.ts";
import type { TimeUnit, ValueType } from "../value-type.ts";
import { createSignReader } from "./float-sign.ts";
import { createReader } from "./read-value.ts";
import type { Vector } from "./vector.ts";

/** Orders row `row` of two vectors: negative, 0 or positive. NULL rows may give anything. */
export type RowComparator = (row: number) => number;

/**
 * A comparator of two vectors of comparable types. Floats are in Arrow's total order here (-0 before 0): only
 * comparisons with a literal see one zero, in native as well. Timestamps of two units meet in the coarser one.
 */
export function createComparator(
  left: Vector,
  leftType: ValueType,
  right: Vector,
  rightType: ValueType,
): RowComparator {
  if (left.kind === "bytes" && right.kind === "bytes") return compareTextRows(left, right);
  if (left.kind === "boolean" && right.kind === "boolean") {
    return (row) => readBit(left.bits, row) - readBit(right.bits, row);
  }
  if (left.kind === "decimal" && right.kind === "decimal") {
    return (row) => {
      const [a, b] = [left.values[row]!, right.values[row]!];
      return a < b ? -1 : a > b ? 1 : 0;
    };
  }
  if (left.kind === "list" && right.kind === "list") {
    const [a, b] = [createReader(left, leftType), createReader(right, rightType)];
    return (row) => compareAny(a(row), b(row));
  }
  if (isTemporal(leftType) && isTemporal(rightType)) return compareTemporal(left, leftType, right, rightType);
  const isFloat = leftType.kind === "float" || rightType.kind === "float";
  if (isFloat) return compareFloats(left, right, useSingles(leftType, rightType));
  const [a, b] = [readInteger(left), readInteger(right)];
  return (row) => {
    const [x, y] = [a(row), b(row)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

/** Rows for which the comparator's answer satisfies `isHit`. */
export function collectRows(length: number, compare: RowComparator, isHit: (order: number) => boolean): Uint32Array {
  const words = createBits(length);
  for (let row = 0; row < length; row++) if (isHit(compare(row))) words[row >>> 5]! |= 1 << (row & 31);
  return clearTail(words, length);
}

function compareTextRows(
  left: Extract<Vector, { kind: "bytes" }>,
  right: Extract<Vector, { kind: "bytes" }>,
): RowComparator {
  return (row) => {
    const [a, b] = [left.offsets[row]!, right.offsets[row]!];
    const [sizeA, sizeB] = [left.offsets[row + 1]! - a, right.offsets[row + 1]! - b];
    const shared = Math.min(sizeA, sizeB);
    for (let i = 0; i < shared; i++) {
      const difference = left.bytes[a + i]! - right.bytes[b + i]!;
      if (difference !== 0) return difference;
    }
    return sizeA - sizeB;
  };
}

function compareFloats(left: Vector, right: Vector, asSingles: boolean): RowComparator {
  const [readA, readB] = [readNumber(left), readNumber(right)];
  const [isNegativeA, isNegativeB] = [signsOf(left), signsOf(right)];
  const round = asSingles ? Math.fround : (value: number) => value;
  return (row) => {
    const [a, b] = [round(readA(row)), round(readB(row))];
    if (a < b) return -1;
    if (a > b) return 1;
    if (a === b && a !== 0) return 0;
    return rank(a, isNegativeA(row)) - rank(b, isNegativeB(row));
  };
}

/** The place of -NaN, numbers below zero, -0, 0, numbers above, NaN. */
function rank(value: number, isNegative: boolean): number {
  if (Number.isNaN(value)) return isNegative ? -3 : 3;
  if (value !== 0) return value < 0 ? -2 : 2;
  return isNegative ? -1 : 1;
}

/** An integer and a single float meet in single precision, as DataFusion coerces them. */
function useSingles(a: ValueType, b: ValueType): boolean {
  const isNarrow = (type: ValueType) => type.kind === "int" || (type.kind === "float" && type.bits !== 64);
  return isNarrow(a) && isNarrow(b);
}

function compareTemporal(left: Vector, leftType: ValueType, right: Vector, rightType: ValueType): RowComparator {
  const unit = commonUnit(leftType, rightType);
  const [a, b] = [readTicks(left, leftType, unit), readTicks(right, rightType, unit)];
  return (row) => {
    const [x, y] = [a(row), b(row)];
    return x < y ? -1 : x > y ? 1 : 0;
  };
}

function commonUnit(a: ValueType, b: ValueType): TimeUnit {
  if (a.kind !== "timestamp" || b.kind !== "timestamp") return "ns";
  const units: readonly TimeUnit[] = ["s", "ms", "us", "ns"];
  return units[Math.min(units.indexOf(a.unit), units.indexOf(b.unit))]!;
}

function readTicks(vector: Vector, type: ValueType, unit: TimeUnit): (row: number) => bigint {
  const read = readInteger(vector);
  if (type.kind === "timestamp") {
    const from = type.unit;
    return from === unit ? (row) => BigInt(read(row)) : (row) => convertTicks(BigInt(read(row)), from, unit);
  }
  const scale = type.kind === "date" && type.unit === "day" ? BigInt(MILLISECONDS_PER_DAY) : 1n;
  return (row) => convertTicks(BigInt(read(row)) * scale, "ms", unit);
}

function readInteger(vector: Vector): (row: number) => number | bigint {
  if (vector.kind !== "number" && vector.kind !== "bigint") return () => 0;
  const values = vector.values as ArrayLike<number | bigint>;
  return (row) => values[row]!;
}

function readNumber(vector: Vector): (row: number) => number {
  const read = readInteger(vector);
  return vector.kind === "bigint" ? (row) => Number(read(row)) : (row) => read(row) as number;
}

function signsOf(vector: Vector): (row: number) => boolean {
  return vector.kind === "number" ? createSignReader(vector.values) : () => false;
}

function isTemporal(type: ValueType): boolean {
  return type.kind === "date" || type.kind === "timestamp";
}

function readBit(words: Uint32Array, row: number): number {
  return (words[row >>> 5]! >>> (row & 31)) & 1;
}
