import {
  Data,
  type DataType,
  type Dictionary,
  type FixedSizeList,
  LargeBinary,
  LargeUtf8,
  makeData,
  type Struct,
  Type,
  type TypeMap,
} from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { runDecoder } from "../../kernels/decode.ts";
import { decodeJsonColumn } from "../json/json-column.ts";
import type { DecodedValues } from "./decoded-values.ts";
import { encodeDictionary } from "./encode-dictionary.ts";
import type { ColumnNode, LeafColumn, LeafShape } from "./leaf-column.ts";

/** A leaf that was decoded for one batch. */
export interface DecodedLeaf {
  readonly leaf: LeafColumn;
  readonly builder: DecodedValues;
}

/**
 * Arrow data of a field for one batch: copies each buffer out of WASM memory once. Offsets are 0.
 * @throws CORRUPT when the leaves of a struct disagree about its length
 */
export function buildData(node: ColumnNode, type: DataType, leaves: readonly DecodedLeaf[]): Data {
  const decoded = leaves[node.firstLeaf];
  if (!decoded) throw new LanceError("CORRUPT", `column "${node.path}" was not decoded`, { column: node.path });
  const { builder, leaf } = decoded;
  const layer = leaf.listLayers.length - 1 - node.depth;
  const slots = readSlots(builder, layer, leaf.layerFactors[layer]!);
  if (node.children.length === 0) {
    const isJson = node.field.logicalType === "json";
    return buildLeaf(type, { path: leaf.path, shape: leaf.shape, builder, isJson }, slots);
  }
  const children = node.children.map((child, index) => {
    const childType = type.children?.[index]?.type;
    if (!childType) throw new LanceError("CORRUPT", `column "${child.path}" has no Arrow type`, { column: child.path });
    return buildData(child, childType, leaves);
  });
  if (type.typeId === Type.Struct || type.typeId === Type.FixedSizeList) {
    return joinChildren(node, type, { slots, children });
  }
  return joinList(node, type, { slots, children, offsets: runDecoder(() => builder.layerOffsets(layer)) });
}

/** Entries of a layer; with a factor, every so many of its levels stand for one. */
function readSlots(builder: DecodedValues, layer: number, factor: number): Slots {
  const levels = builder.layerLength(layer);
  const bitmap = builder.layerValidity(layer);
  if (factor === 1) return { length: levels, nullBitmap: bitmap, nullCount: builder.layerNullCount(layer) };
  const length = levels / factor;
  if (bitmap === undefined) return { length, nullBitmap: undefined, nullCount: 0 };
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  let nullCount = 0;
  for (let row = 0; row < length; row++) {
    const at = row * factor;
    if ((bitmap[at >> 3]! >> (at & 7)) & 1) nullBitmap[row >> 3]! |= 1 << (row & 7);
    else nullCount++;
  }
  return { length, nullBitmap, nullCount };
}

/** A struct, or a fixed-size list of structs, over its children. @throws CORRUPT when lengths disagree */
function joinChildren(node: ColumnNode, type: DataType, { slots, children }: { slots: Slots; children: Data[] }): Data {
  const expected = slots.length * (type.typeId === Type.FixedSizeList ? (type as FixedSizeList).listSize : 1);
  for (const [index, child] of children.entries()) {
    if (child.length !== expected) {
      throw new LanceError(
        "CORRUPT",
        `column "${node.children[index]?.path}" holds ${child.length} values where its parent holds ${expected}`,
        { column: node.path },
      );
    }
  }
  return newData(type, slots.length, slots.nullCount, { nullBitmap: slots.nullBitmap }, children);
}

/** A list or map over its items. @throws CORRUPT when the offsets end elsewhere than the items */
export function joinList(
  node: { readonly path: string },
  type: DataType,
  { slots, children, offsets }: { slots: Slots; children: Data[]; offsets: Int32Array },
): Data {
  const [child] = children;
  if (!child || offsets[offsets.length - 1] !== child.length) {
    throw new LanceError(
      "CORRUPT",
      `column "${node.path}": its lists end at ${offsets[offsets.length - 1]}, its items at ${child?.length}`,
      {
        column: node.path,
      },
    );
  }
  const valueOffsets = type.typeId === Type.LargeList ? widenOffsets(offsets) : offsets;
  return newData(type, slots.length, slots.nullCount, { nullBitmap: slots.nullBitmap, valueOffsets }, children);
}

/** Arrow data of one leaf. @throws CORRUPT, UNSUPPORTED */
export function buildLeaf(type: DataType, leaf: LeafValues, slots: Slots): Data {
  const { length, nullCount, nullBitmap } = slots;
  const { builder, shape, path } = leaf;
  if (type.typeId === Type.Null) return makeData({ type: type as TypeMap[Type.Null], length });
  if (type.typeId === Type.Dictionary) {
    const { dictionary } = type as Dictionary;
    const values = buildLeaf(dictionary, leaf, slots);
    return encodeDictionary(type as Dictionary, values, path);
  }
  if (type.typeId === Type.Struct) return buildPackedStruct(type as Struct, leaf, slots);
  if (shape.variable) {
    const offsets = runDecoder(() => builder.valueOffsets());
    const data = builder.valueData();
    if (leaf.isJson) return buildJson(type, { offsets, data }, slots);
    const wide = type instanceof LargeUtf8 || type instanceof LargeBinary;
    const valueOffsets = wide ? widenOffsets(offsets) : offsets;
    return newData(type, length, nullCount, { nullBitmap, valueOffsets, values: data });
  }
  if (type.typeId !== Type.FixedSizeList) {
    return newData(type, length, nullCount, { nullBitmap, values: viewValues(type, builder.valueData()) });
  }
  return buildFixedSizeList(type as FixedSizeList, builder, 0, slots);
}

