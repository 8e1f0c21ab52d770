import { create } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type CompressiveEncoding, CompressiveEncodingSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { parseLogicalType } from "../logical-type.ts";
import type { LanceField } from "../schema.ts";
import { type ArrowData, bytesOfValues, offsetAt, validityOf } from "./arrow-data.ts";
import { expandNulls } from "./bits.ts";
import { fixedSizeList, flat, variable } from "./encodings.ts";
import type { LanceFileVersion } from "./file-writer.ts";
import type { ItemType } from "./item-type.ts";
import { type LeafType, readLeafType } from "./leaf-form.ts";

const PACKED_KEYS = ["packed", "lance-encoding:packed"];

/** Whether a struct's fields are to lie side by side. */
export function isPackedField(field: LanceField): boolean {
  return PACKED_KEYS.some((key) => {
    const value = field.metadata[key];
    return (
      value !== undefined && ["true", "1", "yes", "on", "y"].includes(new TextDecoder().decode(value).toLowerCase())
    );
  });
}

/**
 * How a packed struct is written: whole bytes of fixed width in any version; text, bytes and vectors from 2.2 on.
 * @throws UNSUPPORTED naming the field that cannot be packed
 */
export function readPackedType(field: LanceField, path: string, version: LanceFileVersion): LeafType {
  const fields = field.children.map((child) => readPackedField(child, `${path}.${child.name}`));
  if (fields.length === 0) refuse(field, path, "a packed struct without fields");
  const isFixed = fields.every((item) => item.kind === "fixed");
  if (isFixed) {
    const byteWidth = fields.reduce((total, item) => total + (item.kind === "fixed" ? item.byteWidth : 0), 0);
    const bits = fields.map((item) => (item.kind === "fixed" ? item.byteWidth * 8 : 0));
    return { item: { kind: "fixed", byteWidth }, form: { kind: "packed", fields, description: packedStruct(bits) } };
  }
  if (version === "2.1") refuse(field, path, "a packed struct with text, bytes or vectors in a file of version 2.1");
  // Native packs vectors in the way of text only, where there is a field to measure by row.
  const description = variablePackedStruct(fields);
  return { item: { kind: "variable", offsetBits: 32 }, form: { kind: "packed", fields, description } };
}

function readPackedField(field: LanceField, path: string): ItemType {
  const leaf = field.children.length === 0 ? readLeafType(parseLogicalType(field.logicalType)) : undefined;
  const kind = leaf?.form.kind === "plain" ? leaf.item.kind : undefined;
  if (leaf && (kind === "fixed" || kind === "variable" || kind === "fixedSizeList")) return leaf.item;
  return refuse(field, path, `the type ${field.logicalType} within a packed struct`);
}

function refuse(field: LanceField, path: string, what: string): never {
  throw new LanceError(
    "UNSUPPORTED",
    `cannot write field "${path}": Lance has no way to store ${what}; leave out the metadata that asks to pack it`,
    { field: path, fieldId: field.id, logicalType: field.logicalType },
  );
}

/** Says "fields of these widths, side by side". */
export function packedStruct(bitsPerValue: readonly number[]): CompressiveEncoding {
  const values = flat(bitsPerValue.reduce((total, bits) => total + bits, 0));
  return create(CompressiveEncodingSchema, {
    compression: { case: "packedStruct", value: { bitsPerValue: bitsPerValue.map(BigInt), values } },
  });
}

/** Says "fields side by side, those of variable width after their length". */
export function variablePackedStruct(fields: readonly ItemType[]): CompressiveEncoding {
  return create(CompressiveEncodingSchema, {
    compression: { case: "variablePackedStruct", value: { fields: fields.map(describeField) } },
  });
}

function describeField(item: ItemType) {
  if (item.kind === "variable") {
    return {
      value: variable(item.offsetBits),
      layout: { case: "bitsPerLength" as const, value: BigInt(item.offsetBits) },
    };
  }
  const bits = measureFixed(item) * 8;
  const value =
    item.kind === "fixedSizeList"
      ? fixedSizeList(flat(item.byteWidth * 8), { dimension: item.dimension, hasValidity: false })
      : flat(bits);
  return { value, layout: { case: "bitsPerValue" as const, value: BigInt(bits) } };
}

function measureFixed(item: ItemType): number {
  if (item.kind === "fixed") return item.byteWidth;
  return item.kind === "fixedSizeList" ? item.byteWidth * item.dimension : 0;
}

/**
 * Lays the fields of a struct side by side, row after row. Rows of null structs are zeros, or empty.
 * @param children in the order of the fields
 */
export function packRows(data: ArrowData, children: readonly ArrowData[], fields: readonly ItemType[]): ArrowData {
  const { length } = data;
  const { type, offset, nullCount, nullBitmap } = data;
  const nulls = new Uint8Array(length);
  const validity = validityOf(data);
  if (validity) expandNulls(nulls, validity, data.offset, length);
  const columns = fields.map((item, i) => {
    const child = children[i]!;
    const bytes = bytesOfValues(child.type.typeId === 16 ? child.children[0]! : child);
    return { item, child, bytes, width: measureFixed(item) };
  });
  const isFixed = fields.every((item) => item.kind === "fixed");
  const valueOffsets = new Float64Array(length + 1);
  for (let row = 0; row < length; row++) {
    let rowBytes = 0;
    for (const { item, child, width } of columns) {
      rowBytes += width;
      if (item.kind !== "variable" || nulls[row] === 1) continue;
      rowBytes += item.offsetBits / 8 + offsetAt(child, row + 1) - offsetAt(child, row);
    }
    valueOffsets[row + 1] = valueOffsets[row]! + (nulls[row] === 1 && !isFixed ? 0 : rowBytes);
  }
  const values = new Uint8Array(valueOffsets[length]!);
  const view = new DataView(values.buffer);
  for (let row = 0; row < length; row++) {
    if (nulls[row] === 1) continue;
    let at = valueOffsets[row]!;
    for (const { item, child, bytes, width } of columns) {
      if (item.kind === "variable") {
        const start = offsetAt(child, row);
        const end = offsetAt(child, row + 1);
        view.setUint32(at, end - start, true);
        at += item.offsetBits / 8;
        values.set(bytes.subarray(start, end), at);
        at += end - start;
      } else {
        values.set(bytes.subarray(row * width, (row + 1) * width), at);
        at += width;
      }
    }
  }
  const shared = { type, length, offset, nullCount, nullBitmap, values, children: [] };
  return isFixed ? shared : { ...shared, valueOffsets };
}
