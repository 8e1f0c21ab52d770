import { LanceError } from "../../errors.ts";
import type { Value } from "../bound.ts";
import { convertTicks, MILLISECONDS_PER_DAY } from "../temporal.ts";
import { FLOAT64, INT32, INT64, type TimeUnit, UTF8, type ValueType } from "../value-type.ts";
import { asText, type FunctionSpec, mapRows } from "./spec.ts";

const NANOS_PER_SECOND = 1_000_000_000n;
const NANOS_PER_DAY = 86_400n * NANOS_PER_SECOND;

/** A point in time, taken apart in UTC. */
interface Parts {
  readonly year: number;
  /** 1 to 12. */
  readonly month: number;
  readonly day: number;
  readonly daysSinceEpoch: number;
  readonly nanosOfDay: bigint;
  readonly nanoseconds: bigint;
}

function takeApart(nanoseconds: bigint): Parts {
  const nanosOfDay = ((nanoseconds % NANOS_PER_DAY) + NANOS_PER_DAY) % NANOS_PER_DAY;
  const daysSinceEpoch = Number((nanoseconds - nanosOfDay) / NANOS_PER_DAY);
  const date = new Date(daysSinceEpoch * MILLISECONDS_PER_DAY);
  return {
    year: date.getUTCFullYear(),
    month: date.getUTCMonth() + 1,
    day: date.getUTCDate(),
    daysSinceEpoch,
    nanosOfDay,
    nanoseconds,
  };
}

function toDays(year: number, month: number, day: number): number {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  return date.getTime() / MILLISECONDS_PER_DAY;
}

/** ISO 8601: the week of the year's first Thursday is the first. */
function weekOf(parts: Parts): { year: number; week: number } {
  const thursday = parts.daysSinceEpoch - ((((parts.daysSinceEpoch + 3) % 7) + 7) % 7) + 3;
  const year = new Date(thursday * MILLISECONDS_PER_DAY).getUTCFullYear();
  return { year, week: Math.floor((thursday - toDays(year, 1, 1)) / 7) + 1 };
}

const seconds = (parts: Parts) => parts.nanosOfDay % (60n * NANOS_PER_SECOND);

const PARTS: Readonly<Record<string, (parts: Parts) => number | bigint>> = {
  year: ({ year }) => year,
  isoyear: (parts) => weekOf(parts).year,
  quarter: ({ month }) => Math.ceil(month / 3),
  month: ({ month }) => month,
  week: (parts) => weekOf(parts).week,
  day: ({ day }) => day,
  hour: ({ nanosOfDay }) => Number(nanosOfDay / (3600n * NANOS_PER_SECOND)),
  minute: ({ nanosOfDay }) => Number((nanosOfDay / (60n * NANOS_PER_SECOND)) % 60n),
  second: (parts) => Number(seconds(parts) / NANOS_PER_SECOND),
  millisecond: (parts) => Number(seconds(parts) / 1_000_000n),
  microsecond: (parts) => Number(seconds(parts) / 1_000n),
  nanosecond: seconds,
  dow: ({ daysSinceEpoch }) => (((daysSinceEpoch + 4) % 7) + 7) % 7,
  isodow: ({ daysSinceEpoch }) => ((((daysSinceEpoch + 3) % 7) + 7) % 7) + 1,
  doy: ({ year, daysSinceEpoch }) => daysSinceEpoch - toDays(year, 1, 1) + 1,
  epoch: ({ nanoseconds }) => Number(nanoseconds) / 1e9,
};

/** Reads a value of a date, timestamp or time as nanoseconds. */
function toNanoseconds(value: Value, type: ValueType): bigint {
  if (type.kind === "date") {
    const milliseconds =
      type.unit === "day" ? BigInt(value as number) * BigInt(MILLISECONDS_PER_DAY) : (value as bigint);
    return convertTicks(milliseconds, "ms", "ns");
  }
  return convertTicks(BigInt(value as number | bigint), (type as { unit: TimeUnit }).unit, "ns");
}

function isPointInTime(type: ValueType | undefined): type is ValueType {
  return type?.kind === "date" || type?.kind === "timestamp" || type?.kind === "time";
}

function readUnit(value: Value | null | undefined, known: readonly string[], name: string): string {
  const unit = String(value).toLowerCase().replace(/s$/, "");
  if (known.includes(unit)) return unit;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `expression: ${name}() expects one of ${known.join(", ")}, received ${JSON.stringify(value)}`,
    {
      expected: known,
      received: String(value),
    },
  );
}

/** A part of a date, a timestamp (in UTC) or a time of day. */
const datePart: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "a part in quotes, and a date, timestamp or time",
  resolve: ([part, type], args) => {
    const [first] = args;
    if (asText(part) === undefined || first?.kind !== "literal" || !isPointInTime(type)) return undefined;
    const unit = readUnit(first.value as Value, Object.keys(PARTS), "date_part");
    const result = unit === "epoch" ? FLOAT64 : unit === "nanosecond" ? INT64 : INT32;
    return { parameters: [UTF8, type], result };
  },
  evaluate: mapRows(({ types }) => (unit, value) => {
    const read = PARTS[readUnit(unit, Object.keys(PARTS), "date_part")]!;
    return read(takeApart(toNanoseconds(value!, types[1]!)));
  }),
};

const UNITS = ["year", "quarter", "month", "week", "day", "hour", "minute", "second", "millisecond", "microsecond"];

const FIXED: Readonly<Record<string, bigint>> = {
  day: NANOS_PER_DAY,
  hour: 3600n * NANOS_PER_SECOND,
  minute: 60n * NANOS_PER_SECOND,
  second: NANOS_PER_SECOND,
  millisecond: 1_000_000n,
  microsecond: 1_000n,
};

/** The start of the year, month, … a timestamp is in; of a date, as a timestamp of nanoseconds. */
const dateTrunc: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "a unit in quotes, and a date or timestamp",
  resolve: ([part, type], args) => {
    const [first] = args;
    if (asText(part) === undefined || first?.kind !== "literal") return undefined;
    if (type?.kind !== "date" && type?.kind !== "timestamp") return undefined;
    readUnit(first.value as Value, UNITS, "date_trunc");
    const result: ValueType = type.kind === "timestamp" ? type : { kind: "timestamp", unit: "ns", timezone: null };
    return { parameters: [UTF8, result], result };
  },
  evaluate: mapRows(({ type }) => (unit, value) => {
    const nanoseconds = truncate(readUnit(unit, UNITS, "date_trunc"), toNanoseconds(value!, type));
    return convertTicks(nanoseconds, "ns", (type as { unit: TimeUnit }).unit);
  }),
};

function truncate(unit: string, nanoseconds: bigint): bigint {
  const step = FIXED[unit];
  if (step !== undefined) return nanoseconds - (((nanoseconds % step) + step) % step);
  const { year, month, daysSinceEpoch } = takeApart(nanoseconds);
  const days =
    unit === "week"
      ? daysSinceEpoch - ((((daysSinceEpoch + 3) % 7) + 7) % 7)
      : unit === "year"
        ? toDays(year, 1, 1)
        : toDays(year, unit === "month" ? month : Math.floor((month - 1) / 3) * 3 + 1, 1);
  return BigInt(days) * NANOS_PER_DAY;
}

/** Functions of dates and times. */
export const DATE_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  date_part: datePart,
  datepart: datePart,
  date_trunc: dateTrunc,
  datetrunc: dateTrunc,
};
