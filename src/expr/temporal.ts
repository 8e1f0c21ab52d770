import { TICKS_PER_SECOND, type TimeUnit } from "./value-type.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
const DATE = /^([+-]?\d{4,6})-(\d{1,2})-(\d{1,2})$/;
const TIMESTAMP =
  /^(\d{4})-(\d{2})-(\d{2})(?:[T ](\d{2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?\s*(?:(Z|z|UTC)|([+-])(\d{2}):?(\d{2})?)?)?$/;

/** Milliseconds in a day. */
export const MILLISECONDS_PER_DAY = 86_400_000;

/** Days since 1970-01-01 of `YYYY-MM-DD` (proleptic Gregorian), or `undefined` when it names no day. */
export function parseDate(text: string): number | undefined {
  const match = DATE.exec(text.trim());
  if (match === null) return undefined;
  return countDays(Number(match[1]), Number(match[2]), Number(match[3]));
}

/** Nanoseconds since 1970-01-01T00:00:00Z of `YYYY-MM-DD[( |T)hh:mm[:ss[.f]][Z|±hh[:mm]]]`; UTC where no zone is given. */
export function parseTimestamp(text: string): bigint | undefined {
  const match = TIMESTAMP.exec(text.trim());
  if (match === null) return undefined;
  const days = countDays(Number(match[1]), Number(match[2]), Number(match[3]));
  const [hour, minute, second] = [Number(match[4] ?? 0), Number(match[5] ?? 0), Number(match[6] ?? 0)];
  if (days === undefined || hour > 23 || minute > 59 || second > 59) return undefined;
  const offsetMinutes = Number(match[10] ?? 0) * 60 + Number(match[11] ?? 0);
  if (offsetMinutes >= 24 * 60) return undefined;
  const seconds =
    days * 86_400 + hour * 3_600 + minute * 60 + second - (match[9] === "-" ? -1 : 1) * offsetMinutes * 60;
  return BigInt(seconds) * NANOS_PER_SECOND + BigInt((match[7] ?? "").padEnd(9, "0"));
}

/** Nanoseconds since midnight of `hh:mm[:ss[.f]]`. */
export function parseTime(text: string): bigint | undefined {
  const match = /^(\d{1,2}):(\d{2})(?::(\d{2})(?:\.(\d{1,9}))?)?$/.exec(text);
  if (match === null) return undefined;
  const [hour, minute, second] = [Number(match[1]), Number(match[2]), Number(match[3] ?? 0)];
  if (hour > 23 || minute > 59 || second > 59) return undefined;
  return BigInt(hour * 3600 + minute * 60 + second) * NANOS_PER_SECOND + BigInt((match[4] ?? "").padEnd(9, "0"));
}

/** Nanoseconds → ticks of `unit`, rounded down as a text is read. */
export function floorNanoseconds(nanoseconds: bigint, unit: TimeUnit): bigint {
  const divisor = NANOS_PER_SECOND / TICKS_PER_SECOND[unit];
  const quotient = nanoseconds / divisor;
  return nanoseconds % divisor < 0n ? quotient - 1n : quotient;
}

/** Ticks of one unit → ticks of another; a coarser unit drops the rest towards zero, as native does. */
export function convertTicks(ticks: bigint, from: TimeUnit, to: TimeUnit): bigint {
  const [numerator, denominator] = [TICKS_PER_SECOND[to], TICKS_PER_SECOND[from]];
  return numerator >= denominator ? ticks * (numerator / denominator) : ticks / (denominator / numerator);
}

/** `YYYY-MM-DD` of days since 1970-01-01. */
export function formatDate(days: number): string {
  const date = new Date(days * MILLISECONDS_PER_DAY);
  if (Number.isNaN(date.getTime())) return String(days);
  return date.toISOString().replace(/T.*$/, "");
}

function countDays(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  return isReal ? date.getTime() / MILLISECONDS_PER_DAY : undefined;
}
