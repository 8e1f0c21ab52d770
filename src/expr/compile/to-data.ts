import { type Data, type DataType, makeData, Type } from "apache-arrow";
import { toArrowValueType } from "../arrow-type.ts";
import { countBits } from "../bitset.ts";
import { encodeHalf } from "../half.ts";
import type { DecimalType, ListType, ValueType } from "../value-type.ts";
import { createNumbers } from "./build-vector.ts";
import { readVector } from "./read-vector.ts";
import type { Vector } from "./vector.ts";
import { toValidity } from "./with-nulls.ts";

/** A vector as Arrow data of its type. Copies bitmaps; numbers and bytes are shared. */
export function toArrowData(vector: Vector, type: ValueType): Data {
  if (vector.kind === "opaque") return vector.data;
  const arrowType = toArrowValueType(type);
  return makeData({
    ...describeNulls(vector),
    type: arrowType,
    ...(buffersOf(vector, type, arrowType) as object),
  } as never);
}

/** Data of a dictionary unpacked to its values; other data as it is. */
export function unpackDictionary(data: Data, type: ValueType): Data {
  return data.typeId === Type.Dictionary ? toArrowData(readVector(data, type, "dictionary"), type) : data;
}

function describeNulls({ length, nulls }: Vector) {
  if (nulls === null) return { length, nullCount: 0 };
  return { length, nullCount: countBits(nulls), nullBitmap: toValidity(nulls, length) };
}

function buffersOf(vector: Vector, type: ValueType, arrowType: DataType) {
  const { length } = vector;
  switch (type.kind) {
    case "null":
      return {};
    case "boolean":
      if (vector.kind !== "boolean") break;
      return { data: new Uint8Array(vector.bits.slice().buffer).subarray(0, (length + 7) >>> 3) };
    case "utf8":
    case "binary":
      if (vector.kind !== "bytes") break;
      return { data: vector.bytes, valueOffsets: toOffsets(vector.offsets, type.large) };
    case "fixedBinary":
      if (vector.kind !== "bytes") break;
      return { data: spreadRows(vector.bytes, vector.offsets, type.width) };
    case "decimal":
      if (vector.kind !== "decimal") break;
      return { data: writeDecimals(vector.values, type) };
    case "list":
      if (vector.kind !== "list") break;
      return listBuffers(vector, type);
    case "float":
      if (vector.kind !== "number") break;
      return {
        data: type.bits === 16 ? Uint16Array.from(vector.values.subarray(0, length), encodeHalf) : vector.values,
      };
    default:
      if (vector.kind !== "number" && vector.kind !== "bigint") break;
      return { data: vector.values };
  }
  // A vector of NULL alone has no values.
  return emptyBuffers(type, length, arrowType);
}

function emptyBuffers(type: ValueType, length: number, arrowType: DataType): object {
  switch (type.kind) {
    case "boolean":
      return { data: new Uint8Array((length + 7) >>> 3) };
    case "utf8":
    case "binary":
      return { data: new Uint8Array(0), valueOffsets: toOffsets(new Float64Array(length + 1), type.large) };
    case "fixedBinary":
      return { data: new Uint8Array(length * type.width) };
    case "decimal":
      return { data: writeDecimals(new Array<bigint>(length).fill(0n), type) };
    case "float":
      return { data: type.bits === 16 ? new Uint16Array(length) : createNumbers(type, length) };
    case "list": {
      const size = typeof type.form === "number" ? type.form * length : 0;
      const items = { kind: "boolean", length: size, nulls: null, bits: new Uint32Array(0) } as const;
      const offsets = new Float64Array(length + 1);
      return listBuffers({ kind: "list", length, nulls: null, items, offsets }, type);
    }
    case "struct":
      return {
        children: arrowType.children.map((field: { type: DataType }) =>
          makeData({
            type: field.type,
            length,
            nullCount: length,
            nullBitmap: new Uint8Array((length + 7) >>> 3),
          } as never),
        ),
      };
    default:
      return { data: createNumbers(type, length) };
  }
}

function listBuffers(vector: Extract<Vector, { kind: "list" }>, type: ListType): object {
  const { offsets, items } = vector;
  const child = toArrowData(items, type.item);
  if (typeof type.form !== "number") return { valueOffsets: toOffsets(offsets, type.form === "large"), child };
  return { child };
}

function toOffsets(offsets: Int32Array | Float64Array, large: boolean): Int32Array | BigInt64Array {
  if (large) return BigInt64Array.from(offsets, BigInt);
  return offsets instanceof Int32Array ? offsets : Int32Array.from(offsets);
}

/** Every row at its place, NULL rows as zeros. */
function spreadRows(bytes: Uint8Array, offsets: ArrayLike<number>, width: number): Uint8Array {
  const rows = offsets.length - 1;
  const result = new Uint8Array(rows * width);
  for (let row = 0; row < rows; row++) result.set(bytes.subarray(offsets[row], offsets[row + 1]), row * width);
  return result;
}

function writeDecimals(values: readonly bigint[], type: DecimalType): Uint32Array {
  const words = type.bits / 64;
  const result = new BigUint64Array(values.length * words);
  values.forEach((value, row) => {
    for (let word = 0; word < words; word++) {
      result[row * words + word] = BigInt.asUintN(64, value >> BigInt(64 * word));
    }
  });
  return new Uint32Array(result.buffer);
}
