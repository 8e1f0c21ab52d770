import type { Value } from "./bound.ts";
import { decimalToNumber, fitsPrecision, formatDecimal, numberToDecimal, parseDecimal, rescale } from "./decimal.ts";
import { formatDuration, formatText, formatTime } from "./format-text.ts";
import { parseText } from "./parse-text.ts";
import { convertTicks, MILLISECONDS_PER_DAY } from "./temporal.ts";
import { roundTo, toInteger, toTicks } from "./to-number.ts";
import { type DecimalType, INT64, isSameType, type TimeUnit, timeBits, type ValueType } from "./value-type.ts";

type Items = readonly (Value | null)[];
type IntegerType = Extract<ValueType, { kind: "int" }>;
type TemporalType = Extract<ValueType, { kind: "date" | "timestamp" | "time" | "duration" }>;

/** Converts one value that is not NULL; `undefined` where it has no counterpart in the other type. */
export type Converter = (value: Value) => Value | undefined;

/**
 * How `CAST` turns values of one type into another, as Arrow's kernels do; `undefined` where there is no such cast.
 * Integers out of range, floats that are not finite to integers and text that does not read have no counterpart; floats
 * are cut towards zero, decimals round half away from zero to a coarser scale.
 */
export function createConverter(from: ValueType, to: ValueType): Converter | undefined {
  if (isSameType(from, to)) return (value) => value;
  switch (from.kind) {
    case "null":
      return (value) => value;
    case "utf8":
      return fromText(to);
    case "boolean":
      if (to.kind === "int") return (value) => toInteger(value === true ? 1n : 0n, to);
      if (to.kind === "float") return (value) => (value === true ? 1 : 0);
      return to.kind === "utf8" ? String : undefined;
    case "int":
      return fromInteger(from, to);
    case "float":
      return fromFloat(from.bits, to);
    case "decimal":
      return fromDecimal(from, to);
    case "date":
    case "timestamp":
    case "time":
    case "duration":
      return fromTemporal(from, to);
    case "binary":
    case "fixedBinary":
      return fromBytes(to);
    case "list":
      return fromList(from.item, to);
    default:
      return undefined;
  }
}

function fromText(to: ValueType): Converter | undefined {
  if (to.kind === "utf8") return (value) => value;
  if (to.kind === "binary") return (value) => new TextEncoder().encode(value as string);
  if (to.kind === "decimal") return (value) => parseDecimal((value as string).trim(), to);
  const isKnown = ["int", "float", "boolean", "date", "timestamp", "time"].includes(to.kind);
  return isKnown ? (value) => parseText(value as string, to) : undefined;
}

function fromInteger(from: IntegerType, to: ValueType): Converter | undefined {
  switch (to.kind) {
    case "date":
    case "time": {
      const isKnown = from.signed && (to.kind === "date" ? from.bits >= 32 : from.bits === timeBits(to.unit));
      return isKnown ? (value) => toTicks(BigInt(value as number | bigint), to) : undefined;
    }
    case "binary":
      return (value) => writeInteger(BigInt(value as number | bigint), from.bits);
    case "int":
    case "timestamp":
    case "duration":
      return (value) => toTicks(BigInt(value as number | bigint), to);
    case "float":
      return (value) => roundTo(Number(value), to.bits);
    case "boolean":
      return (value) => value !== 0 && value !== 0n;
    case "utf8":
      return String;
    case "decimal":
      return (value) => fitsPrecision(rescale(BigInt(value as number | bigint), 0, to.scale), to);
    default:
      return undefined;
  }
}

function fromFloat(bits: 16 | 32 | 64, to: ValueType): Converter | undefined {
  switch (to.kind) {
    case "float":
      return (value) => roundTo(value as number, to.bits);
    case "int":
    case "timestamp":
    case "duration":
      return (value) => {
        const truncated = Math.trunc(value as number);
        return Number.isFinite(truncated) ? toTicks(BigInt(truncated), to) : undefined;
      };
    case "boolean":
      return (value) => value !== 0;
    case "utf8":
      return (value) => formatText(value, { kind: "float", bits });
    case "decimal":
      return bits === 16 ? undefined : (value) => numberToDecimal(value as number, to);
    default:
      return undefined;
  }
}

