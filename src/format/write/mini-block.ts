import { create } from "@bufbuild/protobuf";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { copyBits, packValidity } from "./bits.ts";
import { describeItems, type EncodedPage, flat } from "./encodings.ts";
import { GrowableBytes } from "./growable.ts";
import type { ItemRun } from "./item-buffer.ts";
import type { PageLevels } from "./levels.ts";

/** Native's bounds (format page section 3): a chunk is read as a whole, so small ones make cheap takes. */
const MAX_CHUNK_VALUES = 4096;
const MAX_CHUNK_BYTES = 8 * 1024 - 6;
const TARGET_VARIABLE_CHUNK_BYTES = 4 * 1024;
/** With 4 bytes a level this leaves room for the values within the 32 KiB a 16-bit chunk word can say. */
const MAX_CHUNK_LEVELS = 6000;

/** One chunk of a mini-block page: how many values, and the levels that go with them. */
interface Chunk {
  readonly firstValue: number;
  readonly numValues: number;
  readonly firstLevel: number;
  readonly numLevels: number;
  readonly isLast: boolean;
}

/**
 * Encodes a page as mini-blocks with plain values and plain 16-bit levels (format page section 2.2).
 * @param options.largeChunks 32-bit chunk words and value lengths, as files 2.2 have them
 */
export function encodeMiniBlockPage(
  items: ItemRun,
  levels: PageLevels,
  options: { numRows: number; largeChunks: boolean },
): EncodedPage {
  const chunks = planChunks(items, levels);
  const words = new DataView(new ArrayBuffer(chunks.length * (options.largeChunks ? 4 : 2)));
  const out = new GrowableBytes(items.values.length + levels.count * 4 + chunks.length * 32 + 64);
  chunks.forEach((chunk, index) => {
    const start = out.length;
    writeChunk(out, items, levels, chunk, options.largeChunks);
    const log = chunk.isLast ? 0 : 31 - Math.clz32(chunk.numValues);
    const word = (((out.length - start) / 8 - 1) << 4) | log;
    if (word > 0xffff && !options.largeChunks) throw new RangeError(`mini-block chunk of ${out.length - start} bytes`);
    if (options.largeChunks) words.setUint32(index * 4, word, true);
    else words.setUint16(index * 2, word, true);
  });
  const buffers = [new Uint8Array(words.buffer), out.view()];
  if (levels.repetition) buffers.push(buildRepetitionIndex(levels, chunks));
  const layout = create(PageLayoutSchema, {
    layout: {
      case: "miniBlock",
      value: {
        ...(levels.repetition ? { repCompression: flat(16) } : {}),
        ...(levels.definition ? { defCompression: flat(16) } : {}),
        valueCompression: describeItems(items),
        layers: levels.layers,
        numBuffers: items.elementNulls ? 2n : 1n,
        repetitionIndexDepth: levels.repetition ? 1 : 0,
        numItems: BigInt(items.count),
        hasLargeChunk: options.largeChunks,
      },
    },
  });
  return { numRows: options.numRows, buffers, layout };
}

function planChunks(items: ItemRun, levels: PageLevels): Chunk[] {
  const ends = levels.count > items.count ? findVisibleLevels(levels, items.count) : null;
  const fixedCount = items.type.kind === "variable" ? 0 : chooseFixedCount(items);
  const chunks: Chunk[] = [];
  let value = 0;
  let level = 0;
  while (value < items.count) {
    const remaining = items.count - value;
    const wanted = fixedCount > 0 ? Math.min(fixedCount, remaining) : chooseVariableCount(items, value);
    let numValues = wanted;
    let isLast = numValues === remaining;
    let endLevel = isLast ? levels.count : (ends?.[value + numValues - 1] ?? value + numValues - 1) + 1;
    while (ends && endLevel - level > MAX_CHUNK_LEVELS && numValues > 2) {
      numValues = 2 ** Math.floor(Math.log2(numValues - 1));
      isLast = false;
      endLevel = ends[value + numValues - 1]! + 1;
    }
    chunks.push({ firstValue: value, numValues, firstLevel: level, numLevels: endLevel - level, isLast });
    value += numValues;
    level = endLevel;
  }
  return chunks;
}

