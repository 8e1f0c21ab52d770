import type { ArithmeticOperator } from "../ast.ts";
import { combineFloats } from "../bind-arithmetic.ts";
import { hasBit, uniteBits } from "../bitset.ts";
import { combineDecimals } from "../decimal-arithmetic.ts";
import { roundHalf } from "../half.ts";
import { combine } from "../integer-arithmetic.ts";
import { integerBounds, type ValueType } from "../value-type.ts";
import { createNumbers, toNumberVector } from "./build-vector.ts";
import { createNullVector, type NumberArray, type Vector } from "./vector.ts";

/** Types and rows of one operation. */
export interface ArithmeticOptions {
  readonly leftType: ValueType;
  readonly rightType: ValueType;
  readonly type: ValueType;
  /** Rows nobody will look at: never an error. */
  readonly skipped: Uint32Array | null;
}

/**
 * Row by row in the promoted type; integers wrap to its width.
 *
 * @throws INVALID_ARGUMENT on an integer division by zero, or a decimal beyond its width, in a row that is not NULL
 */
export function evaluateArithmetic(
  operator: ArithmeticOperator,
  left: Vector,
  right: Vector,
  options: ArithmeticOptions,
): Vector {
  const { length } = left;
  const { type, leftType, rightType } = options;
  const nulls = uniteBits(left.nulls, right.nulls);
  const skipped = uniteBits(nulls, options.skipped);
  if (type.kind === "decimal" && leftType.kind === "decimal" && rightType.kind === "decimal") {
    if (left.kind !== "decimal" || right.kind !== "decimal") return createNullVector(length);
    const values = left.values.map((value, row) =>
      skipped !== null && hasBit(skipped, row)
        ? 0n
        : combineDecimals(operator, [value, leftType], [right.values[row]!, rightType], type),
    );
    return { kind: "decimal", length, nulls, values };
  }
  if (type.kind === "float") {
    const values = createNumbers(type, length) as NumberArray;
    const [a, b] = [toNumbers(left), toNumbers(right)];
    const round = type.bits === 64 ? (value: number) => value : type.bits === 32 ? Math.fround : roundHalf;
    for (let row = 0; row < length; row++) values[row] = round(combineFloats(operator, round(a(row)), round(b(row))));
    return { kind: "number", length, nulls, values };
  }
  if (left.kind === "number" && right.kind === "number" && /^[-+*]$/.test(operator)) {
    return combineNarrow(operator, left.values, right.values, { type, nulls, length });
  }
  const bits = type.kind === "int" ? type.bits : 64;
  const isSigned = type.kind !== "int" || type.signed;
  const [minimum] = integerBounds(bits, isSigned);
  const [a, b] = [toBigInts(left), toBigInts(right)];
  const places = operator === "<<" || operator === ">>" ? BigInt(bits - 1) : -1n;
  return mapIntegers({ bits, isSigned, type }, length, { nulls, skipped }, (row) =>
    combine(operator, a(row), b(row) & places, minimum),
  );
}

/** `-x`; the smallest integer stays itself, as it wraps. */
export function evaluateNegative(vector: Vector, type: ValueType): Vector {
  const { length, nulls } = vector;
  if (vector.kind === "decimal") return { ...vector, values: vector.values.map((value) => -value) };
  if (type.kind === "int") {
    const read = toBigInts(vector);
    const width = { bits: type.bits, isSigned: type.signed, type };
    return mapIntegers(width, length, { nulls, skipped: nulls }, (row) => -read(row));
  }
  const values = createNumbers(type, length) as NumberArray;
  const read = toNumbers(vector);
  for (let row = 0; row < length; row++) values[row] = -read(row);
  return { kind: "number", length, nulls, values };
}

/** Integers of at most 32 bits: a double holds each sum exactly, and `imul` the low half of each product. */
function combineNarrow(
  operator: ArithmeticOperator,
  a: NumberArray,
  b: NumberArray,
  // Arrow's buffers may be longer than their column.
  { type, nulls, length }: { readonly type: ValueType; readonly nulls: Uint32Array | null; readonly length: number },
): Vector {
  const values = createNumbers(type, length);
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    const compute = (row: number) => combine(operator, BigInt(a[row]!), BigInt(b[row]!), 0n);
    for (let row = 0; row < length; row++) values[row] = compute(row);
    return toNumberVector(values, nulls);
  }
  if (operator === "+") for (let row = 0; row < length; row++) values[row] = a[row]! + b[row]!;
  else if (operator === "-") for (let row = 0; row < length; row++) values[row] = a[row]! - b[row]!;
  else for (let row = 0; row < length; row++) values[row] = Math.imul(a[row]!, b[row]!);
  return toNumberVector(values, nulls);
}

function mapIntegers(
  { bits, isSigned, type }: { readonly bits: number; readonly isSigned: boolean; readonly type: ValueType },
  length: number,
  { nulls, skipped }: { readonly nulls: Uint32Array | null; readonly skipped: Uint32Array | null },
  compute: (row: number) => bigint,
): Vector {
  const values = createNumbers(type, length);
  const isWide = values instanceof BigInt64Array || values instanceof BigUint64Array;
  const wrap = isSigned ? BigInt.asIntN : BigInt.asUintN;
  for (let row = 0; row < length; row++) {
    if (skipped !== null && hasBit(skipped, row)) continue;
    const value = wrap(bits, compute(row));
    if (isWide) values[row] = value;
    else values[row] = Number(value);
  }
  return toNumberVector(values, nulls);
}

function toNumbers(vector: Vector): (row: number) => number {
  if (vector.kind === "bigint") return (row) => Number(vector.values[row]);
  return vector.kind === "number" ? (row) => vector.values[row]! : () => 0;
}

function toBigInts(vector: Vector): (row: number) => bigint {
  if (vector.kind === "bigint") return (row) => vector.values[row]!;
  return vector.kind === "number" ? (row) => BigInt(vector.values[row]!) : () => 0n;
}
