import { type Data, type DataType, makeData } from "apache-arrow";
import type { LanceErrorCode } from "../errors.ts";
import { type ArrowType, describeArrowType } from "../format/write/arrow-data.ts";

/** What a column being built may hold, and how to refuse a value. */
export interface BuildRules {
  readonly nullable: boolean;
  /** `index` counts the values given to the outermost call. */
  fail(index: number, expected: string, code?: LanceErrorCode): never;
}

type Values = readonly unknown[];

const MS_PER_DAY = 86_400_000;

/**
 * Converts JavaScript values to a column of the given type; `undefined` is null.
 * Numbers and bigints fit integers in range; Dates, dates and timestamps; anything array-like, lists.
 * @throws what `rules.fail` throws
 */
export function buildValues(type: DataType, values: Values, rules: BuildRules): Data {
  const length = values.length;
  const nulls = buildBitmap(values, rules);
  const shared = {
    type,
    length,
    nullCount: nulls.nullCount,
    nullBitmap: nulls.nullCount > 0 ? nulls.bitmap : undefined,
  };
  const shape = type as unknown as ArrowType & { ArrayType?: ArrayConstructorLike };
  switch (shape.typeId) {
    case 1:
      for (let i = 0; i < length; i++) if (values[i] != null) rules.fail(i, "null (the column's type is null)");
      return make({ type, length });
    case 2:
      return make({ ...shared, data: fillIntegers(shape, values, rules) });
    case 3:
      return make({ ...shared, data: fillFloats(shape, values, rules) });
    case 6:
      return make({ ...shared, data: fillBits(values, rules) });
    case 8:
    case 9:
    case 10:
    case 18:
      return make({ ...shared, data: fillTimes(shape, values, rules) });
    case 4:
    case 5:
    case 19:
    case 20:
      return make({ ...shared, ...fillBytes(shape.typeId, values, rules) });
    case 7:
      return make({ ...shared, data: fillDecimals(shape.bitWidth!, values, rules) });
    case 15:
      return make({ ...shared, data: fillFixedBytes(shape.byteWidth!, values, rules) });
    case 12:
    case 21:
      return make({ ...shared, ...buildLists(shape, values, rules) });
    case 16:
      return make({ ...shared, child: buildVectors(shape, values, rules) });
    case -1:
      return buildValues(shape.dictionary as unknown as DataType, values, rules);
    default:
      return rules.fail(
        0,
        `a type rows can be converted to, not ${describeArrowType(shape) ?? String(type)}`,
        "UNSUPPORTED",
      );
  }
}

type ArrayConstructorLike = new (length: number) => Record<number, number | bigint> & ArrayBufferView;

function make(props: Record<string, unknown>): Data {
  return makeData(props as never);
}

function buildBitmap(values: Values, rules: BuildRules): { bitmap: Uint8Array; nullCount: number } {
  const bitmap = new Uint8Array((values.length + 7) >> 3);
  let nullCount = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null) bitmap[i >> 3]! |= 1 << (i & 7);
    else if (rules.nullable) nullCount++;
    else rules.fail(i, "a value (the column is not nullable)");
  }
  return { bitmap, nullCount };
}

function fillIntegers(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
  const bits = type.bitWidth!;
  const expected = `a whole number that fits ${describeArrowType(type)}`;
  if (bits === 64) {
    const wide = type.isSigned ? new BigInt64Array(values.length) : new BigUint64Array(values.length);
    const wrap = type.isSigned ? BigInt.asIntN : BigInt.asUintN;
    for (let i = 0; i < values.length; i++) {
      const value = values[i];
      if (value == null) continue;
      if (typeof value !== "bigint" && !Number.isSafeInteger(value)) rules.fail(i, expected);
      const whole = BigInt(value as bigint | number);
      if (wrap(64, whole) !== whole) rules.fail(i, expected);
      wide[i] = whole;
    }
    return wide;
  }
  const low = type.isSigned ? -(2 ** (bits - 1)) : 0;
  const high = type.isSigned ? 2 ** (bits - 1) - 1 : 2 ** bits - 1;
  const array = new (type as unknown as { ArrayType: ArrayConstructorLike }).ArrayType(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    const whole = typeof value === "bigint" ? Number(value) : value;
    if (!Number.isInteger(whole) || (whole as number) < low || (whole as number) > high) rules.fail(i, expected);
    array[i] = whole as number;
  }
  return array;
}

