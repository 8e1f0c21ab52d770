import { type Data, type RecordBatch, type Struct, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { fillBits, hasBit, readBitmap, uniteBits } from "../bitset.ts";
import type { BoundColumn, BoundExpression } from "../bound.ts";
import { decodeHalf } from "../half.ts";
import { describeCastType, timeBits, type ValueType } from "../value-type.ts";
import { buildVector } from "./build-vector.ts";
import { createReader } from "./read-value.ts";
import { createNullVector, type Vector, type VectorValues } from "./vector.ts";

/**
 * A column of a batch as a vector, without copying its values (booleans, half floats and dictionaries are unpacked).
 *
 * @throws INVALID_ARGUMENT when the batch lacks the column; SCHEMA_MISMATCH when it holds another type
 */
export function readColumn(batch: RecordBatch, column: BoundColumn): Vector {
  return readVector(findColumn(batch, column.name), column.type, column.name);
}

/** A field of a struct; NULL where the struct is. */
export function readField(operand: Vector, field: Extract<BoundExpression, { kind: "field" }>): Vector {
  if (operand.kind !== "opaque") return createNullVector(operand.length);
  const { data } = operand;
  const index = (data.type as Struct).children.findIndex(({ name }) => name === field.name);
  const child = data.children[index];
  if (child === undefined) {
    throw new LanceError("SCHEMA_MISMATCH", `expression: the struct has no field ${JSON.stringify(field.name)}`, {
      expected: field.name,
      received: String(data.type),
    });
  }
  const vector = readVector(child, field.type, field.name);
  return { ...vector, nulls: uniteBits(vector.nulls, operand.nulls) };
}

/** The data of a batch's column. @throws INVALID_ARGUMENT when there is none of this name */
export function findColumn(batch: RecordBatch, name: string): Data {
  const index = batch.schema.fields.findIndex((field) => field.name === name);
  const data = batch.data.children[index];
  if (index < 0 || data === undefined) {
    const received = batch.schema.fields.map((field) => field.name);
    throw new LanceError("INVALID_ARGUMENT", `expression: the batch has no column ${JSON.stringify(name)}`, {
      column: name,
      received,
    });
  }
  return data;
}

/** The values of some data as a vector. @throws SCHEMA_MISMATCH when it holds another type */
export function readVector(data: Data, type: ValueType, name: string): Vector {
  if (data.typeId === Type.Dictionary && type.kind !== "other") return readDictionary(data, type, name);
  return { length: data.length, nulls: readNulls(data), ...readValues(data, type, name) };
}

/** The rows of some data that are NULL; `null` where none is. */
export function readNulls(data: Data): Uint32Array | null {
  if (data.typeId === Type.Null) return fillBits(data.length);
  if (data.nullCount === 0 || data.nullBitmap === undefined || data.nullBitmap.length === 0) return null;
  const valid = readBitmap(data.nullBitmap, data.offset, data.length);
  const all = fillBits(data.length);
  for (let i = 0; i < valid.length; i++) all[i] = all[i]! & ~valid[i]!;
  return all;
}

function readValues(data: Data, type: ValueType, name: string): VectorValues {
  const values: unknown = data.values;
  const { length } = data;
  // Arrow leaves out the buffers of an empty column.
  if (length === 0) return { kind: "opaque", data };
  switch (type.kind) {
    case "boolean":
      if (values instanceof Uint8Array) return { kind: "boolean", bits: readBitmap(values, data.offset, length) };
      break;
    case "int":
    case "timestamp":
    case "date":
    case "time":
    case "duration":
      if (values instanceof BigInt64Array || values instanceof BigUint64Array) {
        if (isWide(type)) return { kind: "bigint", values };
      } else if (!isWide(type) && isIntegerArray(values)) return { kind: "number", values };
      break;
    case "float":
      if (type.bits === 16 && values instanceof Uint16Array) return { kind: "number", values: widenHalves(values) };
      if (type.bits === 32 && values instanceof Float32Array) return { kind: "number", values };
      if (type.bits === 64 && values instanceof Float64Array) return { kind: "number", values };
      break;
    case "utf8":
    case "binary":
      if (values instanceof Uint8Array && data.valueOffsets !== undefined) {
        return { kind: "bytes", bytes: values, offsets: readOffsets(data.valueOffsets) };
      }
      break;
    case "fixedBinary":
      if (values instanceof Uint8Array) {
        return { kind: "bytes", bytes: values, offsets: strideOffsets(length, type.width) };
      }
      break;
    case "decimal":
      if (ArrayBuffer.isView(values)) return { kind: "decimal", values: readDecimals(values, length, type.bits) };
      break;
    case "list":
      return readList(data, type, name);
    default:
      return { kind: "opaque", data };
  }
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `expression: column ${JSON.stringify(name)}: expected ${describeCastType(type)}, received ${data.type}`,
    { column: name, expected: describeCastType(type), received: String(data.type) },
  );
}

