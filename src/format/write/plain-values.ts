import { type ArrowData, bytesOfValues, offsetAt, validityOf } from "./arrow-data.ts";
import { expandNulls, packValidity } from "./bits.ts";
import { ItemBuffer, type ItemRun } from "./item-buffer.ts";
import type { ItemType } from "./item-type.ts";

/** Whether values of this Arrow type lie as a page wants them: no dictionary, no views. */
export function isPlainType(type: { readonly typeId: number }): boolean {
  return type.typeId !== -1 && type.typeId !== 23 && type.typeId !== 24;
}

/** Values in plain layout: dictionaries and views are expanded; all else is passed through. Cost: a copy of these. */
export function toPlainValues(data: ArrowData, item: ItemType): ArrowData {
  const { typeId } = data.type;
  if (typeId === -1) return expandDictionary(data, item);
  if (typeId === 23 || typeId === 24) return expandViews(data);
  if (typeId !== 16 || (item.kind !== "fixedSizeList" && item.kind !== "boolList")) return data;
  const elements = data.children[0]!;
  const element: ItemType = item.kind === "boolList" ? { kind: "bool" } : { kind: "fixed", byteWidth: item.byteWidth };
  const plain = toPlainValues(elements, element);
  if (plain === elements) return data;
  const { type, length, offset, nullCount, nullBitmap } = data;
  return { type, length, offset, nullCount, nullBitmap, children: [plain] };
}

/** Keys of a dictionary column as indices into `values`, -1 for null. */
export interface DictionaryKeys {
  readonly keys: Int32Array;
  readonly values: ItemRun;
}

/** What dictionaries hold, so that the pieces of a batch open theirs once. */
const openDictionaries = new WeakMap<object, { readonly values: ItemRun; readonly nulls: Uint8Array }>();

/** Reads a dictionary column without expanding it; a key of a null value is null. */
export function readDictionaryKeys(data: ArrowData, item: ItemType): DictionaryKeys {
  const { values, nulls } = openDictionary(data, item);
  const keys = new Int32Array(data.length).fill(-1);
  const own = readNulls(data);
  const source = data.values as unknown as ArrayLike<number | bigint>;
  for (let i = 0; i < keys.length; i++) {
    if (own[i] === 1) continue;
    const key = Number(source[i]);
    if (key >= 0 && key < values.count && nulls[key] === 0) keys[i] = key;
  }
  return { keys, values };
}

function openDictionary(data: ArrowData, item: ItemType) {
  const { dictionary } = data;
  const known = dictionary && openDictionaries.get(dictionary);
  if (known) return known;
  const buffer = new ItemBuffer(item);
  const parts: Uint8Array[] = [];
  for (const part of dictionary?.data ?? []) {
    const plain = toPlainValues(part, item);
    buffer.append(plain, 0, plain.length);
    parts.push(readNulls(plain));
  }
  const nulls = new Uint8Array(buffer.count);
  let at = 0;
  for (const part of parts) {
    nulls.set(part, at);
    at += part.length;
  }
  const opened = { values: buffer.run(), nulls };
  if (dictionary) openDictionaries.set(dictionary, opened);
  return opened;
}

/** One byte per value, 1 = null. */
export function readNulls(data: ArrowData): Uint8Array {
  const nulls = new Uint8Array(data.length);
  if (data.type.typeId === 1) return nulls.fill(1);
  const validity = validityOf(data);
  if (validity) expandNulls(nulls, validity, data.offset, data.length);
  return nulls;
}

/** Bitmap and count for one byte per value, 1 = null. */
export function packNulls(nulls: Uint8Array): { nullBitmap: Uint8Array; nullCount: number } {
  let nullCount = 0;
  for (let i = 0; i < nulls.length; i++) nullCount += nulls[i]!;
  const nullBitmap = new Uint8Array((nulls.length + 7) >> 3);
  packValidity(nullBitmap, nulls, 0, nulls.length);
  return { nullBitmap, nullCount };
}