function fillFloats(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
  const array = type.precision === 2 ? new Float64Array(values.length) : new Float32Array(values.length);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (typeof value === "number") array[i] = value;
    else if (value != null) rules.fail(i, "a number");
  }
  return type.precision === 0 ? narrowToHalf(array) : array;
}

/** Round-to-nearest-even to 16-bit floats, NaN kept. */
function narrowToHalf(values: Float32Array | Float64Array): Uint16Array {
  const half = new Uint16Array(values.length);
  const bits = new Uint32Array(1);
  const float = new Float32Array(bits.buffer);
  for (let i = 0; i < values.length; i++) {
    float[0] = values[i]!;
    const sign = (bits[0]! >>> 16) & 0x8000;
    const magnitude = bits[0]! & 0x7fffffff;
    if (magnitude > 0x7f800000) half[i] = sign | 0x7e00;
    else if (magnitude >= 0x47800000) half[i] = sign | 0x7c00;
    else if (magnitude >= 0x38800000)
      half[i] = sign | ((magnitude - 0x38000000 + 0xfff + ((magnitude >> 13) & 1)) >> 13);
    else {
      // Subnormal: count steps of 2^-24, rounding halves to even.
      const steps = Math.abs(float[0]) * 2 ** 24;
      const down = Math.floor(steps);
      const rest = steps - down;
      half[i] = sign | (rest > 0.5 || (rest === 0.5 && (down & 1) === 1) ? down + 1 : down);
    }
  }
  return half;
}

function fillBits(values: Values, rules: BuildRules): Uint8Array {
  const bits = new Uint8Array((values.length + 7) >> 3);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === true) bits[i >> 3]! |= 1 << (i & 7);
    else if (value !== false && value != null) rules.fail(i, "a boolean");
  }
  return bits;
}

/** Units per millisecond, or milliseconds per unit as a negative number. */
function scaleOf(type: ArrowType): number {
  if (type.typeId === 8) return type.unit === 0 ? -MS_PER_DAY : 1;
  return [-1000, 1, 1000, 1_000_000][type.unit ?? 1]!;
}

function fillTimes(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
  const isDay = type.typeId === 8 && type.unit === 0;
  const narrow = isDay || (type.typeId === 9 && type.bitWidth === 32) ? new Int32Array(values.length) : null;
  const wide = narrow ? null : new BigInt64Array(values.length);
  const scale = scaleOf(type);
  const takesDates = type.typeId === 8 || type.typeId === 10;
  const expected = `${takesDates ? "a valid Date, or " : ""}a whole number of ${describeArrowType(type)} units`;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    let units: number | bigint;
    if (takesDates && value instanceof Date) {
      const ms = value.getTime();
      if (Number.isNaN(ms)) rules.fail(i, expected);
      units = scale < 0 ? Math.floor(ms / -scale) : BigInt(ms) * BigInt(scale);
    } else if (typeof value === "bigint" || Number.isSafeInteger(value)) units = value as number | bigint;
    else return rules.fail(i, expected);
    if (narrow) {
      if (Number(units) !== (Number(units) | 0)) rules.fail(i, expected);
      narrow[i] = Number(units);
    } else {
      const whole = BigInt(units);
      if (BigInt.asIntN(64, whole) !== whole) rules.fail(i, expected);
      wide![i] = whole;
    }
  }
  return narrow ?? wide!;
}

function toBytes(value: unknown): Uint8Array | undefined {
  if (value instanceof ArrayBuffer) return new Uint8Array(value);
  return ArrayBuffer.isView(value) ? new Uint8Array(value.buffer, value.byteOffset, value.byteLength) : undefined;
}

function fillBytes(typeId: number, values: Values, rules: BuildRules) {
  const isText = typeId === 5 || typeId === 20;
  const encoder = new TextEncoder();
  const chunks: Uint8Array[] = [];
  const ends = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    ends[i + 1] = ends[i]!;
    if (value == null) continue;
    if (isText && typeof value !== "string") rules.fail(i, "a string");
    const bytes = isText ? encoder.encode(value as string) : toBytes(value);
    if (!bytes) return rules.fail(i, "bytes (a Uint8Array or ArrayBuffer)");
    chunks.push(bytes);
    ends[i + 1] = ends[i]! + bytes.length;
  }
  const total = ends[values.length]!;
  if (total > 0x7fffffff && typeId < 19)
    rules.fail(0, "at most 2 GiB of text or bytes in one batch", "INVALID_ARGUMENT");
  const data = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk, at);
    at += chunk.length;
  }
  return { data, valueOffsets: typeId >= 19 ? BigInt64Array.from(ends, BigInt) : Int32Array.from(ends) };
}

