import { LanceError } from "../errors.ts";
import type { ArithmeticOperator } from "./ast.ts";
import { makeCast } from "./bind-cast.ts";
import { type BoundExpression, type BoundLiteral, typeOf } from "./bound.ts";
import { finer } from "./common-type.ts";
import { combineDecimals, promoteDecimals } from "./decimal-arithmetic.ts";
import { roundHalf } from "./half.ts";
import { combine } from "./integer-arithmetic.ts";
import {
  type DecimalType,
  describeCastType,
  FLOAT32,
  FLOAT64,
  INT64,
  integerBounds,
  isSameType,
  type ValueType,
} from "./value-type.ts";

const DATE: ValueType = { kind: "date", unit: "day" };

/** `left operator right` in the type both promote to. Integers wrap; a division by zero is an error where it happens. */
export function bindArithmetic(
  operator: ArithmeticOperator,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  const [a, b] = [typeOf(left), typeOf(right)];
  if (isNull(left) || isNull(right) || a.kind === "null" || b.kind === "null") {
    return { kind: "literal", type: a.kind !== "null" ? a : b.kind !== "null" ? b : INT64, value: null };
  }
  if (operator === "<<" || operator === ">>") return bindShift(operator, left, right);
  const temporal = bindTemporal(operator, left, right);
  if (temporal !== null) return temporal;
  const decimals = toDecimals(a, b);
  if (decimals !== null) {
    const type = promoteDecimals(operator, ...decimals);
    const [x, y] = [makeCast(left, decimals[0]), makeCast(right, decimals[1])];
    return fold({ kind: "arithmetic", operator, left: x, right: y, type });
  }
  const type = promote(a, b, operator);
  const widen = (node: BoundExpression) => (typeOf(node).kind === "decimal" ? makeCast(node, type) : node);
  return fold({ kind: "arithmetic", operator, left: widen(left), right: widen(right), type });
}

/** `-operand`. */
export function bindNegative(operand: BoundExpression): BoundExpression {
  const type = typeOf(operand);
  if (operand.kind === "literal" && operand.value === null) return operand;
  const isSigned = type.kind === "float" || type.kind === "decimal" || (type.kind === "int" && type.signed);
  if (!isSigned) throw arithmeticError("-", describeCastType(type), "a signed number");
  if (operand.kind !== "literal") return { kind: "negative", operand, type };
  if (typeof operand.value !== "bigint") return { ...operand, value: -(operand.value as number) };
  return { ...operand, value: type.kind === "decimal" ? -operand.value : BigInt.asIntN(64, -operand.value) };
}

/** Both in one integer type; the number of places counts modulo its bits. */
function bindShift(operator: "<<" | ">>", left: BoundExpression, right: BoundExpression): BoundExpression {
  const [a, b] = [typeOf(left), typeOf(right)];
  if (a.kind !== "int" || b.kind !== "int" || toDecimals(a, b) !== null) {
    throw arithmeticError(operator, `${describeCastType(a)} ${operator} ${describeCastType(b)}`, "two integers");
  }
  const type = promote(a, b, operator);
  return fold({ kind: "arithmetic", operator, left: makeCast(left, type), right: makeCast(right, type), type });
}

/** Decimals of both sides, where one is a decimal, or where one integer type cannot hold both. */
function toDecimals(a: ValueType, b: ValueType): [DecimalType, DecimalType] | null {
  const [x, y] = [toDecimal(a, b), toDecimal(b, a)];
  if (a.kind === "decimal" || b.kind === "decimal") return x !== null && y !== null ? [x, y] : null;
  const isMixed = a.kind === "int" && b.kind === "int" && a.signed !== b.signed && (a.signed ? b : a).bits === 64;
  return isMixed ? [x!, y!] : null;
}

function toDecimal(type: ValueType, other: ValueType): DecimalType | null {
  const bits = other.kind === "decimal" ? other.bits : 128;
  if (type.kind === "decimal") return type;
  if (type.kind !== "int") return null;
  const precision = type.bits === 64 ? 20 : { 8: 3, 16: 5, 32: 10 }[type.bits];
  return { kind: "decimal", bits, precision, scale: 0 };
}

