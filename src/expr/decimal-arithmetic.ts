import { LanceError } from "../errors.ts";
import type { ArithmeticOperator } from "./ast.ts";
import { formatDecimal, rescale } from "./decimal.ts";
import type { DecimalType } from "./value-type.ts";

const MAX_PRECISION = { 128: 38, 256: 76 } as const;

/** The type of an operation on two decimals, as Arrow's arithmetic has it. */
export function promoteDecimals(operator: ArithmeticOperator, a: DecimalType, b: DecimalType): DecimalType {
  const bits = a.bits === 256 || b.bits === 256 ? 256 : 128;
  const most = MAX_PRECISION[bits];
  const whole = (type: DecimalType) => type.precision - type.scale;
  switch (operator) {
    case "*": {
      const scale = a.scale + b.scale;
      return { kind: "decimal", bits, precision: Math.min(most, a.precision + b.precision + 1), scale };
    }
    case "/": {
      const scale = Math.min(most, a.scale + 4);
      return { kind: "decimal", bits, precision: Math.min(most, a.precision + scale - a.scale + b.scale), scale };
    }
    case "%": {
      const scale = Math.max(a.scale, b.scale);
      return { kind: "decimal", bits, precision: Math.min(most, Math.min(whole(a), whole(b)) + scale), scale };
    }
    default: {
      const scale = Math.max(a.scale, b.scale);
      return { kind: "decimal", bits, precision: Math.min(most, Math.max(whole(a), whole(b)) + scale + 1), scale };
    }
  }
}

/**
 * An operation on two unscaled decimals.
 * @throws INVALID_ARGUMENT on a division by zero, or a result beyond the type's bits
 */
export function combineDecimals(
  operator: ArithmeticOperator,
  [a, aType]: readonly [bigint, DecimalType],
  [b, bType]: readonly [bigint, DecimalType],
  type: DecimalType,
): bigint {
  const value = compute(operator, [a, aType.scale], [b, bType.scale], type.scale);
  if (BigInt.asIntN(type.bits, value) === value) return value;
  throw new LanceError("INVALID_ARGUMENT", `${formatDecimal(value, type.scale)} is beyond ${type.bits} bits`, {});
}

function compute(
  operator: ArithmeticOperator,
  [a, aScale]: readonly [bigint, number],
  [b, bScale]: readonly [bigint, number],
  scale: number,
): bigint {
  if (operator === "*") return a * b;
  if ((operator === "/" || operator === "%") && b === 0n) {
    throw new LanceError("INVALID_ARGUMENT", `division by zero in ${formatDecimal(a, aScale)} ${operator} 0`, {});
  }
  if (operator === "/") {
    const power = scale - aScale + bScale;
    return power >= 0 ? (a * 10n ** BigInt(power)) / b : a / (b * 10n ** BigInt(-power));
  }
  const [x, y] = [rescale(a, aScale, scale), rescale(b, bScale, scale)];
  if (operator === "%") return x % y;
  return operator === "+" ? x + y : x - y;
}
