import type { Value } from "./bound.ts";
import { formatFloat } from "./format-literal.ts";
import { convertTicks, formatDate, MILLISECONDS_PER_DAY } from "./temporal.ts";
import { TICKS_PER_SECOND, type TimeUnit, type ValueType } from "./value-type.ts";

/** A value as a cast to text writes it. */
export function formatText(value: Value, type: ValueType): string {
  switch (type.kind) {
    case "float":
      return type.bits === 16 ? formatFloat(value as number, 16) : formatScientific(value as number, type.bits);
    case "date":
      return type.unit === "day" ? formatDate(value as number) : formatTimestamp(value as bigint, "ms", null);
    case "timestamp":
      return formatTimestamp(value as bigint, type.unit, type.timezone);
    default:
      return String(value);
  }
}

/** `hh:mm:ss[.fff]`. */
export function formatTime(ticks: bigint, unit: TimeUnit): string {
  const perSecond = TICKS_PER_SECOND[unit];
  const seconds = Number(ticks / perSecond);
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":") + formatFraction(ticks % perSecond, unit);
}

/** `1 days 2 hours 3 mins 4.005 secs`, as Arrow writes a duration. */
export function formatDuration(ticks: bigint, unit: TimeUnit): string {
  const perSecond = TICKS_PER_SECOND[unit];
  const seconds = ticks / perSecond;
  const rest = ticks % perSecond;
  const [days, hours] = [seconds / 86_400n, (seconds / 3600n) % 24n];
  const minutes = (seconds / 60n) % 60n;
  const sign = seconds === 0n && rest < 0n ? "-" : "";
  const fraction = unit === "s" ? "" : `.${String(rest < 0n ? -rest : rest).padStart(digitsOf(unit), "0")}`;
  return `${days} days ${hours} hours ${minutes} mins ${sign}${seconds % 60n}${fraction} secs`;
}

function formatTimestamp(ticks: bigint, unit: TimeUnit, timezone: string | null): string {
  const perDay = convertTicks(BigInt(MILLISECONDS_PER_DAY), "ms", unit);
  const ofDay = ((ticks % perDay) + perDay) % perDay;
  const text = `${formatDate(Number((ticks - ofDay) / perDay))}T${formatTime(ofDay, unit)}`;
  return timezone === null ? text : `${text}Z`;
}

/** Milli-, micro- or nanoseconds, as few groups of three as hold them; nothing for zero. */
function formatFraction(ticks: bigint, unit: TimeUnit): string {
  if (ticks === 0n) return "";
  const digits = String(ticks).padStart(digitsOf(unit), "0");
  return `.${digits.replace(/(?:000)+$/, "")}`;
}

function digitsOf(unit: TimeUnit): number {
  return { s: 0, ms: 3, us: 6, ns: 9 }[unit];
}

/** The shortest digits that read back as the same float: `1.0`, `0.1`, `1e16`. */
function formatScientific(value: number, bits: 32 | 64): string {
  if (Number.isNaN(value)) return "NaN";
  if (!Number.isFinite(value)) return value > 0 ? "inf" : "-inf";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const text = bits === 64 ? value.toExponential() : shortestSingle(value);
  const [mantissa, power] = text.split("e");
  const exponent = Number(power);
  const sign = mantissa!.startsWith("-") ? "-" : "";
  const digits = mantissa!.replace(/[-.]/g, "");
  if (exponent < -5 || exponent >= 16) {
    return `${sign}${digits[0]}${digits.length > 1 ? `.${digits.slice(1)}` : ""}e${exponent}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  return `${sign}${whole}.${digits.slice(exponent + 1) || "0"}`;
}

function shortestSingle(value: number): string {
  for (let digits = 0; digits < 9; digits++) {
    const text = value.toExponential(digits);
    if (Math.fround(Number(text)) === value) return text;
  }
  return value.toExponential();
}
