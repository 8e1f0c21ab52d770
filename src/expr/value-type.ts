import type { TimeUnitName } from "../format/logical-type.ts";
import type { LanceField } from "../format/schema.ts";

/** The type of a column or of an expression's result. A dictionary column has the type of its values. */
export type ValueType =
  | { readonly kind: "boolean" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: "float"; readonly bits: 16 | 32 | 64 }
  | { readonly kind: "utf8"; readonly large: boolean }
  | { readonly kind: "date"; readonly unit: "day" | "ms" }
  | { readonly kind: "timestamp"; readonly unit: TimeUnit; readonly timezone: string | null }
  | { readonly kind: "null" }
  | { readonly kind: "decimal"; readonly bits: 128 | 256; readonly precision: number; readonly scale: number }
  | { readonly kind: "binary"; readonly large: boolean }
  | { readonly kind: "fixedBinary"; readonly width: number }
  | { readonly kind: "time" | "duration"; readonly unit: TimeUnit }
  | { readonly kind: "list"; readonly item: ValueType; readonly form: "list" | "large" | number }
  | { readonly kind: "struct"; readonly fields: readonly LanceField[] }
  /** Anything else: it may be tested for NULL and passed on. */
  | { readonly kind: "other"; readonly logicalType: string };

/** Decimals only. */
export type DecimalType = Extract<ValueType, { kind: "decimal" }>;
/** Lists only. */
export type ListType = Extract<ValueType, { kind: "list" }>;

/** What a time, a duration or a timestamp counts. */
export type TimeUnit = TimeUnitName;

/** True and false. */
export const BOOLEAN: ValueType = { kind: "boolean" };
/** Integers of 32 bits, signed. */
export const INT32: ValueType = { kind: "int", bits: 32, signed: true };
/** Integers of 64 bits, signed. */
export const INT64: ValueType = { kind: "int", bits: 64, signed: true };
/** Integers of 64 bits without a sign. */
export const UINT64: ValueType = { kind: "int", bits: 64, signed: false };
/** Single floats. */
export const FLOAT32: ValueType = { kind: "float", bits: 32 };
/** Double floats. */
export const FLOAT64: ValueType = { kind: "float", bits: 64 };
/** Text with 32-bit offsets. */
export const UTF8: ValueType = { kind: "utf8", large: false };
/** The type of a bare NULL. */
export const NULL_TYPE: ValueType = { kind: "null" };

const SIMPLE: Readonly<Record<string, ValueType>> = {
  bool: BOOLEAN,
  int8: { kind: "int", bits: 8, signed: true },
  int16: { kind: "int", bits: 16, signed: true },
  int32: INT32,
  int64: INT64,
  uint8: { kind: "int", bits: 8, signed: false },
  uint16: { kind: "int", bits: 16, signed: false },
  uint32: { kind: "int", bits: 32, signed: false },
  uint64: UINT64,
  halffloat: { kind: "float", bits: 16 },
  float: FLOAT32,
  double: FLOAT64,
  string: UTF8,
  // Scans give JSON as text.
  json: UTF8,
  large_string: { kind: "utf8", large: true },
  "date32:day": { kind: "date", unit: "day" },
  "date64:ms": { kind: "date", unit: "ms" },
  null: NULL_TYPE,
  binary: { kind: "binary", large: false },
  large_binary: { kind: "binary", large: true },
};

/** Reads Lance's logical type string (`int32`, `timestamp:us:UTC`, …) of a type without children. */
function readValueType(logicalType: string): ValueType {
  const simple = Object.hasOwn(SIMPLE, logicalType) ? SIMPLE[logicalType] : undefined;
  if (simple !== undefined) return simple;
  const timestamp = /^timestamp:(s|ms|us|ns):(.*)$/s.exec(logicalType);
  if (timestamp !== null) {
    const timezone = timestamp[2] === "-" ? null : timestamp[2]!;
    return { kind: "timestamp", unit: timestamp[1] as TimeUnit, timezone };
  }
  const clock = /^(?:(duration)|time(?:32|64)):(s|ms|us|ns)$/.exec(logicalType);
  if (clock !== null) return { kind: clock[1] === undefined ? "time" : "duration", unit: clock[2] as TimeUnit };
  const decimal = /^decimal:(128|256):(\d{1,2}):(-?\d{1,3})$/.exec(logicalType);
  if (decimal !== null) {
    const bits = decimal[1] === "128" ? 128 : 256;
    return { kind: "decimal", bits, precision: Number(decimal[2]), scale: Number(decimal[3]) };
  }
  const fixed = /^fixed_size_binary:(\d{1,9})$/.exec(logicalType);
  if (fixed !== null) return { kind: "fixedBinary", width: Number(fixed[1]) };
  const vector = /^fixed_size_list:(.*):(\d{1,9})$/.exec(logicalType);
  if (vector !== null && vector[1] !== "struct") {
    return { kind: "list", item: readValueType(vector[1]!), form: Number(vector[2]) };
  }
  const dictionary = /^dict:(.*):u?int(?:8|16|32|64):(?:true|false)$/.exec(logicalType);
  return dictionary === null ? { kind: "other", logicalType } : readValueType(dictionary[1]!);
}

