import type { BoundLiteral, Value } from "./bound.ts";
import { formatDate, MILLISECONDS_PER_DAY } from "./temporal.ts";
import { describeType, type ValueType } from "./value-type.ts";

/** A literal as native plans print it: `Int32(5)`, `Utf8("a")`, `TimestampMicrosecond(0, None)`. */
export function formatLiteral(literal: BoundLiteral): string {
  const { type, value } = literal;
  if (type.kind === "null") return "NULL";
  const name = describeType(type);
  if (value === null) return type.kind === "timestamp" ? `${name}(NULL, ${formatZone(type)})` : `${name}(NULL)`;
  if (type.kind === "utf8" || type.kind === "date") return `${name}("${formatScalar(value, type)}")`;
  if (type.kind === "timestamp") return `${name}(${value}, ${formatZone(type)})`;
  if (type.kind === "decimal") return `${name}(Some(${value}),${type.precision},${type.scale})`;
  if (type.kind === "binary") return `${name}("${formatScalar(value, type)}")`;
  if (type.kind === "fixedBinary") return `${name}(${type.width}, "${formatScalar(value, type)}")`;
  return `${name}(${formatScalar(value, type)})`;
}

/** A value alone, as index queries print it. */
export function formatScalar(value: Value, type: ValueType): string {
  if (type.kind === "date") {
    return formatDate(type.unit === "day" ? (value as number) : Math.floor(Number(value) / MILLISECONDS_PER_DAY));
  }
  if (Array.isArray(value) && type.kind === "list") {
    return `[${value.map((item) => (item === null ? "NULL" : formatScalar(item, type.item))).join(", ")}]`;
  }
  if (type.kind === "time") return `"${value}"`;
  if (type.kind === "float" && typeof value === "number") return formatFloat(value, type.bits);
  return String(value);
}

function formatZone(type: ValueType): string {
  return type.kind === "timestamp" && type.timezone !== null ? `Some("${type.timezone}")` : "None";
}

/** The shortest digits that read back as the same float, never with an exponent. */
export function formatFloat(value: number, bits: 16 | 32 | 64): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0" : "0";
  const [mantissa, exponent] = shortestDigits(value, bits).split("e");
  const sign = mantissa!.startsWith("-") ? "-" : "";
  const [whole, fraction = ""] = mantissa!.replace("-", "").split(".");
  const digits = whole! + fraction;
  const point = whole!.length + Number(exponent);
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (point >= digits.length) return sign + digits.padEnd(point, "0");
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}

function shortestDigits(value: number, bits: 16 | 32 | 64): string {
  if (bits !== 64) {
    for (let digits = 0; digits < 9; digits++) {
      const text = value.toExponential(digits);
      if (Math.fround(Number(text)) === value) return text;
    }
  }
  return value.toExponential();
}
