import type { LanceErrorCode } from "../../errors.ts";
import { type ArrowType, describeArrowType } from "../../format/write/arrow-data.ts";

/** JavaScript values of one column; `null` and `undefined` are null. */
export type Values = readonly unknown[];

/** Where a refused value lies below the column, `.field` by `.field`, and what it is. */
export interface RefusedValue {
  readonly path: string;
  readonly value: unknown;
}

/** What a column being built may hold, and how to refuse a value. */
export interface BuildRules {
  readonly nullable: boolean;
  /** Arrow's extension name of the field: JSON, brain floats and blobs take values of their own. */
  readonly extension?: string | undefined;
  /** Values below something null, which are nobody's and may be missing. */
  isGone?(index: number): boolean;
  /** `index` counts the values given to the outermost call. */
  fail(index: number, expected: string, code?: LanceErrorCode, refused?: RefusedValue): never;
}

type ArrayConstructorLike = new (length: number) => Record<number, number | bigint> & ArrayBufferView;

const MS_PER_DAY = 86_400_000;

/** Whole numbers and bigints in range, as the type's array. @throws what `rules.fail` throws */
export function fillIntegers(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
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

/** Numbers, as 32- or 64-bit floats, or the bits of half floats. @throws what `rules.fail` throws */
export function fillFloats(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
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

/** Booleans, LSB-first. @throws what `rules.fail` throws */
export function fillBits(values: Values, rules: BuildRules): Uint8Array {
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

/** Dates (for dates and timestamps) and whole numbers of the type's unit. @throws what `rules.fail` throws */
export function fillTimes(type: ArrowType, values: Values, rules: BuildRules): ArrayBufferView {
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

/** Strings as UTF-8, or bytes, with their offsets. @throws what `rules.fail` throws */
export function fillBytes(typeId: number, values: Values, rules: BuildRules) {
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

/** Digits as bigints, in little-endian words. @throws what `rules.fail` throws */
export function fillDecimals(bitWidth: number, values: Values, rules: BuildRules): Uint32Array {
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

/** Numbers as brain floats, the upper half of 32-bit floats rounded to even; or their two bytes. @throws what `rules.fail` throws */
export function fillBrainFloats(values: Values, rules: BuildRules): Uint8Array {
  const words = new Uint16Array(values.length);
  const float = new Float32Array(1);
  const bits = new Uint32Array(float.buffer);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    const bytes = toBytes(value);
    if (bytes?.length === 2) words[i] = bytes[0]! | (bytes[1]! << 8);
    else if (typeof value !== "number") rules.fail(i, "a number, or 2 bytes (a Uint8Array)");
    else {
      float[0] = value;
      const word = bits[0]!;
      words[i] = Number.isNaN(value) ? 0x7fc0 : (word + 0x7fff + ((word >>> 16) & 1)) >>> 16;
    }
  }
  return new Uint8Array(words.buffer);
}

/** JSON texts: a string is one already, any other value is turned into one. @throws what `rules.fail` throws */
export function toJsonTexts(values: Values, rules: BuildRules): Values {
  return values.map((value, i) => {
    if (value == null || typeof value === "string") return value;
    try {
      const text = JSON.stringify(value);
      if (text !== undefined) return text;
    } catch {
      // Cycles and bigints have no JSON.
    }
    return rules.fail(i, "JSON text, or a value that JSON can hold");
  });
}

/** Byte strings of one width. @throws what `rules.fail` throws */
export function fillFixedBytes(width: number, values: Values, rules: BuildRules): Uint8Array {
  const bytes = new Uint8Array(values.length * width);
  for (let i = 0; i < values.length; i++) {
    if (values[i] == null) continue;
    const value = toBytes(values[i]);
    if (value?.length !== width) return rules.fail(i, `${width} bytes (a Uint8Array)`);
    bytes.set(value, i * width);
  }
  return bytes;
}
