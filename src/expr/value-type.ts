/** The type of a column or of an expression's result, as far as filters tell types apart. */
export type ValueType =
  | { readonly kind: "boolean" }
  | { readonly kind: "int"; readonly bits: 8 | 16 | 32 | 64; readonly signed: boolean }
  | { readonly kind: "float"; readonly bits: 16 | 32 | 64 }
  | { readonly kind: "utf8"; readonly large: boolean }
  | { readonly kind: "date"; readonly unit: "day" | "ms" }
  | { readonly kind: "timestamp"; readonly unit: TimeUnit; readonly timezone: string | null }
  | { readonly kind: "null" }
  /** Anything else: only `IS [NOT] NULL` works on it. */
  | { readonly kind: "other"; readonly logicalType: string };

export type TimeUnit = "s" | "ms" | "us" | "ns";

export const BOOLEAN: ValueType = { kind: "boolean" };
export const INT32: ValueType = { kind: "int", bits: 32, signed: true };
export const INT64: ValueType = { kind: "int", bits: 64, signed: true };
export const UINT64: ValueType = { kind: "int", bits: 64, signed: false };
export const FLOAT32: ValueType = { kind: "float", bits: 32 };
export const FLOAT64: ValueType = { kind: "float", bits: 64 };
export const UTF8: ValueType = { kind: "utf8", large: false };
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
  large_string: { kind: "utf8", large: true },
  "date32:day": { kind: "date", unit: "day" },
  "date64:ms": { kind: "date", unit: "ms" },
  null: NULL_TYPE,
};

/** Reads Lance's logical type string (`int32`, `timestamp:us:UTC`, …). */
export function readValueType(logicalType: string): ValueType {
  const simple = Object.hasOwn(SIMPLE, logicalType) ? SIMPLE[logicalType] : undefined;
  if (simple !== undefined) return simple;
  const timestamp = /^timestamp:(s|ms|us|ns):(.*)$/s.exec(logicalType);
  if (timestamp !== null) {
    const timezone = timestamp[2] === "-" ? null : timestamp[2]!;
    return { kind: "timestamp", unit: timestamp[1] as TimeUnit, timezone };
  }
  return { kind: "other", logicalType };
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
    case "other":
      return type.logicalType;
  }
}

/** The type as the target of a cast is printed: `Int64`, `Timestamp(µs)`. */
export function describeCastType(type: ValueType): string {
  if (type.kind !== "timestamp") return describeType(type);
  const unit = type.unit === "us" ? "µs" : type.unit;
  return type.timezone === null ? `Timestamp(${unit})` : `Timestamp(${unit}, "${type.timezone}")`;
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