function readList(data: Data, type: Extract<ValueType, { kind: "list" }>, name: string): VectorValues {
  const child = data.children[0];
  if (child === undefined) return { kind: "opaque", data };
  const items = readVector(child, type.item, name);
  const offsets =
    typeof type.form === "number" ? strideOffsets(data.length, type.form) : readOffsets(data.valueOffsets);
  return { kind: "list", offsets, items };
}

function readDictionary(data: Data, type: ValueType, name: string): Vector {
  const chunks = data.dictionary?.data ?? [];
  const readers = chunks.map((chunk) => {
    const vector = readVector(chunk, type, name);
    return { vector, read: createReader(vector, type) };
  });
  const indices = data.values as ArrayLike<number | bigint>;
  const nulls = readNulls(data);
  return buildVector(type, data.length, (row) => {
    if (nulls !== null && hasBit(nulls, row)) return null;
    let at = Number(indices[row]);
    for (const { vector, read } of readers) {
      if (at < vector.length) return vector.nulls !== null && hasBit(vector.nulls, at) ? null : read(at);
      at -= vector.length;
    }
    return null;
  });
}

function isWide(type: ValueType): boolean {
  if (type.kind === "int") return type.bits === 64;
  if (type.kind === "time") return timeBits(type.unit) === 64;
  return type.kind === "timestamp" || type.kind === "duration" || (type.kind === "date" && type.unit === "ms");
}

function isIntegerArray(values: unknown): values is Int32Array {
  return (
    ArrayBuffer.isView(values) &&
    !(values instanceof DataView) &&
    !(values instanceof Float64Array) &&
    !(values instanceof Float32Array)
  );
}

function readOffsets(offsets: Int32Array | BigInt64Array): Int32Array | Float64Array {
  return offsets instanceof BigInt64Array ? Float64Array.from(offsets, Number) : offsets;
}

function strideOffsets(length: number, width: number): Float64Array {
  return Float64Array.from({ length: length + 1 }, (_, row) => row * width);
}

/** Little-endian two's complement of 16 or 32 bytes. */
function readDecimals(values: ArrayBufferView, length: number, bits: 128 | 256): bigint[] {
  const words = bits / 64;
  const bytes = new Uint8Array(values.buffer, values.byteOffset, length * words * 8);
  const view = new DataView(bytes.slice().buffer);
  const result = new Array<bigint>(length);
  for (let row = 0; row < length; row++) {
    let value = view.getBigInt64((row * words + words - 1) * 8, true);
    for (let word = words - 2; word >= 0; word--) {
      value = (value << 64n) | view.getBigUint64((row * words + word) * 8, true);
    }
    result[row] = value;
  }
  return result;
}

/** Half → single floats, the sign of a NaN kept: it decides where the total order puts it. */
function widenHalves(halves: Uint16Array): Float32Array {
  const result = new Float32Array(halves.length);
  const bits = new Uint32Array(result.buffer);
  for (let i = 0; i < halves.length; i++) {
    const half = halves[i]!;
    if ((half & 0x7fff) > 0x7c00) bits[i] = ((half & 0x8000) << 16) | 0x7fc00000;
    else result[i] = decodeHalf(half);
  }
  return result;
}
