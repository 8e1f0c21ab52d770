import type { ScalarValue } from "./scalar-query.ts";
import { floorNanoseconds, MILLISECONDS_PER_DAY, parseDate, parseTime, parseTimestamp } from "./temporal.ts";
import { roundTo, toTicks } from "./to-number.ts";
import type { ValueType } from "./value-type.ts";

/** Text as a value of a type, as a cast reads it; `undefined` where it does not read. */
export function parseText(text: string, type: ValueType): ScalarValue | undefined {
  const trimmed = text.trim();
  switch (type.kind) {
    case "utf8":
      return text;
    case "int":
      return /^[+-]?\d+$/.test(trimmed) && trimmed.length < 40
        ? toTicks(BigInt(trimmed.replace(/^\+/, "")), type)
        : undefined;
    case "float":
      return parseFloatText(trimmed, type.bits);
    case "boolean":
      return /^(t|true|y|yes|on|1)$/i.test(trimmed)
        ? true
        : /^(f|false|n|no|off|0)$/i.test(trimmed)
          ? false
          : undefined;
    case "date":
      return parseDateText(trimmed, type.unit);
    case "timestamp": {
      const nanoseconds = parseTimestamp(trimmed);
      if (nanoseconds === undefined) return undefined;
      return toTicks(floorNanoseconds(nanoseconds, type.unit), type);
    }
    case "time": {
      const nanoseconds = parseTime(trimmed);
      if (nanoseconds === undefined) return undefined;
      return toTicks(floorNanoseconds(nanoseconds, type.unit), type);
    }
    default:
      return undefined;
  }
}

function parseDateText(text: string, unit: "day" | "ms"): ScalarValue | undefined {
  const days = parseDate(text);
  if (days !== undefined) return unit === "day" ? days : BigInt(days) * BigInt(MILLISECONDS_PER_DAY);
  const nanoseconds = parseTimestamp(text);
  if (nanoseconds === undefined) return undefined;
  const milliseconds = floorNanoseconds(nanoseconds, "ms");
  return unit === "ms" ? milliseconds : Math.floor(Number(milliseconds) / MILLISECONDS_PER_DAY);
}

function parseFloatText(text: string, bits: 16 | 32 | 64): number | undefined {
  if (/^[+-]?nan$/i.test(text)) return Number.NaN;
  const infinite = /^([+-]?)inf(?:inity)?$/i.exec(text);
  if (infinite !== null) return infinite[1] === "-" ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
  return /^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? roundTo(Number(text), bits) : undefined;
}
