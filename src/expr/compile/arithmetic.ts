import type { ArithmeticOperator } from "../ast.ts";
import { combineFloats } from "../bind-arithmetic.ts";
import { hasBit, uniteBits } from "../bitset.ts";
import { combine } from "../integer-arithmetic.ts";
import { integerBounds, type ValueType } from "../value-type.ts";
import type { NumberArray, Vector } from "./vector.ts";

const NARROW = {
  8: [Uint8Array, Int8Array],
  16: [Uint16Array, Int16Array],
  32: [Uint32Array, Int32Array],
} as const;

/**
 * Row by row in the promoted type; integers wrap to its width.
 *
 * @throws INVALID_ARGUMENT on an integer division by zero in a row that is not NULL
 */
export function evaluateArithmetic(operator: ArithmeticOperator, left: Vector, right: Vector, type: ValueType): Vector {
  const { length } = left;
  const nulls = uniteBits(left.nulls, right.nulls);
  if (type.kind !== "int") {
    const values = createValues(type, length) as NumberArray;
    const [a, b] = [toNumbers(left), toNumbers(right)];
    const round = type.kind === "float" && type.bits === 32 ? Math.fround : (value: number) => value;
    for (let row = 0; row < length; row++) values[row] = combineFloats(operator, round(a(row)), round(b(row)));
    return { kind: "number", length, nulls, values };
  }
  const [minimum] = integerBounds(type.bits, type.signed);
  const [a, b] = [toBigInts(left), toBigInts(right)];
  return mapIntegers(type, length, nulls, (row) => combine(operator, a(row), b(row), minimum));
}

/** `-x`; the smallest integer stays itself, as it wraps. */
export function evaluateNegative(vector: Vector, type: ValueType): Vector {
  if (type.kind === "int") {
    const read = toBigInts(vector);
    return mapIntegers(type, vector.length, vector.nulls, (row) => -read(row));
  }
  const values = createValues(type, vector.length) as NumberArray;
  const read = toNumbers(vector);
  for (let row = 0; row < vector.length; row++) values[row] = -read(row);
  return { kind: "number", length: vector.length, nulls: vector.nulls, values };
}

/** A number in a wider number type. */
export function evaluateCast(vector: Vector, type: ValueType): Vector {
  if (type.kind === "int") {
    const read = toBigInts(vector);
    return mapIntegers(type, vector.length, vector.nulls, read);
  }
  const values = createValues(type, vector.length) as NumberArray;
  const read = toNumbers(vector);
  for (let row = 0; row < vector.length; row++) values[row] = read(row);
  return { kind: "number", length: vector.length, nulls: vector.nulls, values };
}

function mapIntegers(
  type: Extract<ValueType, { kind: "int" }>,
  length: number,
  nulls: Uint32Array | null,
  compute: (row: number) => bigint,
): Vector {
  const values = createValues(type, length);
  const isWide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  const wrap = type.signed ? BigInt.asIntN : BigInt.asUintN;
  for (let row = 0; row < length; row++) {
    if (nulls !== null && hasBit(nulls, row)) continue;
    const value = wrap(type.bits, compute(row));
    if (isWide) values[row] = value;
    else values[row] = Number(value);
  }
  return isWide ? { kind: "bigint", length, nulls, values } : { kind: "number", length, nulls, values };
}

function createValues(type: ValueType, length: number): NumberArray | BigInt64Array | BigUint64Array {
  if (type.kind === "float") return type.bits === 64 ? new Float64Array(length) : new Float32Array(length);
  if (type.kind !== "int" || type.bits === 64) {
    return type.kind === "int" && !type.signed ? new BigUint64Array(length) : new BigInt64Array(length);
  }
  const Constructor = NARROW[type.bits][type.signed ? 1 : 0];
  return new Constructor(length);
}

function toNumbers(vector: Vector): (row: number) => number {
  if (vector.kind === "bigint") return (row) => Number(vector.values[row]);
  return vector.kind === "number" ? (row) => vector.values[row]! : () => 0;
}

function toBigInts(vector: Vector): (row: number) => bigint {
  if (vector.kind === "bigint") return (row) => vector.values[row]!;
  return vector.kind === "number" ? (row) => BigInt(vector.values[row]!) : () => 0n;
}
