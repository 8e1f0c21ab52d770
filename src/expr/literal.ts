import type { BoundLiteral, Value } from "./bound.ts";
import { createConverter } from "./cast-value.ts";
import { fitsPrecision, rescale } from "./decimal.ts";
import { roundToHalf } from "./half.ts";
import { parseText } from "./parse-text.ts";
import type { ScalarValue } from "./scalar-query.ts";
import { convertTicks, MILLISECONDS_PER_DAY } from "./temporal.ts";
import { toTicks } from "./to-number.ts";
import {
  FLOAT64,
  INT64,
  integerBounds,
  isSameType,
  type ListType,
  NULL_TYPE,
  timeBits,
  UINT64,
  type ValueType,
} from "./value-type.ts";

/** NULL of no particular type. */
export const NULL_LITERAL: BoundLiteral = { kind: "literal", type: NULL_TYPE, value: null };

/** Types a number as native does: int64, else uint64, else double. */
export function readNumber(text: string): BoundLiteral {
  if (/^-?\d+$/.test(text)) {
    const value = BigInt(text);
    if (fits(value, INT64)) return { kind: "literal", type: INT64, value };
    if (fits(value, UINT64)) return { kind: "literal", type: UINT64, value };
  }
  return { kind: "literal", type: FLOAT64, value: Number(text) };
}

/**
 * Converts a literal to a column's type without changing what it means; `undefined` where that cannot be done. Text
 * becomes a date or a timestamp when it reads as one; numbers with a fraction never become integers.
 */
export function coerceLiteral(literal: BoundLiteral, type: ValueType): Value | null | undefined {
  const { value, type: from } = literal;
  if (value === null) return null;
  if (isSameType(from, type)) return value;
  if (from.kind === "list" && type.kind === "list") return coerceList(literal, from.item, type);
  if (from.kind === "decimal" && type.kind === "decimal") return createConverter(from, type)?.(value);
  if (from.kind === "binary" && (type.kind === "binary" || type.kind === "fixedBinary")) {
    return createConverter(from, type)?.(value);
  }
  if (from.kind === "int") return coerceInteger(BigInt(value as bigint | number), type);
  if (from.kind === "float") return type.kind === "float" ? roundFloat(value as number, type.bits) : undefined;
  if (from.kind === "boolean" || from.kind === "utf8") {
    if (from.kind === type.kind) return value;
    const reads = type.kind === "date" || type.kind === "timestamp" || type.kind === "time";
    return from.kind === "utf8" && reads ? parseText(value as string, type) : undefined;
  }
  if (from.kind === "date" || from.kind === "timestamp") return coerceTemporal(value as number | bigint, from, type);
  return undefined;
}

function coerceInteger(value: bigint, type: ValueType): ScalarValue | undefined {
  if (type.kind === "float") return roundFloat(Number(value), type.bits);
  if (type.kind === "time" && timeBits(type.unit) === 32) return toTicks(value, type);
  if (type.kind === "decimal") return fitsPrecision(rescale(value, 0, type.scale), type);
  if (type.kind !== "int" || !fits(value, type)) return undefined;
  return type.bits === 64 ? value : Number(value);
}

function coerceTemporal(value: number | bigint, from: ValueType, type: ValueType): ScalarValue | undefined {
  if (from.kind === "timestamp") {
    return type.kind === "timestamp" ? inInt64(convertTicks(value as bigint, from.unit, type.unit)) : undefined;
  }
  if (from.kind !== "date") return undefined;
  const milliseconds = from.unit === "day" ? BigInt(value) * BigInt(MILLISECONDS_PER_DAY) : BigInt(value);
  if (type.kind === "date") return fromMilliseconds(milliseconds, type.unit);
  return type.kind === "timestamp" ? inInt64(convertTicks(milliseconds, "ms", type.unit)) : undefined;
}

function fromMilliseconds(milliseconds: bigint, unit: "day" | "ms"): ScalarValue {
  return unit === "ms" ? milliseconds : Math.floor(Number(milliseconds) / MILLISECONDS_PER_DAY);
}

function coerceList(literal: BoundLiteral, item: ValueType, type: ListType): Value | undefined {
  const items = literal.value as readonly (Value | null)[];
  if (typeof type.form === "number" && items.length !== type.form) return undefined;
  const values: (Value | null)[] = [];
  for (const value of items) {
    const coerced = coerceLiteral({ kind: "literal", type: item, value }, type.item);
    if (coerced === undefined) return undefined;
    values.push(coerced);
  }
  return values;
}

function roundFloat(value: number, bits: 16 | 32 | 64): number | undefined {
  if (bits === 64) return value;
  return bits === 32 ? Math.fround(value) : roundToHalf(value);
}

function fits(value: bigint, type: ValueType): boolean {
  if (type.kind !== "int") return false;
  const [minimum, maximum] = integerBounds(type.bits, type.signed);
  return value >= minimum && value <= maximum;
}

function inInt64(value: bigint): bigint | undefined {
  return fits(value, INT64) ? value : undefined;
}