function promote(a: ValueType, b: ValueType, operator: string): ValueType {
  const received = `${describeCastType(a)} ${operator} ${describeCastType(b)}`;
  if (a.kind === "decimal" || b.kind === "decimal") {
    const float = a.kind === "float" ? a : b;
    if (float.kind === "float") return float;
  }
  const isNumber = (type: ValueType) => type.kind === "float" || type.kind === "int";
  if (!isNumber(a) || !isNumber(b)) throw arithmeticError(operator, received, "two numbers");
  if (isSameType(a, b)) return a;
  if (a.kind === "float" || b.kind === "float") {
    const bits = Math.max(...[a, b].map((type) => (type.kind === "float" ? type.bits : 0)));
    return bits === 64 ? FLOAT64 : bits === 32 ? FLOAT32 : { kind: "float", bits: 16 };
  }
  if (a.kind !== "int" || b.kind !== "int") throw arithmeticError(operator, received, "two numbers");
  if (a.signed === b.signed) return a.bits >= b.bits ? a : b;
  const [signed, unsigned] = a.signed ? [a, b] : [b, a];
  if (signed.bits > unsigned.bits) return signed;
  return { kind: "int", bits: ({ 8: 16, 16: 32, 32: 64, 64: 64 } as const)[unsigned.bits], signed: true };
}

/** Differences of dates and timestamps, and durations added to them. */
function bindTemporal(
  operator: ArithmeticOperator,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression | null {
  const [a, b] = [typeOf(left), typeOf(right)];
  const isTemporal = (type: ValueType) => type.kind === "date" || type.kind === "timestamp" || type.kind === "duration";
  if ((operator !== "+" && operator !== "-") || !isTemporal(a) || !isTemporal(b)) return null;
  const make = (x: ValueType, y: ValueType, type: ValueType): BoundExpression => {
    return { kind: "arithmetic", operator, left: makeCast(left, x), right: makeCast(right, y), type };
  };
  if (a.kind === "duration" && b.kind === "duration") {
    const type: ValueType = { kind: "duration", unit: finer(a.unit, b.unit) };
    return make(type, type, type);
  }
  if (a.kind === "timestamp" && b.kind === "duration") {
    const unit = finer(a.unit, b.unit);
    return make({ ...a, unit }, { ...b, unit }, { ...a, unit });
  }
  if (a.kind === "duration" && b.kind === "timestamp" && operator === "+") return bindTemporal("+", right, left);
  if (operator === "+" || a.kind === "duration" || b.kind === "duration") return null;
  if (a.kind === "date" && b.kind === "date") {
    const [x, y] = [makeCast(makeCast(left, DATE), INT64), makeCast(makeCast(right, DATE), INT64)];
    return { kind: "arithmetic", operator, left: x, right: y, type: INT64 };
  }
  const unit = a.kind === "timestamp" && b.kind === "timestamp" ? finer(a.unit, b.unit) : "ns";
  const type: ValueType = { kind: "timestamp", unit, timezone: null };
  return make(type, type, { kind: "duration", unit });
}

function fold(node: Extract<BoundExpression, { kind: "arithmetic" }>): BoundExpression {
  const { operator, left, right, type } = node;
  if (left.kind !== "literal" || right.kind !== "literal") return node;
  return { kind: "literal", type, value: combineLiterals(operator, left, right, type) };
}

function combineLiterals(operator: ArithmeticOperator, left: BoundLiteral, right: BoundLiteral, type: ValueType) {
  if (type.kind === "decimal" && left.type.kind === "decimal" && right.type.kind === "decimal") {
    return combineDecimals(operator, [left.value as bigint, left.type], [right.value as bigint, right.type], type);
  }
  if (type.kind === "int") {
    const [minimum] = integerBounds(type.bits, type.signed);
    const places = operator === "<<" || operator === ">>" ? BigInt(type.bits - 1) : -1n;
    const value = combine(operator, BigInt(left.value as number), BigInt(right.value as number) & places, minimum);
    const wrapped = type.signed ? BigInt.asIntN(type.bits, value) : BigInt.asUintN(type.bits, value);
    return type.bits === 64 ? wrapped : Number(wrapped);
  }
  const value = combineFloats(operator, Number(left.value), Number(right.value));
  if (type.kind !== "float" || type.bits === 64) return value;
  return type.bits === 32 ? Math.fround(value) : roundHalf(value);
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
    default:
      return Number.NaN;
  }
}

function isNull(node: BoundExpression): boolean {
  return node.kind === "literal" && node.value === null;
}

function arithmeticError(operator: string, received: string, expected: string): LanceError {
  return new LanceError("SCHEMA_MISMATCH", `expression: '${operator}' expects ${expected}, received ${received}`, {
    expected,
    received,
  });
}