/** The level of each value, for pages where null and empty lists have levels but no values. */
function findVisibleLevels(levels: PageLevels, numValues: number): Uint32Array {
  const { definition, maxVisible } = levels;
  const visible = new Uint32Array(numValues);
  let value = 0;
  for (let level = 0; level < levels.count; level++) if (definition![level]! <= maxVisible) visible[value++] = level;
  return visible;
}

function chooseFixedCount(items: ItemRun): number {
  const { type } = items;
  let bits = 1;
  if (type.kind === "fixed") bits = type.byteWidth * 8;
  if (type.kind === "fixedSizeList") {
    bits = (type.byteWidth * type.dimension + (items.elementNulls ? Math.ceil(type.dimension / 8) : 0)) * 8;
  }
  if (type.kind === "boolList") bits = type.dimension * (items.elementNulls ? 2 : 1);
  let count = 2;
  while (count < MAX_CHUNK_VALUES && (count * 2 * bits) / 8 < MAX_CHUNK_BYTES) count *= 2;
  return count;
}

function chooseVariableCount(items: ItemRun, from: number): number {
  const { ends } = items;
  const offsetBytes = items.type.kind === "variable" ? items.type.offsetBits / 8 : 4;
  const remaining = items.count - from;
  const measure = (count: number) => (count + 1) * offsetBytes + ends[from + count]! - ends[from]!;
  // Values of 4 KiB and more are zipped instead, so two always fit.
  if (remaining <= 2) return remaining;
  let count = 2;
  while (count * 2 <= Math.min(remaining, MAX_CHUNK_VALUES) && measure(count * 2) <= TARGET_VARIABLE_CHUNK_BYTES) {
    count *= 2;
  }
  // The last chunk alone need not hold a power of two.
  return remaining <= MAX_CHUNK_VALUES && measure(remaining) <= TARGET_VARIABLE_CHUNK_BYTES ? remaining : count;
}

function writeChunk(out: GrowableBytes, items: ItemRun, levels: PageLevels, chunk: Chunk, large: boolean): void {
  const { repetition, definition } = levels;
  const levelBytes = chunk.numLevels * 2;
  const sizes = measureChunk(items, chunk);
  const numLevelBuffers = (repetition ? 1 : 0) + (definition ? 1 : 0);
  const headerBytes = 2 + numLevelBuffers * 2 + sizes.length * (large ? 4 : 2);
  const header = out.extend(headerBytes);
  const view = new DataView(header.buffer, header.byteOffset, headerBytes);
  view.setUint16(0, numLevelBuffers > 0 ? chunk.numLevels : 0, true);
  let at = 2;
  for (let i = 0; i < numLevelBuffers; i++, at += 2) view.setUint16(at, levelBytes, true);
  for (const size of sizes) {
    if (large) view.setUint32(at, size, true);
    else view.setUint16(at, size, true);
    at += large ? 4 : 2;
  }
  out.align(8);
  for (const source of [repetition, definition]) {
    if (!source) continue;
    out.append(new Uint8Array(source.buffer, source.byteOffset + chunk.firstLevel * 2, levelBytes));
    out.align(8);
  }
  writeValues(out, items, chunk, sizes);
}

