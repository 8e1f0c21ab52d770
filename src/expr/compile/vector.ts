import { type Data, type RecordBatch, Type } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { createBits, fillBits, readBitmap } from "../bitset.ts";
import type { BoundColumn } from "../bound.ts";
import { decodeHalf } from "../half.ts";
import { describeCastType, type ValueType } from "../value-type.ts";

export type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A column of values during evaluation. `nulls` has a bit set for each NULL row; `null` = there is none. */
export type Vector = { readonly length: number; readonly nulls: Uint32Array | null } & VectorValues;

export type VectorValues =
  | { readonly kind: "number"; readonly values: NumberArray }
  | { readonly kind: "bigint"; readonly values: BigInt64Array | BigUint64Array }
  | { readonly kind: "bytes"; readonly offsets: Int32Array | Float64Array; readonly bytes: Uint8Array }
  | { readonly kind: "boolean"; readonly bits: Uint32Array };

/**
 * A column of a batch as a vector, without copying its values (booleans and half floats are unpacked).
 *
 * @throws INVALID_ARGUMENT when the batch lacks the column; SCHEMA_MISMATCH when it holds another type
 */
export function readColumn(batch: RecordBatch, column: BoundColumn): Vector {
  const index = batch.schema.fields.findIndex((field) => field.name === column.name);
  const data = batch.data.children[index];
  if (index < 0 || data === undefined) {
    const received = batch.schema.fields.map((field) => field.name);
    throw new LanceError("INVALID_ARGUMENT", `filter: the batch has no column ${JSON.stringify(column.name)}`, {
      column: column.name,
      received,
    });
  }
  const { length } = data;
  return { length, nulls: readNulls(data), ...readValues(data, column.type, column.name) };
}

/** NULL in every row. */
export function createNullVector(length: number): Vector {
  return { kind: "boolean", length, nulls: fillBits(length), bits: createBits(length) };
}

function readNulls(data: Data): Uint32Array | null {
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
  switch (type.kind) {
    case "boolean":
      if (values instanceof Uint8Array) return { kind: "boolean", bits: readBitmap(values, data.offset, length) };
      break;
    case "int":
    case "timestamp":
    case "date":
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
      if (values instanceof Uint8Array && data.valueOffsets !== undefined && data.typeId !== Type.Dictionary) {
        return { kind: "bytes", bytes: values, offsets: readOffsets(data.valueOffsets) };
      }
      break;
    default:
      return { kind: "boolean", bits: createBits(length) };
  }
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `filter: column ${JSON.stringify(name)}: expected ${describeCastType(type)}, received ${data.type}`,
    { column: name, expected: describeCastType(type), received: String(data.type) },
  );
}

function isWide(type: ValueType): boolean {
  if (type.kind === "int") return type.bits === 64;
  return type.kind === "timestamp" || (type.kind === "date" && type.unit === "ms");
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