function fromDecimal(from: DecimalType, to: ValueType): Converter | undefined {
  switch (to.kind) {
    case "decimal":
      return (value) => fitsPrecision(rescale(value as bigint, from.scale, to.scale), to);
    case "int":
    case "timestamp":
    case "duration":
      // Towards zero, unlike a coarser decimal.
      return (value) =>
        toTicks(
          from.scale >= 0
            ? (value as bigint) / 10n ** BigInt(from.scale)
            : (value as bigint) * 10n ** BigInt(-from.scale),
          to,
        );
    case "float":
      return (value) => roundTo(decimalToNumber(value as bigint, from.scale), to.bits);
    case "utf8":
      return (value) => formatDecimal(value as bigint, from.scale);
    default:
      return undefined;
  }
}

function fromTemporal(from: TemporalType, to: ValueType): Converter | undefined {
  if (to.kind === "utf8") {
    if (from.kind === "time") return (value) => formatTime(BigInt(value as number), from.unit);
    if (from.kind === "duration") return (value) => formatDuration(value as bigint, from.unit);
    return (value) => formatText(value, from);
  }
  if (to.kind === "int" || to.kind === "float" || to.kind === "decimal") return fromTicks(from, to);
  const unit = from.kind === "date" ? "ms" : from.unit;
  const ticksOf =
    from.kind === "date" && from.unit === "day"
      ? (value: Value) => BigInt(value as number) * BigInt(MILLISECONDS_PER_DAY)
      : (value: Value) => BigInt(value as number | bigint);
  switch (to.kind) {
    case "timestamp":
      if (from.kind !== "date" && from.kind !== "timestamp") return undefined;
      return (value) => toTicks(convertTicks(ticksOf(value), unit, to.unit), to);
    case "date":
      if (from.kind !== "date" && from.kind !== "timestamp") return undefined;
      return (value) => toDate(ticksOf(value), unit, to);
    case "time": {
      if (from.kind === "time") return (value) => toTicks(convertTicks(ticksOf(value), unit, to.unit), to);
      if (from.kind !== "timestamp") return undefined;
      return (value) => toTicks(convertTicks(timeOfDay(ticksOf(value), unit), unit, to.unit), to);
    }
    case "duration":
      if (from.kind !== "duration") return undefined;
      return (value) => toTicks(convertTicks(ticksOf(value), unit, to.unit), to);
    default:
      return undefined;
  }
}

/** The number of ticks: of timestamps and durations as any number, of dates and times as an integer that is wide enough. */
function fromTicks(
  from: TemporalType,
  to: Extract<ValueType, { kind: "int" | "float" | "decimal" }>,
): Converter | undefined {
  const convert = createConverter(INT64, to);
  if (from.kind !== "timestamp" && from.kind !== "duration") {
    const bits = from.kind === "time" ? timeBits(from.unit) : 32;
    if (to.kind !== "int" || !to.signed || to.bits < bits) return undefined;
  }
  return convert && ((value) => convert(BigInt(value as number | bigint)));
}

/** Little-endian, as Arrow lays an integer out. */
function writeInteger(value: bigint, bits: number): Uint8Array {
  return Uint8Array.from({ length: bits / 8 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
}

function fromBytes(to: ValueType): Converter | undefined {
  if (to.kind === "binary") return (value) => value;
  if (to.kind === "fixedBinary") return (value) => ((value as Uint8Array).length === to.width ? value : undefined);
  if (to.kind !== "utf8") return undefined;
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  return (value) => {
    try {
      return decoder.decode(value as Uint8Array);
    } catch {
      return undefined;
    }
  };
}

function fromList(item: ValueType, to: ValueType): Converter | undefined {
  if (to.kind === "utf8") {
    const format = createConverter(item, to);
    return format && ((value) => `[${(value as Items).map((one) => (one === null ? "" : format(one))).join(", ")}]`);
  }
  if (to.kind !== "list") return undefined;
  const convert = createConverter(item, to.item);
  if (convert === undefined) return undefined;
  return (value) => {
    const values = value as Items;
    if (typeof to.form === "number" && values.length !== to.form) return undefined;
    const converted: (Value | null)[] = [];
    for (const one of values) {
      const result = one === null ? null : convert(one);
      if (result === undefined) return undefined;
      converted.push(result);
    }
    return converted;
  };
}

function toDate(ticks: bigint, unit: TimeUnit, to: Extract<ValueType, { kind: "date" }>): Value {
  const milliseconds = convertTicks(ticks, unit, "ms");
  const floored = convertTicks(milliseconds, "ms", unit) > ticks ? milliseconds - 1n : milliseconds;
  return to.unit === "ms" ? floored : Math.floor(Number(floored) / MILLISECONDS_PER_DAY);
}

function timeOfDay(ticks: bigint, unit: TimeUnit): bigint {
  const day = convertTicks(BigInt(MILLISECONDS_PER_DAY), "ms", unit);
  return ((ticks % day) + day) % day;
}
