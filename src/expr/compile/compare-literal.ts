import type { ComparisonOperator } from "../ast.ts";
import { clearTail, createBits } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { isAt } from "../like.ts";
import { createSignReader } from "./float-sign.ts";
import type { NumberArray, Vector } from "./vector.ts";

type Basic = "=" | "<" | ">";

/** Each operator as a basic one, or its complement: values are totally ordered. */
const BASIC: Readonly<Record<ComparisonOperator, readonly [Basic, boolean]>> = {
  "=": ["=", false],
  "!=": ["=", true],
  "<": ["<", false],
  ">=": ["<", true],
  ">": [">", false],
  "<=": [">", true],
};

/**
 * Rows whose value compares as asked with one literal of the same type; bits of NULL rows are arbitrary. Floats are in
 * total order with one zero: -NaN lowest, NaN highest. Text is compared as UTF-8 bytes, without decoding.
 */
export function compareWithLiteral(vector: Vector, operator: ComparisonOperator, literal: Value): Uint32Array {
  const [basic, isInverted] = BASIC[operator];
  const words = compareBasic(vector, basic, literal);
  if (isInverted) {
    for (let i = 0; i < words.length; i++) words[i] = ~words[i]!;
    clearTail(words, vector.length);
  }
  return words;
}

function compareBasic(vector: Vector, operator: Basic, literal: Value): Uint32Array {
  switch (vector.kind) {
    case "number":
      return compareNumbers(vector.values, operator, Number(literal), vector.length);
    case "bigint":
      return compareWide(vector.values, operator, BigInt(literal as bigint), vector.length);
    case "bytes":
      return compareText(
        vector,
        operator,
        typeof literal === "string" ? new TextEncoder().encode(literal) : (literal as Uint8Array),
      );
    case "decimal":
      return compareDecimals(vector.values, operator, literal as bigint);
    case "list":
    case "opaque":
      // Lists meet literals in the comparator of two vectors.
      return createBits(vector.length);
    case "boolean":
      // The binder turns comparisons with a boolean literal into the column itself.
      return vector.bits.slice();
  }
}

function compareNumbers(values: NumberArray, operator: Basic, literal: number, length: number): Uint32Array {
  const words = createBits(length);
  if (Number.isNaN(literal)) return compareWithNaN(values, operator, length);
  let sawNaN = false;
  const isFloat = values instanceof Float64Array || values instanceof Float32Array;
  for (let w = 0, row = 0; w < words.length; w++) {
    const end = Math.min(row + 32, length);
    let word = 0;
    const start = row;
    if (operator === "=") for (; row < end; row++) word |= Number(values[row]! === literal) << (row - start);
    else if (operator === "<") for (; row < end; row++) word |= Number(values[row]! < literal) << (row - start);
    else for (; row < end; row++) word |= Number(values[row]! > literal) << (row - start);
    words[w] = word;
  }
  if (isFloat && operator !== "=") {
    for (let row = 0; row < length && !sawNaN; row++) sawNaN = Number.isNaN(values[row]);
    if (sawNaN) placeNaN(values, operator, words, length);
  }
  return words;
}

/** NaN is above every number, -NaN below. */
function placeNaN(values: NumberArray, operator: Basic, words: Uint32Array, length: number): void {
  const isNegative = createSignReader(values);
  for (let row = 0; row < length; row++) {
    if (!Number.isNaN(values[row])) continue;
    if (isNegative(row) === (operator === "<")) words[row >>> 5]! |= 1 << (row & 31);
  }
}

function compareWithNaN(values: NumberArray, operator: Basic, length: number): Uint32Array {
  const words = createBits(length);
  const isNegative = createSignReader(values);
  for (let row = 0; row < length; row++) {
    const isEqual = Number.isNaN(values[row]) && !isNegative(row);
    if (operator === "=" ? isEqual : operator === "<" && !isEqual) words[row >>> 5]! |= 1 << (row & 31);
  }
  return words;
}

/** 64-bit integers by their halves: a BigInt per row would be garbage per row. */
function compareWide(
  values: BigInt64Array | BigUint64Array,
  operator: Basic,
  literal: bigint,
  length: number,
): Uint32Array {
  const words = createBits(length);
  const isSigned = values instanceof BigInt64Array;
  const [minimum, maximum] = isSigned ? [-(1n << 63n), (1n << 63n) - 1n] : [0n, (1n << 64n) - 1n];
  if (literal < minimum || literal > maximum) {
    const isAll = operator === "<" ? literal > maximum : operator === ">" && literal < minimum;
    return isAll ? clearTail(words.fill(0xffffffff), length) : words;
  }
  const lows = new Uint32Array(values.buffer, values.byteOffset, length * 2);
  const highs = isSigned ? new Int32Array(values.buffer, values.byteOffset, length * 2) : lows;
  const low = Number(literal & 0xffffffffn);
  const high = Number(literal >> 32n);
  for (let w = 0, row = 0; w < words.length; w++) {
    const start = row;
    const end = Math.min(row + 32, length);
    let word = 0;
    for (; row < end; row++) {
      const h = highs[row * 2 + 1]!;
      const l = lows[row * 2]!;
      const isHit =
        operator === "="
          ? h === high && l === low
          : operator === "<"
            ? h < high || (h === high && l < low)
            : h > high || (h === high && l > low);
      word |= Number(isHit) << (row - start);
    }
    words[w] = word;
  }
  return words;
}

function compareText(vector: Extract<Vector, { kind: "bytes" }>, operator: Basic, literal: Uint8Array): Uint32Array {
  const words = createBits(vector.length);
  const { bytes, offsets } = vector;
  for (let row = 0; row < vector.length; row++) {
    const start = offsets[row]!;
    const size = offsets[row + 1]! - start;
    let isHit: boolean;
    if (operator === "=") isHit = size === literal.length && isAt(bytes, start, literal);
    else {
      const order = orderBytes(bytes, start, size, literal);
      isHit = operator === "<" ? order < 0 : order > 0;
    }
    if (isHit) words[row >>> 5]! |= 1 << (row & 31);
  }
  return words;
}

function orderBytes(bytes: Uint8Array, start: number, size: number, literal: Uint8Array): number {
  const shared = Math.min(size, literal.length);
  for (let i = 0; i < shared; i++) {
    const difference = bytes[start + i]! - literal[i]!;
    if (difference !== 0) return difference;
  }
  return size - literal.length;
}

function compareDecimals(values: readonly bigint[], operator: Basic, literal: bigint): Uint32Array {
  const words = createBits(values.length);
  values.forEach((value, row) => {
    const isHit = operator === "=" ? value === literal : operator === "<" ? value < literal : value > literal;
    if (isHit) words[row >>> 5]! |= 1 << (row & 31);
  });
  return words;
}
