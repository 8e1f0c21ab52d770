import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Data, DataType, type RecordBatch, Type } from "apache-arrow";
import {
  fileColumns,
  type LanceFile,
  openLanceFile,
  type ReadOptions,
  type RowSelection,
} from "../../src/format/read/file.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";

/** A value as the fixtures' `expected.json` writes it. */
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };

export const FIXTURES = fileURLToPath(new URL("../fixtures/lance/", import.meta.url));
export const BUNDLED_TABLE = fileURLToPath(new URL("../../web/public/packages.lance/", import.meta.url));

/** Every Lance file below a directory, in order. */
export async function listLanceFiles(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && entry.name.endsWith(".lance"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A memory store that holds one file under the name `file.lance`. */
export async function storeOf(bytes: Uint8Array): Promise<Store> {
  const store = createMemoryStore();
  await store.put("file.lance", bytes, { mode: "create" });
  return store;
}

/** Opens a file of the disk through a memory store. */
export async function openFixture(path: string): Promise<LanceFile> {
  return openLanceFile(await storeOf(new Uint8Array(await readFile(path))), "file.lance");
}

/** Reads all batches of some columns, by name. */
export async function readBatchesOf(
  file: LanceFile,
  names: readonly string[] | undefined,
  rows: RowSelection = { kind: "all" },
  options: ReadOptions = {},
): Promise<RecordBatch[]> {
  const columns = fileColumns(file).filter(({ field }) => names === undefined || names.includes(field.name));
  const batches: RecordBatch[] = [];
  for await (const batch of file.read(columns, rows, options)) batches.push(batch);
  return batches;
}

/** The values of one column over batches, as `expected.json` writes them. */
export function columnValues(batches: readonly RecordBatch[], name: string): Json[] {
  return batches.flatMap((batch) => {
    const data = batch.getChild(name)?.data[0];
    if (!data) throw new Error(`no column ${name}`);
    return Array.from({ length: data.length }, (_, row) => readValue(data, row));
  });
}

const NAMED: Readonly<Record<string, string>> = { NaN: "nan", Infinity: "inf", "-Infinity": "-inf" };

/** One value in the type's own unit: integers raw, bytes in base64, decimals as text. Reads buffers, not accessors. */
export function readValue(data: Data, row: number): Json {
  const { type, offset } = data;
  const at = row + offset;
  if (type.typeId === Type.Null || (data.nullCount > 0 && !bitAt(data.nullBitmap, at))) return null;
  const values = data.values as unknown as ArrayLike<number | bigint>;
  const offsets = data.valueOffsets as unknown as ArrayLike<number | bigint>;
  const slice = () => (data.values as Uint8Array).subarray(Number(offsets[row]), Number(offsets[row + 1]));
  const children = () =>
    Array.from({ length: Number(offsets[row + 1]) - Number(offsets[row]) }, (_, i) =>
      readValue(data.children[0]!, Number(offsets[row]) + i),
    );
  switch (type.typeId) {
    case Type.Bool:
      return bitAt(data.values as Uint8Array, at);
    case Type.Float:
      return floatValue(
        (type as unknown as { precision: number }).precision === 0
          ? readHalf(Number(values[row]))
          : Number(values[row]),
      );
    case Type.Utf8:
    case Type.LargeUtf8:
      return new TextDecoder().decode(slice());
    case Type.Binary:
    case Type.LargeBinary:
      return { b64: Buffer.from(slice()).toString("base64") };
    case Type.FixedSizeBinary: {
      const width = (type as unknown as { byteWidth: number }).byteWidth;
      return {
        b64: Buffer.from((data.values as Uint8Array).subarray(row * width, (row + 1) * width)).toString("base64"),
      };
    }
    case Type.Decimal:
      return { dec: decimalText(data, row) };
    case Type.Dictionary:
      return readValue(data.dictionary!.slice(Number(values[row]), Number(values[row]) + 1).data[0]!, 0);
    case Type.List:
    case Type.LargeList:
    case Type.Map:
      return children();
    case Type.FixedSizeList: {
      const size = (type as unknown as { listSize: number }).listSize;
      return Array.from({ length: size }, (_, i) => readValue(data.children[0]!, row * size + i));
    }
    case Type.Struct:
      return Object.fromEntries(type.children.map((child, i) => [child.name, readValue(data.children[i]!, row)]));
    default:
      if (DataType.isInt(type) || ArrayBuffer.isView(values)) return Number(values[row]);
      throw new Error(`no reader for ${type}`);
  }
}

function bitAt(bits: Uint8Array, at: number): boolean {
  return ((bits[at >> 3]! >> (at & 7)) & 1) === 1;
}

function floatValue(value: number): Json {
  if (Object.is(value, -0)) return { f: "-0" };
  const name = NAMED[String(value)];
  return name === undefined ? value : { f: name };
}

function readHalf(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

function decimalText(data: Data, row: number): string {
  const { scale, bitWidth } = data.type as unknown as { scale: number; bitWidth: number };
  const words = bitWidth / 32;
  const values = data.values as Uint32Array;
  let raw = 0n;
  for (let word = words - 1; word >= 0; word--) raw = (raw << 32n) | BigInt(values[row * words + word]!);
  raw = BigInt.asIntN(bitWidth, raw);
  const digits = (raw < 0n ? -raw : raw).toString().padStart(scale + 1, "0");
  const text = scale > 0 ? `${digits.slice(0, -scale)}.${digits.slice(-scale)}` : digits;
  return raw < 0n ? `-${text}` : text;
}

/** Repeatable numbers: mulberry32. */
export function createRandom(seed: number): (limit: number) => number {
  let state = seed >>> 0;
  return (limit) => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * limit);
  };
}
