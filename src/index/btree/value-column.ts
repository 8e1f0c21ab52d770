import { type Data, type DataType, makeData } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { ScalarValue } from "../segment.ts";
import type { SortType, ValueType } from "./value-type.ts";

/** Typed arrays a column's values may be in. */
export type ValueArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Float32Array
  | Float64Array;

/** Values of one type, one slot per row; bools unpacked to bytes, text as bytes behind `offsets`. */
export interface ValueColumn {
  readonly type: ValueType;
  readonly length: number;
  /** LSB-first, from bit 0; `null` = no null. */
  readonly validity: Uint8Array | null;
  readonly nullCount: number;
  /** `length` values; for text the bytes that `offsets` (length + 1) cut. */
  readonly values: ValueArray;
  readonly offsets: Int32Array | null;
}

/** Whether row `i` is NULL. */
export function isNullAt(column: ValueColumn, i: number): boolean {
  return column.validity !== null && ((column.validity[i >> 3]! >> (i & 7)) & 1) === 0;
}

/** Bytes a column holds. */
export function getColumnBytes(column: ValueColumn): number {
  return column.values.byteLength + (column.offsets?.byteLength ?? 0) + (column.validity?.byteLength ?? 0);
}

/** An empty array of the type's storage. */
export function allocateValues(sortType: SortType, length: number): ValueArray {
  switch (sortType) {
    case "i8":
      return new Int8Array(length);
    case "i16":
      return new Int16Array(length);
    case "i32":
      return new Int32Array(length);
    case "i64":
      return new BigInt64Array(length);
    case "u8":
    case "bytes":
      return new Uint8Array(length);
    case "u16":
      return new Uint16Array(length);
    case "u32":
      return new Uint32Array(length);
    case "u64":
      return new BigUint64Array(length);
    case "f32":
      return new Float32Array(length);
    case "f64":
      return new Float64Array(length);
  }
}

/** Views Arrow data as a column: no copy but of bools and of offsets that do not start at 0. */
export function fromArrowData(type: ValueType, data: Data): ValueColumn {
  const { length } = data;
  const nullCount = data.nullCount;
  const validity = nullCount > 0 ? alignBits(data.nullBitmap!, data.offset, length) : null;
  if (type.literal === "boolean") {
    const bits = data.values as Uint8Array;
    const values = new Uint8Array(length);
    for (let i = 0; i < length; i++) {
      const bit = data.offset + i;
      values[i] = (bits[bit >> 3]! >> (bit & 7)) & 1;
    }
    return { type, length, validity, nullCount, values, offsets: null };
  }
  if (type.sortType === "bytes") {
    const raw = (data.valueOffsets as Int32Array).subarray(0, length + 1);
    const first = raw[0] ?? 0;
    const offsets = first === 0 ? raw : raw.map((offset) => offset - first);
    const values = (data.values as Uint8Array).subarray(first, raw[length] ?? first);
    return { type, length, validity, nullCount, values, offsets: length === 0 ? new Int32Array(1) : offsets };
  }
  return { type, length, validity, nullCount, values: (data.values as ValueArray).subarray(0, length), offsets: null };
}

/** The inverse of {@link fromArrowData}; shares the buffers. */
export function toArrowData(column: ValueColumn, type: DataType): Data {
  const { length, nullCount } = column;
  const nullBitmap = column.validity ?? undefined;
  const shared = { type, length, nullCount, ...(nullBitmap ? { nullBitmap } : {}) };
  if (column.offsets) return makeData({ ...shared, data: column.values, valueOffsets: column.offsets } as never);
  const data = column.type.literal === "boolean" ? packBits(column.values as Uint8Array) : column.values;
  return makeData({ ...shared, data } as never);
}

/** Puts columns of one type behind each other. One copy. */
export function concatColumns(type: ValueType, parts: readonly ValueColumn[]): ValueColumn {
  if (parts.length === 1) return parts[0]!;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const nullCount = parts.reduce((sum, part) => sum + part.nullCount, 0);
  const validity = nullCount > 0 ? new Uint8Array((length + 7) >> 3) : null;
  const values = allocateValues(
    type.sortType,
    parts.reduce((sum, part) => sum + part.values.length, 0),
  );
  const offsets = type.sortType === "bytes" ? new Int32Array(length + 1) : null;
  let row = 0;
  let position = 0;
  for (const part of parts) {
    (values as Uint8Array).set(part.values as Uint8Array, position);
    if (offsets) for (let i = 0; i < part.length; i++) offsets[row + i + 1] = position + part.offsets![i + 1]!;
    if (validity) {
      for (let i = 0; i < part.length; i++) {
        if (!isNullAt(part, i)) validity[(row + i) >> 3]! |= 1 << ((row + i) & 7);
      }
    }
    row += part.length;
    position += part.values.length;
  }
  return { type, length, validity, nullCount, values, offsets };
}

