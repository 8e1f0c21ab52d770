import { beforeAll, describe, expect, test } from "vitest";
import { type DecodeKernels, loadDecodeKernels, runDecoder } from "../../src/kernels/decode.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom, type Json } from "./support.ts";

useTestRuntime();

let kernels: DecodeKernels;

beforeAll(async () => {
  kernels = await loadDecodeKernels();
});

/** Opcodes as the program compiler writes them. */
const FLAT = (bits: number) => [1, bits];
const INLINE = (bits: number) => [5, bits];
const OUT_OF_LINE = (bits: number, width: number) => [4, bits, width];
const RLE = (bits: number) => [8, ...FLAT(bits), ...FLAT(8)];

/** FORMAT.md section 2.2, FastLanes: where row r of lane l stands among 1024 values. */
const ORDER = [0, 4, 2, 6, 1, 5, 3, 7];
function packReference(values: readonly bigint[], wordBits: number, width: number): Uint8Array {
  const lanes = 1024 / wordBits;
  const words = new Array<bigint>((1024 * width) / wordBits).fill(0n);
  for (let row = 0; row < wordBits; row++) {
    for (let lane = 0; lane < lanes; lane++) {
      const value = values[ORDER[row >> 3]! * 16 + (row & 7) * 128 + lane] ?? 0n;
      for (let bit = 0; bit < width; bit++) {
        const at = row * width + bit;
        if ((value >> BigInt(bit)) & 1n)
          words[Math.floor(at / wordBits) * lanes + lane]! |= 1n << BigInt(at % wordBits);
      }
    }
  }
  return wordsToBytes(words, wordBits);
}

function wordsToBytes(words: readonly bigint[], wordBits: number): Uint8Array {
  const bytes = new Uint8Array((words.length * wordBits) / 8);
  words.forEach((word, index) => {
    for (let byte = 0; byte < wordBits / 8; byte++)
      bytes[(index * wordBits) / 8 + byte] = Number((word >> BigInt(8 * byte)) & 255n);
  });
  return bytes;
}

/** Header and buffers of a small chunk, each on an eight-byte boundary. */
function makeChunk(levels: number, streams: readonly Uint8Array[], buffers: readonly Uint8Array[]): Uint8Array {
  const sizes = [...streams, ...buffers].map((part) => part.length);
  const header = new Uint8Array(Math.ceil((2 + 2 * sizes.length) / 8) * 8);
  new Uint16Array(header.buffer).set([levels, ...sizes]);
  const parts = [header];
  for (const part of [...streams, ...buffers]) {
    const padded = new Uint8Array(Math.ceil(part.length / 8) * 8);
    padded.set(part);
    parts.push(padded);
  }
  return Uint8Array.from(parts.flatMap((part) => [...part]));
}

interface PageWords {
  readonly bits: number;
  readonly layers: readonly number[];
  readonly values: readonly number[];
  readonly numBuffers?: number;
  readonly rep?: readonly number[];
  readonly def?: readonly number[];
}

function decodeChunk(page: PageWords, chunk: Uint8Array, count: number, ranges: readonly number[]) {
  const shape = [0, page.bits, 0];
  const optional = (encoding: readonly number[] | undefined) => (encoding ? [1, ...encoding] : [0]);
  const words = [...shape, page.layers.length, ...page.layers, 1, page.numBuffers ?? 1, 0];
  words.push(...optional(page.rep), ...optional(page.def), 1, ...page.values, 0, 0);
  const decoder = kernels.createPageDecoder(Uint32Array.from(words), new Uint8Array(0));
  const lists = page.layers.map((layer) => ([2, 4, 5, 6].includes(layer) ? 1 : 0));
  const builder = kernels.createColumnBuilder(Uint32Array.from([...shape, lists.length, ...lists]));
  const run = [0, 1, 0, ranges.length / 2, ...ranges];
  runDecoder(() =>
    builder.appendMiniBlock(decoder, chunk, Uint32Array.of(0, chunk.length, count), Uint32Array.from(run)),
  );
  decoder.free();
  return builder;
}