/** The decoded values of one leaf. */
export interface LeafValues {
  readonly path: string;
  readonly shape: LeafShape;
  readonly builder: DecodedValues;
  /** Whether the values are JSONB, which Arrow gets as text. */
  readonly isJson: boolean;
}

/** A struct stored as rows of its fields; the fields themselves have no nulls. */
function buildPackedStruct(type: Struct, { path, shape, builder }: LeafValues, slots: Slots): Data {
  const { length } = slots;
  // Of a struct without fields no file records which rows are null, and no writer lets one be.
  const { nullCount, nullBitmap } = shape.fields ? slots : { nullCount: 0, nullBitmap: undefined };
  const children = (shape.fields ?? []).map((field, index) => {
    const values: DecodedValues = {
      layerLength: () => length,
      layerValidity: () => undefined,
      layerNullCount: () => 0,
      layerOffsets: () => Int32Array.of(0),
      itemValidity: () => undefined,
      valueData: () => runDecoder(() => builder.fieldData!(index)),
      valueOffsets: () => runDecoder(() => builder.fieldOffsets!(index)),
      free: () => {},
    };
    const child = { path: `${path}.${type.children[index]!.name}`, shape: field, builder: values, isJson: false };
    return buildLeaf(type.children[index]!.type, child, { length, nullCount: 0, nullBitmap: undefined });
  });
  return newData(type, length, nullCount, { nullBitmap }, children);
}

function buildJson(type: DataType, values: { offsets: Int32Array; data: Uint8Array }, slots: Slots): Data {
  const { offsets, data } = decodeJsonColumn(values.offsets, values.data, slots.nullBitmap);
  const { length, nullCount, nullBitmap } = slots;
  return newData(type, length, nullCount, { nullBitmap, valueOffsets: offsets, values: data });
}

/** Entries of a layer, and which of them are null. */
export interface Slots {
  readonly length: number;
  readonly nullCount: number;
  readonly nullBitmap: Uint8Array | undefined;
}

function buildFixedSizeList(type: FixedSizeList, builder: DecodedValues, level: number, slots: Slots): Data {
  const itemType = type.children[0]!.type;
  const length = slots.length * type.listSize;
  const nullBitmap = builder.itemValidity(level);
  const item = { length, nullCount: nullBitmap ? countNulls(nullBitmap, length) : 0, nullBitmap };
  const child =
    itemType.typeId === Type.FixedSizeList
      ? buildFixedSizeList(itemType as FixedSizeList, builder, level + 1, item)
      : newData(itemType, length, item.nullCount, { nullBitmap, values: viewValues(itemType, builder.valueData()) });
  return newData(type, slots.length, slots.nullCount, { nullBitmap: slots.nullBitmap }, [child]);
}

interface DataBuffers {
  readonly valueOffsets?: Int32Array | BigInt64Array;
  readonly values?: ArrayBufferView;
  readonly nullBitmap: Uint8Array | undefined;
}

/** `makeData` by type would need one call per type; the constructor takes the buffers as they are. */
export function newData(
  type: DataType,
  length: number,
  nullCount: number,
  buffers: DataBuffers,
  children: Data[] = [],
): Data {
  const { valueOffsets, values, nullBitmap } = buffers;
  return new Data(
    type,
    0,
    length,
    nullCount,
    [valueOffsets, values, nullCount > 0 ? nullBitmap : undefined] as never,
    children,
  );
}

/** The bytes as the typed array of the type. Decoder output starts at a fresh buffer, so it is aligned. */
export function viewValues(type: DataType, bytes: Uint8Array): ArrayBufferView {
  const Values = type.ArrayType as {
    new (buffer: ArrayBufferLike, offset: number, length: number): ArrayBufferView;
  } & {
    BYTES_PER_ELEMENT: number;
  };
  return new Values(bytes.buffer, bytes.byteOffset, bytes.byteLength / Values.BYTES_PER_ELEMENT);
}

function widenOffsets(offsets: Int32Array): BigInt64Array {
  return BigInt64Array.from(offsets, BigInt);
}

function countNulls(bitmap: Uint8Array, length: number): number {
  let valid = 0;
  for (let i = 0; i < bitmap.byteLength; i++) {
    let byte = bitmap[i]!;
    for (; byte !== 0; byte &= byte - 1) valid++;
  }
  return length - valid;
}

/** The struct of a whole batch. */
export function buildStruct(type: Struct, length: number, children: Data[]): Data<Struct> {
  return makeData({ type, length, nullCount: 0, children });
}
