import { LanceError } from "../../errors.ts";
import { encodeJsonb } from "../json/jsonb.ts";
import { type ArrowData, type ArrowType, offsetAt, validityOf } from "./arrow-data.ts";
import { normalizeBlobs } from "./blob-input.ts";
import { DictionaryBuffer } from "./dictionary-buffer.ts";
import type { ItemRun } from "./item-buffer.ts";
import type { ItemType } from "./item-type.ts";
import type { WriteNode } from "./leaf-column.ts";
import type { LeafType } from "./leaf-form.ts";
import { flattenNestedLists } from "./nested-list.ts";
import { packRows } from "./packed-struct.ts";
import {
  bytesAt,
  internValues,
  isPlainType,
  packNulls,
  readDictionaryKeys,
  readNulls,
  toPlainValues,
} from "./plain-values.ts";

/** A leaf's values as its pages want them. */
export interface LeafData extends ArrowData {
  /** Dictionary columns: indices into `keyValues`, -1 for null. */
  readonly keys?: Int32Array;
  readonly keyValues?: ItemRun;
}

/**
 * The column as it is written: children in the order of the fields, missing ones null; dictionaries, views, JSON and
 * packed structs converted. Everything else is passed through. Cost: a copy of what is converted.
 * @throws INVALID_ARGUMENT, SCHEMA_MISMATCH naming the field: text that is no JSON, more values than indices can name
 */
export function normalizeColumn(node: WriteNode, data: ArrowData): LeafData {
  if (data.type.typeId === 1 && node.leaf?.item.kind !== "null") return makeNulls(node, data.length);
  if (node.leaf) return normalizeLeaf(node, node.leaf, data);
  const { type, length, offset, nullCount, nullBitmap } = data;
  const shared = { type, length, offset, nullCount, nullBitmap };
  if (node.kind === "struct") {
    return {
      ...shared,
      children: node.children.map((child, i) => normalizeChild(child, data, findChild(node, i, data))),
    };
  }
  const [item] = node.children;
  const source = data.children[0]!;
  if (node.kind === "fixedSizeList") return { ...shared, children: [normalizeColumn(item!, source)] };
  if (isPassedThrough(item!, source.type)) {
    return { ...shared, valueOffsets: data.valueOffsets, children: [normalizeColumn(item!, source)] };
  }
  // Of a slice, only its own items are converted.
  const start = offsetAt(data, 0);
  const count = offsetAt(data, length) - start;
  const valueOffsets = new Float64Array(length + 1);
  for (let i = 0; i <= length; i++) valueOffsets[i] = offsetAt(data, i) - start;
  return { ...shared, valueOffsets, children: [normalizeColumn(item!, sliceData(source, start, count))] };
}

function normalizeChild(child: WriteNode, parent: ArrowData, index: number): ArrowData {
  return index < 0 ? makeNulls(child, parent.length) : normalizeColumn(child, parent.children[index]!);
}

/** Fields of structs are matched by name; keys and values of a map by position. */
export function findChild(node: WriteNode, index: number, data: { readonly type: ArrowType }): number {
  const names = data.type.children?.map((child) => child.name) ?? [];
  return names.indexOf(node.children[index]!.field.name);
}

function isPassedThrough(node: WriteNode, type: ArrowType): boolean {
  if (node.leaf) return node.leaf.form.kind === "plain" && isPlainTree(type);
  return (type.children ?? []).every(({ name, type: childType }) => {
    const child =
      node.children.length === 1 ? node.children[0] : node.children.find(({ field }) => field.name === name);
    return !child || isPassedThrough(child, childType);
  });
}

function isPlainTree(type: ArrowType): boolean {
  return isPlainType(type) && (type.children ?? []).every((child) => isPlainTree(child.type));
}

function sliceData(data: ArrowData, from: number, count: number): ArrowData {
  if (from === 0 && count === data.length) return data;
  return (data as ArrowData & { slice(from: number, count: number): ArrowData }).slice(from, count);
}

function normalizeLeaf(node: WriteNode, leaf: LeafType, data: ArrowData): LeafData {
  const { item, form } = leaf;
  switch (form.kind) {
    case "plain":
      return toPlainValues(data, item);
    case "json":
      return encodeJson(node, toPlainValues(data, item));
    case "dictionary":
      return encodeKeys(node, data, form);
    case "packed":
      return packFields(node, data, form.fields);
    case "nestedList":
      return flattenNestedLists(data, form);
    case "blob":
      return normalizeBlobs(node.path, data);
  }
}

