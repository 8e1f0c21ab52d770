import { LanceError } from "../errors.ts";
import { type BoundExpression, type BoundLiteral, typeOf } from "./bound.ts";
import { createConverter } from "./cast-value.ts";
import { createCastError } from "./compile/cast.ts";
import { describeCastType, isSameType, type ValueType } from "./value-type.ts";

/**
 * `CAST(operand AS type)`, or TRY_CAST where `safe`. A literal is converted at once.
 *
 * @throws INVALID_ARGUMENT when there is no such cast, or a literal has no counterpart
 */
export function bindCast(operand: BoundExpression, type: ValueType, safe: boolean): BoundExpression {
  if (operand.kind === "constant") {
    return bindCast({ kind: "literal", type: { kind: "boolean" }, value: operand.value }, type, safe);
  }
  // A dictionary has the type of its values, and is unpacked when its cast is computed.
  const isPacked =
    (operand.kind === "column" || operand.kind === "field") && operand.field.logicalType.startsWith("dict:");
  if (isPacked && isSameType(operand.type, type)) return { kind: "cast", operand, type, safe };
  const cast = makeCast(operand, type, safe);
  return cast.kind === "literal" ? { ...cast, explicit: true } : cast;
}

/** A cast an operator asks for by itself. @throws as {@link bindCast} */
export function makeCast(operand: BoundExpression, type: ValueType, safe = false): BoundExpression {
  const from = typeOf(operand);
  if (isSameType(from, type)) return operand;
  const convert = createConverter(from, type);
  if (convert === undefined) {
    const received = `${describeCastType(from)} to ${describeCastType(type)}`;
    throw new LanceError("INVALID_ARGUMENT", `expression: there is no CAST from ${received}`, {
      expected: "a cast between numbers, to or from text, or between dates and times",
      received,
    });
  }
  if (operand.kind !== "literal") return { kind: "cast", operand, type, safe };
  return castLiteral(operand, type, safe);
}

function castLiteral({ value, type: from }: BoundLiteral, type: ValueType, safe: boolean): BoundLiteral {
  if (value === null) return { kind: "literal", type, value: null };
  const converted = createConverter(from, type)?.(value);
  if (converted === undefined && !safe) throw createCastError(value, from, type);
  return { kind: "literal", type, value: converted ?? null };
}