/** Rows `rows[i]` of `columns[which[i]]` as one column. */
export function gatherColumns(
  columns: readonly ValueColumn[],
  which: Uint32Array | null,
  rows: Uint32Array,
  type: ValueType,
): ValueColumn {
  const length = rows.length;
  const pick = (i: number): ValueColumn => columns[which ? which[i]! : 0]!;
  let validity: Uint8Array | null = null;
  let nullCount = 0;
  for (let i = 0; i < length; i++) {
    if (!isNullAt(pick(i), rows[i]!)) continue;
    validity ??= new Uint8Array((length + 7) >> 3).fill(0xff);
    validity[i >> 3]! &= ~(1 << (i & 7));
    nullCount++;
  }
  if (type.sortType !== "bytes") {
    const values = allocateValues(type.sortType, length);
    for (let i = 0; i < length; i++) values[i] = pick(i).values[rows[i]!]!;
    return { type, length, validity, nullCount, values, offsets: null };
  }
  const offsets = new Int32Array(length + 1);
  for (let i = 0; i < length; i++) {
    const source = pick(i).offsets!;
    offsets[i + 1] = offsets[i]! + source[rows[i]! + 1]! - source[rows[i]!]!;
  }
  const values = new Uint8Array(offsets[length]!);
  for (let i = 0; i < length; i++) {
    const { offsets: source, values: bytes } = pick(i);
    values.set((bytes as Uint8Array).subarray(source![rows[i]!]!, source![rows[i]! + 1]!), offsets[i]!);
  }
  return { type, length, validity, nullCount, values, offsets };
}

/** A copy of rows `start` to `end`, so that a cache holds no more than it counts. */
export function sliceColumn(column: ValueColumn, start: number, end: number): ValueColumn {
  const length = end - start;
  const { type } = column;
  let validity: Uint8Array | null = null;
  let nullCount = 0;
  if (column.validity) {
    validity = alignBits(column.validity, start, length);
    for (let i = 0; i < length; i++) nullCount += 1 - ((validity[i >> 3]! >> (i & 7)) & 1);
    if (start === 0) validity = validity.slice(0, (length + 7) >> 3);
  }
  if (!column.offsets) {
    return { type, length, validity, nullCount, values: column.values.slice(start, end), offsets: null };
  }
  const first = column.offsets[start]!;
  const offsets = column.offsets.slice(start, end + 1).map((offset) => offset - first);
  return { type, length, validity, nullCount, values: column.values.slice(first, column.offsets[end]!), offsets };
}

/**
 * Literals of a query as a column, so that they compare as stored values do.
 * @throws INVALID_ARGUMENT when a literal is not of the column's type
 */
export function fromLiterals(type: ValueType, literals: readonly ScalarValue[]): ValueColumn {
  const length = literals.length;
  if (type.sortType === "bytes") {
    const encoder = new TextEncoder();
    const parts = literals.map((literal) => encoder.encode(expectLiteral(type, literal, "string") as string));
    return fromByteStrings(type, parts);
  }
  const values = allocateValues(type.sortType, length);
  literals.forEach((literal, i) => {
    if (type.literal === "boolean") {
      values[i] = (expectLiteral(type, literal, "boolean") as boolean) ? 1 : 0;
    } else if (type.literal === "bigint") {
      const value = typeof literal === "number" && Number.isInteger(literal) ? BigInt(literal) : literal;
      values[i] = expectLiteral(type, value, "bigint") as bigint;
      if (values[i] !== value) throw refuseLiteral(type, literal);
    } else {
      const value = Number(expectLiteral(type, literal, "number", "bigint"));
      values[i] = value;
      const isFloat = type.sortType === "f32" || type.sortType === "f64";
      if (!isFloat && values[i] !== value) throw refuseLiteral(type, literal);
    }
  });
  return { type, length, validity: null, nullCount: 0, values, offsets: null };
}

/** Byte strings as a text column without nulls. */
export function fromByteStrings(type: ValueType, parts: readonly Uint8Array[]): ValueColumn {
  const offsets = new Int32Array(parts.length + 1);
  parts.forEach((part, i) => {
    offsets[i + 1] = offsets[i]! + part.length;
  });
  const values = new Uint8Array(offsets[parts.length]!);
  parts.forEach((part, i) => {
    values.set(part, offsets[i]!);
  });
  return { type, length: parts.length, validity: null, nullCount: 0, values, offsets };
}

/** One value for people: `NULL`, or as native's statistics print it. */
export function formatValue(column: ValueColumn, i: number): string {
  if (isNullAt(column, i)) return "NULL";
  if (!column.offsets) return String(column.type.literal === "boolean" ? column.values[i] === 1 : column.values[i]);
  const bytes = (column.values as Uint8Array).subarray(column.offsets[i]!, column.offsets[i + 1]!);
  return column.type.literal === "bytes"
    ? [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")
    : new TextDecoder().decode(bytes);
}

function expectLiteral(type: ValueType, literal: ScalarValue, ...kinds: string[]): ScalarValue {
  if (!kinds.includes(typeof literal)) throw refuseLiteral(type, literal);
  return literal;
}

function refuseLiteral(type: ValueType, literal: ScalarValue): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `expected a ${type.literal} that fits ${type.sortType}, received ${typeof literal} ${String(literal)}`,
    { expected: type.sortType, received: String(literal) },
  );
}

function alignBits(bits: Uint8Array, offset: number, length: number): Uint8Array {
  if (offset === 0) return bits;
  const out = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < length; i++) {
    const bit = offset + i;
    out[i >> 3]! |= ((bits[bit >> 3]! >> (bit & 7)) & 1) << (i & 7);
  }
  return out;
}

function packBits(values: Uint8Array): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) bits[i >> 3]! |= values[i]! << (i & 7);
  return bits;
}