function makeColumn(
  data: ArrowData,
  nulls: Uint8Array,
  rest: { values: Uint8Array; valueOffsets?: Float64Array },
): ArrowData {
  // The column of a dictionary or of views is no longer one.
  const type = { typeId: rest.valueOffsets ? 4 : 15 };
  return { type, length: data.length, offset: 0, ...packNulls(nulls), children: [], ...rest };
}

function expandDictionary(data: ArrowData, item: ItemType): ArrowData {
  const { keys, values } = readDictionaryKeys(data, item);
  const nulls = new Uint8Array(keys.length);
  for (let i = 0; i < keys.length; i++) if (keys[i]! < 0) nulls[i] = 1;
  return makeColumn(data, nulls, gather(values, keys));
}

function gather(run: ItemRun, keys: Int32Array): { values: Uint8Array; valueOffsets?: Float64Array } {
  const { type, values, ends } = run;
  if (type.kind === "bool") {
    const bits = new Uint8Array((keys.length + 7) >> 3);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key >= 0) bits[i >> 3] = bits[i >> 3]! | (((values[key >> 3]! >> (key & 7)) & 1) << (i & 7));
    }
    return { values: bits };
  }
  if (type.kind !== "variable") {
    const width = type.kind === "fixed" ? type.byteWidth : 0;
    const gathered = new Uint8Array(keys.length * width);
    for (let i = 0; i < keys.length; i++) {
      const key = keys[i]!;
      if (key >= 0) gathered.set(values.subarray(key * width, (key + 1) * width), i * width);
    }
    return { values: gathered };
  }
  const valueOffsets = new Float64Array(keys.length + 1);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    valueOffsets[i + 1] = valueOffsets[i]! + (key >= 0 ? ends[key + 1]! - ends[key]! : 0);
  }
  const gathered = new Uint8Array(valueOffsets[keys.length]!);
  for (let i = 0; i < keys.length; i++) {
    const key = keys[i]!;
    if (key >= 0) gathered.set(values.subarray(ends[key]!, ends[key + 1]!), valueOffsets[i]!);
  }
  return { values: gathered, valueOffsets };
}

/** Views (16 bytes: length, then the bytes themselves up to 12, or prefix, buffer and offset). */
function expandViews(data: ArrowData): ArrowData {
  const bytes = bytesOfValues(data);
  const views = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const nulls = readNulls(data);
  const valueOffsets = new Float64Array(data.length + 1);
  for (let i = 0; i < data.length; i++) {
    valueOffsets[i + 1] = valueOffsets[i]! + (nulls[i] === 1 ? 0 : views.getInt32(i * 16, true));
  }
  const values = new Uint8Array(valueOffsets[data.length]!);
  for (let i = 0; i < data.length; i++) {
    const length = valueOffsets[i + 1]! - valueOffsets[i]!;
    if (length === 0) continue;
    const start = length <= 12 ? i * 16 + 4 : views.getInt32(i * 16 + 12, true);
    const source = length <= 12 ? bytes : data.variadicBuffers![views.getInt32(i * 16 + 8, true)]!;
    values.set(source.subarray(start, start + length), valueOffsets[i]!);
  }
  return makeColumn(data, nulls, { values, valueOffsets });
}

/** Distinct values of a plain column, and which of them each row has: what a dictionary column wants. */
export function internValues(
  data: ArrowData,
  item: ItemType,
  intern: (run: ItemRun, index: number) => number,
): Int32Array {
  const buffer = new ItemBuffer(item);
  buffer.append(data, 0, data.length);
  const run = buffer.run();
  const nulls = readNulls(data);
  const keys = new Int32Array(data.length);
  for (let i = 0; i < keys.length; i++) keys[i] = nulls[i] === 1 ? -1 : intern(run, i);
  return keys;
}

/** The bytes of value `index` of a plain column of variable width. A view. */
export function bytesAt(data: ArrowData, index: number): Uint8Array {
  return bytesOfValues(data).subarray(offsetAt(data, index), offsetAt(data, index + 1));
}
