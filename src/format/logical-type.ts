import { LanceError } from "../errors.ts";

/** A logical type string, taken apart (FORMAT.md section 1.3). */
export type LogicalType =
  | { readonly kind: "null" | "bool" | "string" | "large_string" | "binary" | "large_binary" | "json" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: "float"; readonly bits: 16 | 32 | 64 }
  | { readonly kind: "bfloat16" }
  | { readonly kind: "fixed_size_binary"; readonly byteWidth: number }
  | { readonly kind: "date"; readonly unit: "day" | "ms" }
  | { readonly kind: "time" | "duration"; readonly bits: 32 | 64; readonly unit: TimeUnitName }
  | { readonly kind: "timestamp"; readonly unit: TimeUnitName; readonly timezone: string | null }
  | { readonly kind: "decimal"; readonly bits: 128 | 256; readonly precision: number; readonly scale: number }
  | { readonly kind: "fixed_size_list"; readonly item: LogicalType; readonly size: number }
  | { readonly kind: "dictionary"; readonly value: LogicalType; readonly index: LogicalType }
  | { readonly kind: "struct" | "map" | "blob" }
  | { readonly kind: "list" | "large_list" };

/** The units of times, coarsest first: each stands where Arrow's number for it is. */
export const TIME_UNITS = ["s", "ms", "us", "ns"] as const;

/** What a time, a duration or a timestamp counts. */
export type TimeUnitName = (typeof TIME_UNITS)[number];

const SIMPLE: Readonly<Record<string, LogicalType>> = {
  null: { kind: "null" },
  bool: { kind: "bool" },
  int8: { kind: "int", bits: 8, signed: true },
  uint8: { kind: "int", bits: 8, signed: false },
  int16: { kind: "int", bits: 16, signed: true },
  uint16: { kind: "int", bits: 16, signed: false },
  int32: { kind: "int", bits: 32, signed: true },
  uint32: { kind: "int", bits: 32, signed: false },
  int64: { kind: "int", bits: 64, signed: true },
  uint64: { kind: "int", bits: 64, signed: false },
  halffloat: { kind: "float", bits: 16 },
  float: { kind: "float", bits: 32 },
  double: { kind: "float", bits: 64 },
  "lance.bfloat16": { kind: "bfloat16" },
  string: { kind: "string" },
  large_string: { kind: "large_string" },
  binary: { kind: "binary" },
  large_binary: { kind: "large_binary" },
  json: { kind: "json" },
  blob: { kind: "blob" },
  "date32:day": { kind: "date", unit: "day" },
  "date64:ms": { kind: "date", unit: "ms" },
  struct: { kind: "struct" },
  map: { kind: "map" },
  list: { kind: "list" },
  "list.struct": { kind: "list" },
  large_list: { kind: "large_list" },
  "large_list.struct": { kind: "large_list" },
};

const MAX_WIDTH = 1 << 28;

/**
 * Takes a logical type string apart.
 * @throws UNSUPPORTED for a type this version does not know, CORRUPT for sizes that cannot be
 */
export function parseLogicalType(text: string): LogicalType {
  const simple = Object.hasOwn(SIMPLE, text) ? SIMPLE[text] : undefined;
  if (simple) return simple;
  const [head = "", ...rest] = text.split(":");
  const tail = rest.join(":");
  switch (head) {
    case "fixed_size_binary":
      return { kind: "fixed_size_binary", byteWidth: readSize(tail, text) };
    case "fixed_size_list": {
      const cut = tail.lastIndexOf(":");
      if (cut < 0) break;
      return {
        kind: "fixed_size_list",
        item: parseLogicalType(tail.slice(0, cut)),
        size: readSize(tail.slice(cut + 1), text),
      };
    }
    case "time32":
    case "time64":
      if (isTimeUnit(tail)) return { kind: "time", bits: head === "time32" ? 32 : 64, unit: tail };
      break;
    case "duration":
      if (isTimeUnit(tail)) return { kind: "duration", bits: 64, unit: tail };
      break;
    case "timestamp": {
      const cut = tail.indexOf(":");
      const unit = cut < 0 ? tail : tail.slice(0, cut);
      const timezone = cut < 0 ? "-" : tail.slice(cut + 1);
      if (isTimeUnit(unit)) return { kind: "timestamp", unit, timezone: timezone === "-" ? null : timezone };
      break;
    }
    case "decimal": {
      const [bits, precision, scale] = rest;
      const width = bits === "128" ? 128 : bits === "256" ? 256 : undefined;
      if (width && /^\d{1,2}$/.test(precision ?? "") && /^-?\d{1,3}$/.test(scale ?? "")) {
        return { kind: "decimal", bits: width, precision: Number(precision), scale: Number(scale) };
      }
      break;
    }
    case "dict": {
      // dict:{value}:{index}:{ordered}; the value's own string may hold colons.
      const parts = rest.slice();
      parts.pop();
      const index = parts.pop();
      if (index && parts.length > 0) {
        return { kind: "dictionary", value: parseLogicalType(parts.join(":")), index: parseLogicalType(index) };
      }
      break;
    }
  }
  throw new LanceError("UNSUPPORTED", `the type "${text}" is not known to this version`, { logicalType: text });
}

function isTimeUnit(text: string): text is TimeUnitName {
  return (TIME_UNITS as readonly string[]).includes(text);
}

function readSize(text: string, whole: string): number {
  const size = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(size >= 0 && size <= MAX_WIDTH)) {
    throw new LanceError(
      "CORRUPT",
      `the type "${whole}" has no usable size: expected a whole number up to ${MAX_WIDTH}`,
      {
        logicalType: whole,
      },
    );
  }
  return size;
}
