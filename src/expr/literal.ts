import { LanceError } from "../errors.ts";
import type { BoundLiteral } from "./bound.ts";
import { roundToHalf } from "./half.ts";
import type { ScalarValue } from "./scalar-query.ts";
import { convertTicks, floorNanoseconds, MILLISECONDS_PER_DAY, parseDate, parseTimestamp } from "./temporal.ts";
import { describeCastType, FLOAT64, INT64, integerBounds, NULL_TYPE, UINT64, type ValueType } from "./value-type.ts";

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
export function coerceLiteral(literal: BoundLiteral, type: ValueType): ScalarValue | null | undefined {
  const { value, type: from } = literal;
  if (value === null) return null;
  if (from.kind === "int") return coerceInteger(BigInt(value as bigint | number), type);
  if (from.kind === "float") return type.kind === "float" ? roundFloat(value as number, type.bits) : undefined;
  if (from.kind === "boolean" || from.kind === "utf8") {
    if (from.kind === type.kind) return value;
    return from.kind === "utf8" && (type.kind === "date" || type.kind === "timestamp")
      ? parseText(value as string, type)
      : undefined;
  }
  if (from.kind === "date" || from.kind === "timestamp") return coerceTemporal(value as number | bigint, from, type);
  return undefined;
}

/**
 * Evaluates `CAST(literal AS type)`.
 *
 * @throws INVALID_ARGUMENT when the value has no counterpart in the type; UNSUPPORTED when the cast itself is not known
 */
export function castLiteral(literal: BoundLiteral, type: ValueType): BoundLiteral {
  const { value, type: from } = literal;
  const make = (converted: ScalarValue | undefined): BoundLiteral => {
    if (converted === undefined) throw castError(value, type);
    return { kind: "literal", type, value: converted };
  };
  if (value === null) return { kind: "literal", type, value: null };
  if (from.kind === "utf8") return make(parseText(value as string, type));
  if (type.kind === "utf8" && (from.kind === "int" || from.kind === "boolean")) return make(String(value));
  if (from.kind === "float" && type.kind === "int") {
    const truncated = Math.trunc(value as number);
    return make(Number.isFinite(truncated) ? coerceInteger(BigInt(truncated), type) : undefined);
  }
  if (from.kind === "int" && type.kind === "boolean") return make(value !== 0 && value !== 0n);
  if (from.kind === "boolean" && type.kind === "int") return make(coerceInteger(value === true ? 1n : 0n, type));
  if (from.kind === "timestamp" && type.kind === "date") {
    const milliseconds = floorNanoseconds(convertTicks(value as bigint, from.unit, "ns"), "ms");
    return make(fromMilliseconds(milliseconds, type.unit));
  }
  const isKnown =
    from.kind === type.kind ||
    (from.kind === "int" && type.kind === "float") ||
    (from.kind === "date" && type.kind === "timestamp");
  if (!isKnown) {
    throw new LanceError("UNSUPPORTED", `filter: CAST from ${describeCastType(from)} to ${describeCastType(type)}`, {
      expected: "a cast between numbers, to or from text, or between dates and timestamps",
      received: `${describeCastType(from)} to ${describeCastType(type)}`,
    });
  }
  return make(coerceLiteral(literal, type) ?? undefined);
}

function coerceInteger(value: bigint, type: ValueType): ScalarValue | undefined {
  if (type.kind === "float") return roundFloat(Number(value), type.bits);
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

function parseText(text: string, type: ValueType): ScalarValue | undefined {
  const trimmed = text.trim();
  switch (type.kind) {
    case "utf8":
      return text;
    case "int":
      return /^[+-]?\d+$/.test(trimmed) ? coerceInteger(BigInt(trimmed.replace(/^\+/, "")), type) : undefined;
    case "float":
      return parseFloatText(trimmed, type.bits);
    case "boolean":
      return /^(t|true|y|yes|on|1)$/i.test(trimmed)
        ? true
        : /^(f|false|n|no|off|0)$/i.test(trimmed)
          ? false
          : undefined;
    case "date": {
      const days = parseDate(trimmed);
      if (days === undefined) {
        const nanoseconds = parseTimestamp(trimmed);
        return nanoseconds === undefined ? undefined : fromMilliseconds(floorNanoseconds(nanoseconds, "ms"), type.unit);
      }
      return type.unit === "day" ? days : BigInt(days) * BigInt(MILLISECONDS_PER_DAY);
    }
    case "timestamp": {
      const nanoseconds = parseTimestamp(trimmed);
      return nanoseconds === undefined ? undefined : inInt64(floorNanoseconds(nanoseconds, type.unit));
    }
    default:
      return undefined;
  }
}

function parseFloatText(text: string, bits: 16 | 32 | 64): number | undefined {
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? roundFloat(Number(text), bits) : undefined;
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

function castError(value: ScalarValue | null, type: ValueType): LanceError {
  const received = typeof value === "string" ? JSON.stringify(value) : String(value);
  return new LanceError("INVALID_ARGUMENT", `filter: ${received} is not a value of type ${describeCastType(type)}`, {
    expected: describeCastType(type),
    received,
  });
}
