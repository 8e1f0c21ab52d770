import { createBits } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { type ListType, timeBits, type ValueType } from "../value-type.ts";
import { createNullVector, type NumberArray, type Vector } from "./vector.ts";

const NARROW = {
  8: [Uint8Array, Int8Array],
  16: [Uint16Array, Int16Array],
  32: [Uint32Array, Int32Array],
} as const;

/** A vector of a type from its values, one by one; `null` and `undefined` are NULL. */
export function buildVector(
  type: ValueType,
  length: number,
  compute: (row: number) => Value | null | undefined,
): Vector {
  const nulls = createBits(length);
  let hasNulls = false;
  const next = (row: number): Value | null => {
    const value = compute(row);
    if (value !== null && value !== undefined) return value;
    nulls[row >>> 5]! |= 1 << (row & 31);
    hasNulls = true;
    return null;
  };
  const vector = fillValues(type, length, next);
  return vector.nulls === null ? { ...vector, nulls: hasNulls ? nulls : null } : vector;
}

/** Zeros to be filled with the numbers of a type; half floats as singles. */
export function createNumbers(type: ValueType, length: number): NumberArray | BigInt64Array | BigUint64Array {
  switch (type.kind) {
    case "float":
      return type.bits === 64 ? new Float64Array(length) : new Float32Array(length);
    case "int": {
      if (type.bits === 64) return type.signed ? new BigInt64Array(length) : new BigUint64Array(length);
      const Constructor = NARROW[type.bits][type.signed ? 1 : 0];
      return new Constructor(length);
    }
    case "date":
      return type.unit === "day" ? new Int32Array(length) : new BigInt64Array(length);
    case "time":
      return timeBits(type.unit) === 32 ? new Int32Array(length) : new BigInt64Array(length);
    default:
      return new BigInt64Array(length);
  }
}

/** Numbers as a vector. */
export function toNumberVector(
  values: NumberArray | BigInt64Array | BigUint64Array,
  nulls: Uint32Array | null,
): Vector {
  const { length } = values;
  if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
    return { kind: "bigint", length, nulls, values };
  }
  return { kind: "number", length, nulls, values };
}

function fillValues(type: ValueType, length: number, next: (row: number) => Value | null): Vector {
  switch (type.kind) {
    case "boolean": {
      const bits = createBits(length);
      for (let row = 0; row < length; row++) if (next(row) === true) bits[row >>> 5]! |= 1 << (row & 31);
      return { kind: "boolean", length, nulls: null, bits };
    }
    case "utf8":
    case "binary":
    case "fixedBinary":
      return fillBytes(length, next);
    case "decimal": {
      const values = new Array<bigint>(length).fill(0n);
      for (let row = 0; row < length; row++) values[row] = (next(row) ?? 0n) as bigint;
      return { kind: "decimal", length, nulls: null, values };
    }
    case "list":
      return fillList(type, length, next);
    case "null":
    case "struct":
    case "other":
      return createNullVector(length);
    default: {
      const values = createNumbers(type, length) as { [row: number]: Value } & (NumberArray | BigInt64Array);
      for (let row = 0; row < length; row++) {
        const value = next(row);
        if (value !== null) values[row] = value as never;
      }
      return toNumberVector(values, null);
    }
  }
}

function fillBytes(length: number, next: (row: number) => Value | null): Vector {
  const encoder = new TextEncoder();
  const offsets = new Float64Array(length + 1);
  let bytes = new Uint8Array(Math.max(64, length * 16));
  let end = 0;
  for (let row = 0; row < length; row++) {
    const value = next(row);
    if (value !== null) {
      const most = typeof value === "string" ? value.length * 3 : (value as Uint8Array).length;
      if (end + most > bytes.length) {
        const grown = new Uint8Array(Math.max(bytes.length * 2, end + most));
        grown.set(bytes.subarray(0, end));
        bytes = grown;
      }
      if (typeof value === "string") end += encoder.encodeInto(value, bytes.subarray(end)).written;
      else {
        bytes.set(value as Uint8Array, end);
        end += (value as Uint8Array).length;
      }
    }
    offsets[row + 1] = end;
  }
  return { kind: "bytes", length, nulls: null, bytes: bytes.subarray(0, end), offsets };
}

/** A NULL list of fixed size still has its items. */
function fillList({ item, form }: ListType, length: number, next: (row: number) => Value | null): Vector {
  const filler = typeof form === "number" ? new Array<null>(form).fill(null) : [];
  const flat: (Value | null)[] = [];
  const offsets = new Float64Array(length + 1);
  for (let row = 0; row < length; row++) {
    for (const value of (next(row) ?? filler) as readonly (Value | null)[]) flat.push(value);
    offsets[row + 1] = flat.length;
  }
  const items = buildVector(item, flat.length, (at) => flat[at]);
  return { kind: "list", length, nulls: null, offsets, items };
}
