import { describe, expect, test } from "vitest";
import type { PageEncoderOptions, PageInput } from "../../src/kernels/encode.ts";
import fc from "../support/fast-check.ts";
import { encode, expectSame, NO_LEVELS, toFixedInput, toVariableInput, wrap } from "./encode-support.ts";
import { toBytes } from "./reference/encodings.ts";
import { decodeReferencePage } from "./reference/pages.ts";
import { createRandom, packBits } from "./support.ts";

const versions = [1, 2] as const;
const nullShare = fc.constantFrom(0, 0, 0.001, 0.3, 0.95);
const counts = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(1023, 1024, 1025, 2048, 4096, 4097, 6000),
  fc.integer({ min: 100, max: 9000 }),
);
const layouts = fc.constantFrom(undefined, undefined, { seed: 3, emptyShare: 0.2 }, { seed: 4, emptyShare: 0.98 });

/** Numbers of a shape: spread over so many bits, of so many kinds, in runs. */
const numbers = fc.record({
  count: counts,
  byteWidth: fc.constantFrom(1, 2, 4, 8, 8, 16, 3, 40, 300),
  bits: fc.integer({ min: 0, max: 64 }),
  kinds: fc.constantFrom(1, 2, 30, 500, 1 << 30),
  run: fc.constantFrom(1, 1, 2, 7, 300, 5000),
  nulls: nullShare,
  lists: layouts,
  seed: fc.integer(),
});

function makeNumbers(shape: {
  count: number;
  byteWidth: number;
  bits: number;
  kinds: number;
  run: number;
  nulls: number;
  seed: number;
}) {
  const random = createRandom(shape.seed);
  const bits = BigInt(Math.min(shape.bits, shape.byteWidth * 8));
  const draw = () =>
    ((BigInt(Math.floor(random() * 2 ** 32)) << 32n) | BigInt(Math.floor(random() * 2 ** 32))) & ((1n << bits) - 1n);
  const kinds = shape.kinds < 1000 ? Array.from({ length: shape.kinds }, draw) : null;
  const values: (Uint8Array | null)[] = [];
  while (values.length < shape.count) {
    const value = toBytes(kinds ? kinds[Math.floor(random() * kinds.length)]! : draw(), shape.byteWidth);
    for (let i = 0; i < shape.run && values.length < shape.count; i++)
      values.push(random() < shape.nulls ? null : value);
  }
  return values;
}