function encodeKeys(
  node: WriteNode,
  data: ArrowData,
  form: { readonly values: ItemType; readonly capacity: number },
): LeafData {
  let keys: Int32Array;
  let keyValues: ItemRun;
  if (data.type.typeId === -1) ({ keys, values: keyValues } = readDictionaryKeys(data, form.values));
  else {
    const dictionary = new DictionaryBuffer(form.values, form.capacity);
    keys = internValues(toPlainValues(data, form.values), form.values, (run, index) => dictionary.intern(run, index));
    keyValues = dictionary.run();
  }
  if (keyValues.count > form.capacity) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${node.path}" does not fit the schema: expected at most ${form.capacity} distinct values, as many as its indices can name, received ${keyValues.count}`,
      { field: node.path, expected: form.capacity, received: keyValues.count },
    );
  }
  const nulls = new Uint8Array(keys.length);
  for (let i = 0; i < keys.length; i++) if (keys[i]! < 0) nulls[i] = 1;
  return { type: { typeId: 2 }, length: data.length, offset: 0, ...packNulls(nulls), children: [], keys, keyValues };
}

const TEXT = new TextDecoder("utf-8", { ignoreBOM: true });

function encodeJson(node: WriteNode, data: ArrowData): ArrowData {
  const { type, length, offset, nullCount, nullBitmap } = data;
  const validity = validityOf(data);
  const valueOffsets = new Float64Array(length + 1);
  const parts: Uint8Array[] = [];
  for (let row = 0; row < length; row++) {
    const bit = offset + row;
    const isNull = validity !== undefined && ((validity[bit >> 3]! >> (bit & 7)) & 1) === 0;
    const bytes = isNull ? new Uint8Array(0) : encodeOne(node.path, TEXT.decode(bytesAt(data, row)), row);
    parts.push(bytes);
    valueOffsets[row + 1] = valueOffsets[row]! + bytes.length;
  }
  const values = new Uint8Array(valueOffsets[length]!);
  for (const [row, bytes] of parts.entries()) values.set(bytes, valueOffsets[row]!);
  return { type, length, offset, nullCount, nullBitmap, valueOffsets, values, children: [] };
}

function encodeOne(path: string, text: string, row: number): Uint8Array {
  try {
    return encodeJsonb(text);
  } catch (cause) {
    const shown = text.length > 40 ? `${text.slice(0, 40)}…` : text;
    throw new LanceError(
      "INVALID_ARGUMENT",
      `column "${path}", row ${row} of the batch: expected JSON, received ${JSON.stringify(shown)}`,
      { field: path, row },
      { cause },
    );
  }
}

function packFields(node: WriteNode, data: ArrowData, fields: readonly ItemType[]): ArrowData {
  const names = data.type.children?.map((child) => child.name) ?? [];
  const children = node.field.children.map((field, i) => {
    const child = toPlainValues(data.children[names.indexOf(field.name)]!, fields[i]!);
    checkPackedNulls(`${node.path}.${field.name}`, data, child);
    return child;
  });
  return packRows(data, children, fields);
}

/** Within a packed struct there is no place for nulls, only for a null struct. */
function checkPackedNulls(path: string, parent: ArrowData, child: ArrowData): void {
  const items = child.type.typeId === 16 ? child.children[0]! : undefined;
  if (!validityOf(child) && !(items && validityOf(items))) return;
  const gone = readNulls(parent);
  const nulls = readNulls(child);
  const itemNulls = items ? readNulls(items) : null;
  const perRow = itemNulls ? itemNulls.length / child.length : 0;
  for (let row = 0; row < child.length; row++) {
    if (gone[row] === 1) continue;
    const hasNull = nulls[row] === 1 || itemNulls?.subarray(row * perRow, (row + 1) * perRow).includes(1);
    if (!hasNull) continue;
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `column "${path}", row ${row} of the batch: expected no null, which a packed struct has no place for, received one`,
      { field: path, row },
    );
  }
}

/** A column of nulls, for a nullable field the batch lacks. Values left out are written as zeros. */
export function makeNulls(node: WriteNode, length: number): LeafData {
  const shared = { type: { typeId: 1 }, length, offset: 0, nullCount: length };
  const nulls = { ...shared, nullBitmap: new Uint8Array((length + 7) >> 3) };
  const valueOffsets = new Int32Array(length + 1);
  if (node.leaf) {
    const empty = { type: { typeId: 1 }, length: 0, offset: 0, nullCount: 0, children: [] };
    return { ...nulls, valueOffsets, children: [empty] };
  }
  const isList = node.kind === "list" || node.kind === "map";
  const count = isList ? 0 : node.kind === "fixedSizeList" ? length * node.dimension : length;
  const children = node.children.map((child) => makeNulls(child, count));
  return isList ? { ...nulls, valueOffsets, children } : { ...nulls, children };
}