describe.each([8, 16, 32, 64])("bit packing of %i-bit words", (wordBits) => {
  const random = createRandom(wordBits);
  const draw = (width: number) => {
    let value = 0n;
    for (let bit = 0; bit < width; bit++) value |= BigInt(random(2)) << BigInt(bit);
    return value;
  };

  test("every width unpacks what the reference packs, inline", () => {
    for (let width = 0; width <= wordBits; width++) {
      const count = width % 3 === 0 ? 1024 : 1 + random(1023);
      const values = Array.from({ length: count }, () => draw(width));
      const buffer = new Uint8Array([
        ...wordsToBytes([BigInt(width)], wordBits),
        ...packReference(values, wordBits, width),
      ]);
      const page = { bits: wordBits, layers: [1], values: INLINE(wordBits) };
      const builder = decodeChunk(page, makeChunk(count, [], [buffer]), count, [0, count]);
      expect(builder.valueData(), `width ${width}`).toEqual(wordsToBytes(values, wordBits));
      builder.free();
    }
  });
});

test("16-bit levels unpack out of line, with a padded and with a raw tail", () => {
  const random = createRandom(3);
  for (const [count, width, raw] of [
    [1024, 1, false],
    [1500, 2, false],
    [1030, 3, true],
    [5, 1, true],
  ] as const) {
    const levels = Array.from({ length: count }, () => BigInt(random(2)));
    const blocks: number[] = [];
    for (let start = 0; start < count; start += 1024) {
      const block = levels.slice(start, start + 1024);
      blocks.push(...(raw && block.length < 1024 ? wordsToBytes(block, 16) : packReference(block, 16, width)));
    }
    const page = { bits: 8, layers: [3], def: OUT_OF_LINE(16, width), values: FLAT(8) };
    const chunk = makeChunk(count, [Uint8Array.from(blocks)], [new Uint8Array(count)]);
    const builder = decodeChunk(page, chunk, count, [0, count]);
    const nulls = levels.filter((level) => level > 0n).length;
    builder.layerValidity(0);
    expect(builder.layerNullCount(0)).toBe(nulls);
    builder.free();
  }
});