function measureChunk(items: ItemRun, chunk: Chunk): number[] {
  const { type } = items;
  const { firstValue, numValues } = chunk;
  switch (type.kind) {
    case "bool":
      return [Math.ceil(numValues / 8)];
    case "fixed":
      return [numValues * type.byteWidth];
    case "fixedSizeList": {
      const numElements = numValues * type.dimension;
      const valueBytes = numElements * type.byteWidth;
      return items.elementNulls ? [Math.ceil(numElements / 8), valueBytes] : [valueBytes];
    }
    case "boolList": {
      const numBytes = Math.ceil((numValues * type.dimension) / 8);
      return items.elementNulls ? [numBytes, numBytes] : [numBytes];
    }
    case "variable": {
      const offsetBytes = type.offsetBits / 8;
      const plain = (numValues + 1) * offsetBytes + items.ends[firstValue + numValues]! - items.ends[firstValue]!;
      return [Math.ceil(plain / offsetBytes) * offsetBytes];
    }
    case "null":
      return [0];
  }
}

function writeValues(out: GrowableBytes, items: ItemRun, chunk: Chunk, sizes: readonly number[]): void {
  const { type, values } = items;
  const { firstValue, numValues } = chunk;
  if (type.kind === "bool") {
    copyBits(out.extend(sizes[0]!), 0, values, items.firstBit + firstValue, numValues);
  } else if (type.kind === "fixed") {
    out.append(values.subarray(firstValue * type.byteWidth, (firstValue + numValues) * type.byteWidth));
  } else if (type.kind === "fixedSizeList") {
    const firstElement = firstValue * type.dimension;
    const numElements = numValues * type.dimension;
    if (items.elementNulls) {
      packValidity(out.extend(sizes[0]!), items.elementNulls, firstElement, numElements);
      out.align(8);
    }
    out.append(values.subarray(firstElement * type.byteWidth, (firstElement + numElements) * type.byteWidth));
  } else if (type.kind === "boolList") {
    const firstElement = firstValue * type.dimension;
    const numElements = numValues * type.dimension;
    if (items.elementNulls) {
      packValidity(out.extend(sizes[0]!), items.elementNulls, firstElement, numElements);
      out.align(8);
    }
    copyBits(out.extend(sizes.at(-1)!), 0, values, items.firstBit + firstElement, numElements);
  } else if (type.kind === "variable") {
    writeVariable(out.extend(sizes[0]!), items, chunk, type.offsetBits);
  }
  out.align(8);
}

/** Offsets count from the start of the chunk's buffer, so the first one is the size of the offsets. */
function writeVariable(target: Uint8Array, items: ItemRun, chunk: Chunk, offsetBits: 32 | 64): void {
  const { ends, values } = items;
  const { firstValue, numValues } = chunk;
  const start = ends[firstValue]!;
  const end = ends[firstValue + numValues]!;
  const headerBytes = (numValues + 1) * (offsetBits / 8);
  // Chunks start 8-byte aligned, and so does every buffer in them.
  const words = new Uint32Array(target.buffer, target.byteOffset, headerBytes / 4);
  const step = offsetBits / 32;
  if (step === 2) words.fill(0);
  for (let i = 0; i <= numValues; i++) words[i * step] = ends[firstValue + i]! - start + headerBytes;
  target.set(values.subarray(start, end), headerBytes);
  target.fill(0, headerBytes + end - start);
}

/** Per chunk: rows that end in it, and levels of the row it leaves unfinished (format page section 2.2). */
function buildRepetitionIndex(levels: PageLevels, chunks: readonly Chunk[]): Uint8Array {
  const repetition = levels.repetition!;
  const index = new BigUint64Array(chunks.length * 2);
  chunks.forEach((chunk, i) => {
    const end = chunk.firstLevel + chunk.numLevels;
    let starts = 0;
    let lastStart = -1;
    for (let level = chunk.firstLevel; level < end; level++) {
      if (repetition[level] !== levels.maxRepetition) continue;
      if (level > chunk.firstLevel) starts++;
      lastStart = level;
    }
    const rowGoesOn = !chunk.isLast && repetition[end] !== levels.maxRepetition;
    index[i * 2] = BigInt(starts + (rowGoesOn ? 0 : 1));
    index[i * 2 + 1] = rowGoesOn ? BigInt(lastStart < 0 ? chunk.numLevels : end - lastStart) : 0n;
  });
  return new Uint8Array(index.buffer);
}