/** The type of a field with its children. */
export function readFieldType(field: LanceField): ValueType {
  const { logicalType, children } = field;
  const [child] = children;
  switch (logicalType) {
    case "struct":
      // A blob's or a packed struct's own layout is no concern here: its fields can be named all the same.
      return { kind: "struct", fields: children };
    case "list":
    case "list.struct":
      if (child) return { kind: "list", item: readFieldType(child), form: "list" };
      break;
    case "large_list":
    case "large_list.struct":
      if (child) return { kind: "list", item: readFieldType(child), form: "large" };
      break;
  }
  return readValueType(logicalType);
}

const TIMESTAMP_NAMES = { s: "Second", ms: "Millisecond", us: "Microsecond", ns: "Nanosecond" } as const;

/** The name of the scalar type as native plans print it: `Int32`, `Utf8`, `TimestampMicrosecond`. */
export function describeType(type: ValueType): string {
  switch (type.kind) {
    case "boolean":
      return "Boolean";
    case "int":
      return `${type.signed ? "Int" : "UInt"}${type.bits}`;
    case "float":
      return `Float${type.bits}`;
    case "utf8":
      return type.large ? "LargeUtf8" : "Utf8";
    case "date":
      return type.unit === "day" ? "Date32" : "Date64";
    case "timestamp":
      return `Timestamp${TIMESTAMP_NAMES[type.unit]}`;
    case "null":
      return "Null";
    case "decimal":
      return `Decimal${type.bits}`;
    case "binary":
      return type.large ? "LargeBinary" : "Binary";
    case "fixedBinary":
      return "FixedSizeBinary";
    case "time":
      return `Time${timeBits(type.unit)}${TIMESTAMP_NAMES[type.unit]}`;
    case "duration":
      return `Duration${TIMESTAMP_NAMES[type.unit]}`;
    case "list":
      return type.form === "list" ? "List" : type.form === "large" ? "LargeList" : "FixedSizeList";
    case "struct":
      return "Struct";
    case "other":
      return type.logicalType;
  }
}

/** The type as the target of a cast is printed: `Int64`, `Timestamp(µs)`, `Decimal128(10, 2)`. */
export function describeCastType(type: ValueType): string {
  switch (type.kind) {
    case "timestamp":
      return type.timezone === null
        ? `Timestamp(${describeUnit(type.unit)})`
        : `Timestamp(${describeUnit(type.unit)}, "${type.timezone}")`;
    case "time":
      return `Time${timeBits(type.unit)}(${describeUnit(type.unit)})`;
    case "duration":
      return `Duration(${describeUnit(type.unit)})`;
    case "decimal":
      return `Decimal${type.bits}(${type.precision}, ${type.scale})`;
    case "fixedBinary":
      return `FixedSizeBinary(${type.width})`;
    case "list": {
      const item = describeCastType(type.item);
      return typeof type.form === "number" ? `FixedSizeList(${type.form} x ${item})` : `${describeType(type)}(${item})`;
    }
    case "struct":
      return `Struct(${type.fields.map((field) => `${JSON.stringify(field.name)}: ${describeCastType(readFieldType(field))}`).join(", ")})`;
    default:
      return describeType(type);
  }
}

function describeUnit(unit: TimeUnit): string {
  return unit === "us" ? "µs" : unit;
}

/** Bits of a time of day in this unit, as Arrow stores it. */
export function timeBits(unit: TimeUnit): 32 | 64 {
  return unit === "s" || unit === "ms" ? 32 : 64;
}

/** Whether two types are the same in every parameter. */
export function isSameType(a: ValueType, b: ValueType): boolean {
  return describeCastType(a) === describeCastType(b) && a.kind === b.kind;
}

/** Ticks of a timestamp unit in one second. */
export const TICKS_PER_SECOND: Readonly<Record<TimeUnit, bigint>> = {
  s: 1n,
  ms: 1_000n,
  us: 1_000_000n,
  ns: 1_000_000_000n,
};

/** The smallest and the largest value of an integer type. */
export function integerBounds(bits: number, signed: boolean): readonly [bigint, bigint] {
  const width = BigInt(bits);
  return signed ? [-(1n << (width - 1n)), (1n << (width - 1n)) - 1n] : [0n, (1n << width) - 1n];
}