describe("runs", () => {
  const decodeRuns = (values: number[], lengths: number[], count: number) => {
    const page = { bits: 16, layers: [1], values: RLE(16), numBuffers: 2 };
    const data = wordsToBytes(values.map(BigInt), 16);
    const builder = decodeChunk(page, makeChunk(count, [], [data, Uint8Array.from(lengths)]), count, [0, count]);
    const decoded = Array.from(new Uint16Array(builder.valueData().buffer));
    builder.free();
    return decoded;
  };

  test("expand in order", () => {
    expect(decodeRuns([7, 9, 7], [2, 255, 1], 258)).toEqual([7, 7, ...new Array(255).fill(9), 7]);
  });

  test("that overshoot their chunk are clamped, as lance 4 to 7 wrote them", () => {
    expect(decodeRuns([5, 6], [3, 255], 8)).toEqual([5, 5, 5, 6, 6, 6, 6, 6]);
  });

  test("that fall short, that are empty or that do not pair up are CORRUPT", () => {
    expect(() => decodeRuns([5], [3], 4)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    expect(() => decodeRuns([5, 6], [4, 0], 4)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    expect(() => decodeRuns([5, 6], [4], 4)).toThrow(expect.objectContaining({ code: "CORRUPT" }));
  });
});

/** A random value of lists `depth` deep; leaves are null or a byte. */
function drawValue(random: (limit: number) => number, depth: number): Json {
  if (random(5) === 0) return null;
  if (depth === 0) return random(256);
  return Array.from({ length: random(4) }, () => drawValue(random, depth - 1));
}

interface Levels {
  readonly rep: number[];
  readonly def: number[];
  readonly values: number[];
}

/** FORMAT.md section 2.2, Levels, spelled out: layers are nullable item, then null-and-empty lists. */
function encodeLevels(rows: readonly Json[], depth: number): Levels {
  const levels: Levels = { rep: [], def: [], values: [] };
  const visit = (value: Json, listsLeft: number, rep: number) => {
    const own = listsLeft === 0 ? 0 : 1 + 2 * (listsLeft - 1);
    const put = (def: number, item?: number) => {
      levels.rep.push(rep);
      levels.def.push(def);
      if (item !== undefined) levels.values.push(item);
    };
    if (listsLeft === 0) put(value === null ? 1 : 0, Number(value ?? 0));
    else if (value === null) put(own + 1);
    else if ((value as Json[]).length === 0) put(own + 2);
    else {
      for (const [index, item] of (value as Json[]).entries())
        visit(item, listsLeft - 1, index === 0 ? rep : listsLeft - 1);
    }
  };
  for (const row of rows) visit(row, depth, depth);
  return levels;
}

test.each([1, 2, 3])("lists %i deep unravel to what was encoded, whole and in ranges", (depth) => {
  const random = createRandom(40 + depth);
  for (let round = 0; round < 30; round++) {
    const rows = Array.from({ length: 1 + random(60) }, () => drawValue(random, depth));
    const { rep, def, values } = encodeLevels(rows, depth);
    if (values.length === 0) continue;
    const toBytes = (levels: number[]) => wordsToBytes(levels.map(BigInt), 16);
    const chunk = makeChunk(rep.length, [toBytes(rep), toBytes(def)], [Uint8Array.from(values)]);
    const page = { bits: 8, layers: [3, ...new Array(depth).fill(6)], rep: FLAT(16), def: FLAT(16), values: FLAT(8) };
    const from = random(rows.length);
    const to = from + random(rows.length - from + 1);
    for (const ranges of [[0, rows.length], from < to ? [from, to] : [0, 1]]) {
      const builder = decodeChunk(page, chunk, values.length, ranges);
      const got = Array.from({ length: builder.layerLength(depth) }, (_, row) => readRow(builder, depth, row));
      expect(got).toEqual(rows.slice(ranges[0], ranges[1]));
      builder.free();
    }
  }
});

function readRow(builder: ReturnType<typeof decodeChunk>, layer: number, row: number): Json {
  const validity = builder.layerValidity(layer);
  if (validity && !((validity[row >> 3]! >> (row & 7)) & 1)) return null;
  if (layer === 0) {
    leafValues.set(builder, leafValues.get(builder) ?? builder.valueData());
    return leafValues.get(builder)![row]!;
  }
  const offsets = builder.layerOffsets(layer);
  const length = offsets[row + 1]! - offsets[row]!;
  return Array.from({ length }, (_, item) => readRow(builder, layer - 1, offsets[row]! + item));
}

/** `valueData` gives the bytes away once. */
const leafValues = new WeakMap<object, Uint8Array>();

test("a chunk that lies about its sizes is CORRUPT", () => {
  const page = { bits: 8, layers: [3], def: FLAT(16), values: FLAT(8) };
  const good = makeChunk(4, [new Uint8Array(8)], [Uint8Array.of(1, 2, 3, 4)]);
  expect(decodeChunk(page, good, 4, [1, 3]).valueData()).toEqual(Uint8Array.of(2, 3));
  for (const [at, value] of [
    [0, 0],
    [0, 3],
    [2, 200],
    [4, 200],
    [4, 2],
  ] as const) {
    const bad = good.slice();
    bad[at] = value;
    for (const rows of [
      [0, 4],
      [1, 3],
    ]) {
      expect(() => decodeChunk(page, bad, 4, rows), `byte ${at}`).toThrow(expect.objectContaining({ code: "CORRUPT" }));
    }
  }
});
