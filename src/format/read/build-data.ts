import {
  Data,
  type DataType,
  type Dictionary,
  type FixedSizeList,
  LargeBinary,
  LargeList,
  LargeUtf8,
  makeData,
  type Struct,
  Type,
  type TypeMap,
  Vector,
} from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { runDecoder } from "../../kernels/decode.ts";
import type { DecodedValues } from "./decoded-values.ts";
import { encodeDictionary } from "./encode-dictionary.ts";
import type { ColumnNode, LeafColumn } from "./leaf-column.ts";

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
  const length = builder.layerLength(layer);
  const nullBitmap = builder.layerValidity(layer);
  const nullCount = builder.layerNullCount(layer);
  if (node.children.length === 0) return buildLeaf(type, decoded, length, nullCount, nullBitmap);

  const children = node.children.map((child, index) => {
    const childType = type.children?.[index]?.type;
    if (!childType) throw new LanceError("CORRUPT", `column "${child.path}" has no Arrow type`, { column: child.path });
    return buildData(child, childType, leaves);
  });
  if (type.typeId === Type.Struct) {
    for (const [index, child] of children.entries()) {
      if (child.length !== length) {
        throw new LanceError(
          "CORRUPT",
          `column "${node.children[index]?.path}" holds ${child.length} values where its struct holds ${length}`,
          { column: node.path },
        );
      }
    }
    return newData(type, length, nullCount, { nullBitmap }, children);
  }
  const offsets = runDecoder(() => builder.layerOffsets(layer));
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
  const valueOffsets = type instanceof LargeList ? widenOffsets(offsets) : offsets;
  return newData(type, length, nullCount, { nullBitmap, valueOffsets }, children);
}

function buildLeaf(
  type: DataType,
  { leaf, builder }: DecodedLeaf,
  length: number,
  nullCount: number,
  nullBitmap: Uint8Array | undefined,
): Data {
  if (type.typeId === Type.Null) return makeData({ type: type as TypeMap[Type.Null], length });
  if (type.typeId === Type.Dictionary) {
    const { dictionary } = type as Dictionary;
    const values = buildLeaf(dictionary, { leaf, builder }, length, nullCount, nullBitmap);
    return encodeDictionary(type as Dictionary, new Vector([values]), leaf.path);
  }
  if (leaf.shape.variable) {
    const offsets = runDecoder(() => builder.valueOffsets());
    const wide = type instanceof LargeUtf8 || type instanceof LargeBinary;
    const valueOffsets = wide ? widenOffsets(offsets) : offsets;
    return newData(type, length, nullCount, { nullBitmap, valueOffsets, values: builder.valueData() });
  }
  if (type.typeId !== Type.FixedSizeList) {
    return newData(type, length, nullCount, { nullBitmap, values: viewValues(type, builder.valueData()) });
  }
  return buildFixedSizeList(type as FixedSizeList, builder, 0, { length, nullCount, nullBitmap });
}

interface Slots {
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
function newData(type: DataType, length: number, nullCount: number, buffers: DataBuffers, children: Data[] = []): Data {
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
