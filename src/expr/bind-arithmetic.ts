import { LanceError } from "../errors.ts";
import type { ArithmeticOperator } from "./ast.ts";
import { type BoundExpression, type BoundLiteral, typeOf } from "./bound.ts";
import { combine } from "./integer-arithmetic.ts";
import { describeCastType, FLOAT32, FLOAT64, integerBounds, isSameType, type ValueType } from "./value-type.ts";

/** `left operator right` in the type both promote to. Integers wrap; a division by zero is an error where it happens. */
export function bindArithmetic(
  operator: ArithmeticOperator,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  const type = promote(typeOf(left), typeOf(right), operator);
  if (type === null || isNull(left) || isNull(right)) return { kind: "literal", type: type ?? FLOAT64, value: null };
  if (left.kind === "literal" && right.kind === "literal") return fold(operator, left, right, type);
  return { kind: "arithmetic", operator, left, right, type };
}

/** `-operand`. */
export function bindNegative(operand: BoundExpression): BoundExpression {
  const type = typeOf(operand);
  if (operand.kind === "literal" && operand.value === null) return operand;
  const isSigned = type.kind === "float" ? type.bits !== 16 : type.kind === "int" && type.signed;
  if (operand.kind === "literal" && isSigned) {
    if (typeof operand.value !== "bigint") return { ...operand, value: -(operand.value as number) };
    return { ...operand, value: BigInt.asIntN(64, -operand.value) };
  }
  if (!isSigned) throw arithmeticError("-", describeCastType(type), "a signed number");
  return { kind: "negative", operand, type };
}

/** @returns `null` when a side is NULL of no type */
function promote(a: ValueType, b: ValueType, operator: string): ValueType | null {
  if (a.kind === "null" || b.kind === "null") return null;
  const received = `${describeCastType(a)} ${operator} ${describeCastType(b)}`;
  const isHalf = (type: ValueType) => type.kind === "float" && type.bits === 16;
  const isNumber = (type: ValueType) => type.kind === "float" || type.kind === "int";
  if (!isNumber(a) || !isNumber(b) || isHalf(a) || isHalf(b)) throw arithmeticError(operator, received, "two numbers");
  if (isSameType(a, b)) return a;
  if (a.kind === "float" || b.kind === "float") {
    const isDouble = [a, b].some((type) => type.kind === "float" && type.bits === 64);
    return isDouble ? FLOAT64 : FLOAT32;
  }
  return promoteIntegers(a, b, operator, received);
}

function promoteIntegers(a: ValueType, b: ValueType, operator: string, received: string): ValueType {
  if (a.kind !== "int" || b.kind !== "int") throw arithmeticError(operator, received, "two integers");
  if (a.signed === b.signed) return a.bits >= b.bits ? a : b;
  const [signed, unsigned] = a.signed ? [a, b] : [b, a];
  if (signed.bits > unsigned.bits) return signed;
  const bits = { 8: 16, 16: 32, 32: 64, 64: null } as const;
  const wider = bits[unsigned.bits];
  if (wider === null) throw arithmeticError(operator, received, "integers of one sign, or at most 32 bits unsigned");
  return { kind: "int", bits: wider, signed: true };
}

function fold(operator: ArithmeticOperator, left: BoundLiteral, right: BoundLiteral, type: ValueType): BoundLiteral {
  if (type.kind === "int") {
    const [minimum] = integerBounds(type.bits, type.signed);
    const value = combine(operator, BigInt(left.value as number), BigInt(right.value as number), minimum);
    const wrapped = type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value);
    return { kind: "literal", type, value: type.bits === 64 ? wrapped : Number(wrapped) };
  }
  const [a, b] = [Number(left.value), Number(right.value)];
  const value = combineFloats(operator, a, b);
  return { kind: "literal", type, value: type.kind === "float" && type.bits === 32 ? Math.fround(value) : value };
}

/** IEEE arithmetic of doubles. */
export function combineFloats(operator: ArithmeticOperator, a: number, b: number): number {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "/":
      return a / b;
    case "%":
      return a % b;
  }
}

function isNull(node: BoundExpression): boolean {
  return node.kind === "literal" && node.value === null;
}

function arithmeticError(operator: string, received: string, expected: string): LanceError {
  return new LanceError("SCHEMA_MISMATCH", `filter: '${operator}' expects ${expected}, received ${received}`, {
    expected,
    received,
  });
}