function fillDecimals(bitWidth: number, values: Values, rules: BuildRules): Uint32Array {
  const numWords = bitWidth / 32;
  const words = new Uint32Array(values.length * numWords);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    if (typeof value !== "bigint" || BigInt.asIntN(bitWidth, value) !== value) {
      rules.fail(i, `the decimal's digits as a bigint that fits ${bitWidth} bits`);
    }
    for (let word = 0; word < numWords; word++) {
      words[i * numWords + word] = Number(BigInt.asUintN(32, (value as bigint) >> BigInt(32 * word)));
    }
  }
  return words;
}

function fillFixedBytes(width: number, values: Values, rules: BuildRules): Uint8Array {
  const bytes = new Uint8Array(values.length * width);
  for (let i = 0; i < values.length; i++) {
    if (values[i] == null) continue;
    const value = toBytes(values[i]);
    if (value?.length !== width) return rules.fail(i, `${width} bytes (a Uint8Array)`);
    bytes.set(value, i * width);
  }
  return bytes;
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Items of all rows in one array, and rules that name the row an item stands in. */
function nestRules(type: ArrowType, rows: Uint32Array, rules: BuildRules): BuildRules {
  const nullable = (type.children![0] as unknown as { nullable: boolean }).nullable;
  return {
    nullable,
    fail: (index, expected, code) => rules.fail(rows[index] ?? 0, `items that are each ${expected}`, code),
  };
}

function buildLists(type: ArrowType, values: Values, rules: BuildRules) {
  const ends = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value != null && !isArrayLike(value)) rules.fail(i, "an array");
    ends[i + 1] = ends[i]! + (value == null ? 0 : (value as ArrayLike<unknown>).length);
  }
  const total = ends[values.length]!;
  const items: unknown[] = new Array(total);
  const rows = new Uint32Array(total);
  for (let i = 0, at = 0; i < values.length; i++) {
    const value = values[i] as ArrayLike<unknown> | null | undefined;
    if (value == null) continue;
    rows.fill(i, at, at + value.length);
    for (let j = 0; j < value.length; j++) items[at++] = value[j];
  }
  const child = buildValues(type.children![0]!.type as unknown as DataType, items, nestRules(type, rows, rules));
  return { child, valueOffsets: type.typeId === 21 ? BigInt64Array.from(ends, BigInt) : Int32Array.from(ends) };
}

function buildVectors(type: ArrowType, values: Values, rules: BuildRules): Data {
  const dimension = type.listSize!;
  const element = type.children![0]!.type;
  const expected = `a vector of ${dimension} numbers`;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    if (!isArrayLike(value)) return rules.fail(i, expected);
    if (value.length !== dimension) return rules.fail(i, expected, "DIMENSION_MISMATCH");
  }
  const elementType = element as unknown as DataType;
  // Float vectors are the common case, and need no array of boxed values.
  if (element.typeId === 3 && element.precision !== 0) {
    const flat =
      element.precision === 1
        ? new Float32Array(values.length * dimension)
        : new Float64Array(values.length * dimension);
    const isPlain = values.every(
      (value, i) => value == null || copyFloats(flat, i * dimension, value as ArrayLike<unknown>),
    );
    if (isPlain) return make({ type: elementType, length: flat.length, nullCount: 0, data: flat });
  }
  const items: unknown[] = [];
  const rows = new Uint32Array(values.length * dimension);
  const nested = nestRules(type, rows, rules);
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as ArrayLike<unknown> | null | undefined;
    rows.fill(i, i * dimension, (i + 1) * dimension);
    for (let j = 0; j < dimension; j++) {
      // Elements under a null vector are nobody's: a zero keeps a non-nullable element type whole.
      items.push(value == null ? (nested.nullable ? null : zeroOf(element)) : value[j]);
    }
  }
  return buildValues(elementType, items, nested);
}

function zeroOf(type: ArrowType): unknown {
  return type.typeId === 6 ? false : type.typeId === 2 && type.bitWidth === 64 ? 0n : 0;
}

function copyFloats(target: Float32Array | Float64Array, offset: number, values: ArrayLike<unknown>): boolean {
  if (values instanceof Float32Array || values instanceof Float64Array) {
    target.set(values, offset);
    return true;
  }
  for (let j = 0; j < values.length; j++) {
    const value = values[j];
    if (typeof value !== "number") return false;
    target[offset + j] = value;
  }
  return true;
}
