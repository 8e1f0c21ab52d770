import { create } from "@bufbuild/protobuf";
import { type CompressiveEncoding, CompressiveEncodingSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import type { LogicalType } from "../logical-type.ts";
import { fixedSizeList, flat } from "./encodings.ts";
import { type ItemType, readScalarType } from "./item-type.ts";

/** What is done to the values of a leaf before they are encoded. */
export type LeafForm =
  | { readonly kind: "plain" }
  /** Text, stored as JSONB. */
  | { readonly kind: "json" }
  /** Indices; the values stand in the page once. `capacity`: how many values an index can name. */
  | { readonly kind: "dictionary"; readonly values: ItemType; readonly capacity: number }
  /** Structs whose fields lie side by side. */
  | { readonly kind: "packed"; readonly fields: readonly ItemType[]; readonly description: CompressiveEncoding }
  /** Fixed-size lists of such lists, or of nulls: in each row the validity bits of every level, then the values. */
  | { readonly kind: "nestedList"; readonly dimensions: readonly number[]; readonly itemBytes: number }
  /** Bytes that stand elsewhere; version 1 in the file, 2 in the file or beside it. */
  | { readonly kind: "blob"; readonly version: 1 | 2 };

/** A leaf's type, as far as the writer takes it. */
export interface LeafType {
  readonly item: ItemType;
  readonly form: LeafForm;
}

/** Values of dictionaries: native's name for such a type ends at the first colon within its parts. */
const DICTIONARY_VALUES = ["bool", "int", "float", "string", "large_string", "binary", "large_binary"];
const PLAIN: LeafForm = { kind: "plain" };

/** How a leaf of this type is written, or `undefined` where native Lance has no way either. */
export function readLeafType(type: LogicalType): LeafType | undefined {
  if (type.kind === "dictionary") return readDictionary(type.value, type.index);
  if (type.kind === "fixed_size_list") return readFixedSizeList(type);
  const item = readScalarType(type);
  return item && { item, form: type.kind === "json" ? { kind: "json" } : PLAIN };
}

function readDictionary(value: LogicalType, index: LogicalType): LeafType | undefined {
  const values = readScalarType(value);
  if (!values || !DICTIONARY_VALUES.includes(value.kind) || index.kind !== "int") return undefined;
  const capacity = 2 ** Math.min(31, index.bits - (index.signed ? 1 : 0));
  return { item: { kind: "fixed", byteWidth: index.bits / 8 }, form: { kind: "dictionary", values, capacity } };
}

function readFixedSizeList(type: LogicalType & { kind: "fixed_size_list" }): LeafType | undefined {
  const dimensions: number[] = [];
  let inner: LogicalType = type;
  while (inner.kind === "fixed_size_list") {
    if (inner.size < 1) return undefined;
    dimensions.push(inner.size);
    inner = inner.item;
  }
  const item = readScalarType(inner);
  const [dimension = 0] = dimensions;
  if (item?.kind === "fixed" && dimensions.length === 1) {
    return { item: { kind: "fixedSizeList", byteWidth: item.byteWidth, dimension }, form: PLAIN };
  }
  if (item?.kind === "bool" && dimensions.length === 1) return { item: { kind: "boolList", dimension }, form: PLAIN };
  if (item?.kind !== "fixed" && item?.kind !== "null") return undefined;
  const itemBytes = item.kind === "fixed" ? item.byteWidth : 0;
  const byteWidth = measureNestedRow(dimensions, itemBytes).rowBytes;
  return { item: { kind: "fixed", byteWidth }, form: { kind: "nestedList", dimensions, itemBytes } };
}

/** Where the parts of a nested list's row lie: validity bits of each level, from the outermost, then the values. */
export function measureNestedRow(dimensions: readonly number[], itemBytes: number) {
  let numItems = 1;
  let rowBytes = 0;
  const levels = dimensions.map((dimension) => {
    numItems *= dimension;
    const level = { count: numItems, offset: rowBytes, byteWidth: Math.ceil(numItems / 8) };
    rowBytes += level.byteWidth;
    return level;
  });
  const valueOffset = rowBytes;
  return { levels, numItems, valueOffset, rowBytes: rowBytes + numItems * itemBytes };
}

/** Says how a nested list's rows lie; `hasValidity` from the outermost level. */
export function describeNestedList(
  { dimensions, itemBytes }: { dimensions: readonly number[]; itemBytes: number },
  hasValidity: readonly boolean[],
): CompressiveEncoding {
  let description =
    itemBytes > 0
      ? flat(itemBytes * 8)
      : create(CompressiveEncodingSchema, { compression: { case: "constant", value: {} } });
  for (let level = dimensions.length - 1; level >= 0; level--) {
    description = fixedSizeList(description, { dimension: dimensions[level]!, hasValidity: hasValidity[level]! });
  }
  return description;
}
