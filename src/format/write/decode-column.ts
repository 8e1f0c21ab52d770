import { type ArrowData, bytesOfValues, validityOf } from "./arrow-data.ts";
import { expandNulls, packValidity } from "./bits.ts";
import { ItemBuffer, type ItemRun } from "./item-buffer.ts";
import type { ItemType } from "./leaf-column.ts";

/**
 * The column in plain layout: dictionary columns and views are expanded, lists of them too; all else is passed through.
 * Cost: a copy of the expanded values.
 */
export function decodeColumn(data: ArrowData, item: ItemType): ArrowData {
  const { typeId } = data.type;
  if (typeId === -1) return decodeDictionary(data, item);
  if (typeId === 23 || typeId === 24) return decodeView(data);
  if (typeId !== 12 && typeId !== 21) return data;
  const child = data.children[0];
  const decoded = child && decodeColumn(child, item);
  if (!decoded || decoded === child) return data;
  const { type, length, offset, nullCount, nullBitmap, valueOffsets } = data;
  return { type, length, offset, nullCount, nullBitmap, valueOffsets, children: [decoded] };
}

function readNulls(data: ArrowData): { nulls: Uint8Array; numNulls: number } {
  const nulls = new Uint8Array(data.length);
  const validity = validityOf(data);
  return { nulls, numNulls: validity ? expandNulls(nulls, validity, data.offset, data.length) : 0 };
}

function packColumn(data: ArrowData, nulls: Uint8Array, rest: { values: Uint8Array; valueOffsets?: Float64Array }) {
  let nullCount = 0;
  for (let i = 0; i < nulls.length; i++) nullCount += nulls[i]!;
  const nullBitmap = new Uint8Array((data.length + 7) >> 3);
  packValidity(nullBitmap, nulls, 0, data.length);
  return { type: data.type, length: data.length, offset: 0, nullCount, nullBitmap, children: [], ...rest };
}

function decodeDictionary(data: ArrowData, item: ItemType): ArrowData {
  const dictionary = new ItemBuffer(item);
  for (const part of data.dictionary?.data ?? []) dictionary.append(decodeColumn(part, item), 0, part.length);
  const run = dictionary.run();
  const { nulls } = readNulls(data);
  const keys = new Uint32Array(data.length);
  const source = data.values as unknown as ArrayLike<number | bigint>;
  for (let i = 0; i < keys.length; i++) {
    if (nulls[i] === 1) continue;
    const key = Number(source[i]);
    keys[i] = key;
    if (!(key >= 0 && key < run.count) || run.nulls?.[key] === 1) nulls[i] = 1;
  }
  return packColumn(data, nulls, gather(run, keys, nulls));
}

function gather(
  run: ItemRun,
  keys: Uint32Array,
  nulls: Uint8Array,
): { values: Uint8Array; valueOffsets?: Float64Array } {
  const { type, values, ends } = run;
  if (type.kind === "bool") {
    const bits = new Uint8Array((keys.length + 7) >> 3);
    for (let i = 0; i < keys.length; i++) {
      if (nulls[i] === 0) bits[i >> 3]! |= ((values[keys[i]! >> 3]! >> (keys[i]! & 7)) & 1) << (i & 7);
    }
    return { values: bits };
  }
  if (type.kind !== "variable") {
    const width = type.kind === "fixed" ? type.byteWidth : 0;
    const gathered = new Uint8Array(keys.length * width);
    for (let i = 0; i < keys.length; i++) {
      if (nulls[i] === 0) gathered.set(values.subarray(keys[i]! * width, (keys[i]! + 1) * width), i * width);
    }
    return { values: gathered };
  }
  const valueOffsets = new Float64Array(keys.length + 1);
  for (let i = 0; i < keys.length; i++) {
    const length = nulls[i] === 0 ? ends[keys[i]! + 1]! - ends[keys[i]!]! : 0;
    valueOffsets[i + 1] = valueOffsets[i]! + length;
  }
  const gathered = new Uint8Array(valueOffsets[keys.length]!);
  for (let i = 0; i < keys.length; i++) {
    if (nulls[i] === 0) gathered.set(values.subarray(ends[keys[i]!]!, ends[keys[i]! + 1]!), valueOffsets[i]!);
  }
  return { values: gathered, valueOffsets };
}

/** Views (16 bytes: length, then the bytes themselves up to 12, or prefix, buffer and offset). */
function decodeView(data: ArrowData): ArrowData {
  const bytes = bytesOfValues(data);
  const views = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const { nulls } = readNulls(data);
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
  return packColumn(data, nulls, { values, valueOffsets });
}