describe.each(versions)("files 2.%i", (minorVersion) => {
  test("numbers of every width come back, in lists and with nulls", () => {
    fc.assert(
      fc.property(numbers, (shape) => {
        const values = makeNumbers(shape);
        fc.pre(values.some((value) => value));
        expectSame(
          wrap(values, (values) => toFixedInput(values, shape.byteWidth), shape.lists),
          { minorVersion },
        );
      }),
      { numRuns: 60, seed: 41 },
    );
  });

  test("texts come back: words, repeated ones, long ones, and any bytes", () => {
    const text = fc.record({
      count: fc.oneof(fc.integer({ min: 1, max: 60 }), fc.integer({ min: 100, max: 3000 })),
      words: fc.constantFrom(1, 3, 60, 2000),
      length: fc.constantFrom(0, 1, 6, 60, 500),
      raw: fc.boolean(),
      offsetBits: fc.constantFrom(32, 64),
      nulls: nullShare,
      lists: layouts,
      isText: fc.boolean(),
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(text, (shape) => {
        const random = createRandom(shape.seed);
        const vocabulary = Array.from({ length: shape.words }, () =>
          random()
            .toString(36)
            .slice(2, 3 + random() * 8),
        );
        const make = () => {
          const length = Math.floor(random() * (shape.length + 1));
          if (shape.raw) return Uint8Array.from({ length }, () => random() * 256);
          let made = "";
          while (made.length < length) made += `${vocabulary[Math.floor(random() * shape.words)]} `;
          return new TextEncoder().encode(made);
        };
        const values = Array.from({ length: shape.count }, () => (random() < shape.nulls ? null : make()));
        fc.pre(values.some((value) => value));
        const options = { minorVersion, isText: shape.isText };
        expectSame(
          wrap(values, (values) => toVariableInput(values, shape.offsetBits), shape.lists),
          options,
        );
      }),
      { numRuns: 40, seed: 42 },
    );
  });

  test("what a field asks for is done, and comes back", () => {
    const asked = fc.record({
      compression: fc.constantFrom("none", "fsst", "lz4", "zstd"),
      byteStreamSplit: fc.constantFrom("auto", "on", "off"),
      structure: fc.constantFrom("miniblock", "fullzip", undefined),
    }) as fc.Arbitrary<Partial<PageEncoderOptions>>;
    fc.assert(
      fc.property(numbers, asked, fc.boolean(), (shape, options, isText) => {
        const values = makeNumbers({ ...shape, count: Math.min(shape.count, 2500) });
        fc.pre(values.some((value) => value));
        const make = (values: readonly (Uint8Array | null)[]) =>
          isText ? toVariableInput(values, 32) : toFixedInput(values, shape.byteWidth);
        expectSame(wrap(values, make, shape.lists), { minorVersion, isText, ...options });
      }),
      { numRuns: 50, seed: 43 },
    );
  });

  test("booleans, and fixed-size lists of numbers and bits with null elements", () => {
    const shape = fc.record({
      count: counts,
      dimension: fc.constantFrom(0, 1, 3, 8, 17, 100),
      bits: fc.constantFrom(1, 16, 32),
      firstBit: fc.integer({ min: 0, max: 9 }),
      nulls: nullShare,
      seed: fc.integer(),
    });
    fc.assert(
      fc.property(shape, ({ count, dimension, bits, firstBit, nulls, seed }) => {
        const random = createRandom(seed);
        const rows = Math.min(count, 2500);
        const elements = rows * Math.max(1, dimension);
        const width = dimension === 0 ? 1 : bits;
        const elementNulls =
          dimension > 0 && nulls > 0 ? Uint8Array.from({ length: elements }, () => (random() < nulls ? 1 : 0)) : null;
        const shown = (i: number, bytes: Uint8Array) => (elementNulls?.[i] ? new Uint8Array(bytes.length) : bytes);
        let data: Uint8Array;
        const values: Uint8Array[] = [];
        if (width === 1) {
          const flags = Array.from({ length: firstBit + elements }, () => random() < 0.5);
          data = packBits(flags);
          for (let i = 0; i < elements; i++) values.push(shown(i, Uint8Array.of(flags[firstBit + i] ? 1 : 0)));
        } else {
          data = Uint8Array.from({ length: (elements * width) / 8 }, () => random() * 256);
          for (let i = 0; i < elements; i++) values.push(shown(i, data.slice((i * width) / 8, ((i + 1) * width) / 8)));
        }
        const per = Math.max(1, dimension);
        const joined = Array.from({ length: rows }, (_, i) =>
          Uint8Array.from(values.slice(i * per, (i + 1) * per).flatMap((value) => [...value])),
        );
        const input: PageInput = {
          values: { bits: width, count: rows, firstBit: width === 1 ? firstBit : 0, values: data },
          ...(dimension > 0 ? { lists: [{ dimension, nulls: elementNulls }] } : {}),
          nulls: null,
          levels: NO_LEVELS,
        };
        expectSame({ values: joined, numRows: rows, input }, { minorVersion });
      }),
      { numRuns: 50, seed: 44 },
    );
  });

  test("a column with its own dictionary keeps the width of its indices", () => {
    const items = ["", "red", "green", "red and green"].map((text) => new TextEncoder().encode(text));
    const indices = Array.from({ length: 3000 }, (_, i) => (i % 11 === 0 ? null : toBytes(BigInt((i * i) % 4), 2)));
    const made = wrap(indices, (values) => toFixedInput(values, 2));
    const { page, layout } = encode({ ...made.input, dictionary: toVariableInput(items, 32) }, { minorVersion }, 3000);
    const decoded = decodeReferencePage(layout, page.buffers, { maxVisible: 1, numRows: 3000 });
    for (const [i, index] of indices.entries()) if (index) expect(decoded.values[i]).toEqual(items[index[0]!]);
    if (layout.layout.case !== "miniBlock") throw new Error(`layout ${layout.layout.case}`);
    expect(layout.layout.value.numDictionaryItems).toBe(4n);
  });

  test("bytes that are laid out already stay as they are", () => {
    const values = Array.from({ length: 500 }, () => Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8));
    const { page } = encode(
      wrap(values, (values) => toFixedInput(values, 8)).input,
      { minorVersion, isOpaque: true },
      500,
    );
    expect(Buffer.from(page.buffers[1]!).includes(Buffer.concat(values))).toBe(true);
  });
});
