import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { describePage } from "../../src/format/write/compress/describe-page.ts";
import type { PageInput } from "../../src/kernels/encode.ts";
import type { PageLayout } from "../../src/proto/gen/lance/encodings21_pb.ts";
import {
  type Case,
  encode,
  expectSame,
  kernels,
  NO_LEVELS,
  toFixedInput,
  toVariableInput,
  wrap,
} from "./encode-support.ts";
import { toBytes, unpackBlock } from "./reference/encodings.ts";
import { decodeReferencePage } from "./reference/pages.ts";
import { createRandom } from "./support.ts";

const caseOf = (layout: PageLayout) => {
  if (layout.layout.case !== "miniBlock") return layout.layout.case;
  const value = layout.layout.value.valueCompression?.compression.case;
  return `${value}${layout.layout.value.dictionary ? " of a dictionary" : ""}`;
};

describe("the choice", () => {
  const numbersOf = (make: (i: number) => number, byteWidth: number) =>
    wrap(
      Array.from({ length: 5000 }, (_, i) => toBytes(BigInt(make(i)), byteWidth)),
      (values) => toFixedInput(values, byteWidth),
    );
  const textOf = (make: (i: number) => string) =>
    wrap(
      Array.from({ length: 5000 }, (_, i) => new TextEncoder().encode(make(i))),
      (values) => toVariableInput(values, 32),
    );
  const random = createRandom(5);
  const cases: [string, Case, string, string][] = [
    ["small numbers", numbersOf((i) => i % 50, 4), "inlineBitpacking", "inlineBitpacking"],
    ["runs", numbersOf((i) => Math.floor(i / 40), 4), "rle", "rle"],
    ["random bytes", numbersOf(() => Math.floor(random() * 256), 1), "flat", "flat"],
    ["one number", numbersOf(() => 7, 4), "rle", "constant"],
    [
      "few wide numbers",
      numbersOf(() => 2 ** 50 + (Math.floor(random() * 5) + 1) * 2 ** 44, 8),
      "inlineBitpacking",
      "inlineBitpacking of a dictionary",
    ],
    [
      "few of 16 bytes",
      numbersOf(() => Math.floor(random() * 4), 16),
      "inlineBitpacking of a dictionary",
      "inlineBitpacking of a dictionary",
    ],
    [
      "few words",
      textOf(() => `word ${Math.floor(random() * 9)}`),
      "inlineBitpacking of a dictionary",
      "inlineBitpacking of a dictionary",
    ],
    ["texts", textOf((i) => `package ${i} of the archive ${i * 7919}`), "fsst", "fsst"],
    ["long texts", textOf((i) => `package ${i} of the archive `.repeat(12)), "fullZip", "fullZip"],
    ["one word", textOf(() => "same"), "inlineBitpacking of a dictionary", "constant"],
  ];
  test.each(cases)("%s", (_, made, in21, in22) => {
    expect(caseOf(expectSame(made, { minorVersion: 1, isText: true }))).toBe(in21);
    expect(caseOf(expectSame(made, { minorVersion: 2, isText: true }))).toBe(in22);
  });

  test("documents are compressed one by one, where that saves more than symbols", () => {
    const sentences = Array.from({ length: 60 }, () =>
      Array.from({ length: 12 }, () => random().toString(36)).join(" "),
    );
    const values = Array.from({ length: 12 }, (_, i) => {
      const text = Array.from({ length: 100 + i * 30 }, () => sentences[Math.floor(random() * 60)]);
      return new TextEncoder().encode(text.join(". "));
    });
    const layout = expectSame(
      wrap(values, (values) => toVariableInput(values, 32)),
      { minorVersion: 1, isText: true },
    );
    if (layout.layout.case !== "fullZip") throw new Error(`layout ${layout.layout.case}`);
    expect(layout.layout.value.valueCompression?.compression.case).toBe("general");
  });

  test("a page of the same values has the same bytes, whatever was encoded before", () => {
    const page = () =>
      encode(textOf((i) => `package ${i} of ${i * 7919}`).input, { minorVersion: 2, isText: true }, 5000).page;
    const first = page();
    encode(numbersOf(() => 3, 8).input, { minorVersion: 2, compression: "zstd" }, 5000);
    expect(page()).toEqual(first);
  });
});

test("a packed block lies as the format says", () => {
  const values = Array.from({ length: 1024 }, (_, i) => toBytes(BigInt((i * 37) % 8), 4));
  const page = kernels.encodePage(
    { values: toFixedInput(values, 4), nulls: null, levels: NO_LEVELS },
    { minorVersion: 1 },
  );
  const chunk = page.buffers[1]!;
  expect(chunk[8]).toBe(3);
  expect(unpackBlock(chunk.subarray(12), 32, 3).map(Number)).toEqual(
    Array.from({ length: 1024 }, (_, i) => (i * 37) % 8),
  );
});

describe("levels without values", () => {
  test("are packed and come back", () => {
    const random = createRandom(8);
    const repetition = new Uint16Array(70_000).fill(1);
    const definition = Uint16Array.from({ length: 70_000 }, (_, i) =>
      i % 1000 < 900 ? 1 : 1 + Math.floor(random() * 3),
    );
    const page = kernels.encodeNulls({ repetition, definition, maxRepetition: 1, maxVisible: 0 });
    const layout = describePage(page, {
      layers: [1, 6],
      numItems: 0,
      largeChunks: true,
      hasRepetition: true,
      description: undefined,
    });
    const decoded = decodeReferencePage(layout, page.buffers, { maxVisible: 0, numRows: 70_000 });
    expect(decoded).toEqual({ values: [], repetition: [...repetition], definition: [...definition] });
    expect(page.buffers.reduce((total, buffer) => total + buffer.length, 0)).toBeLessThan(30_000);
  });
});

describe("refusals", () => {
  const input = (values: PageInput["values"], more: Partial<PageInput> = {}): PageInput => ({
    values,
    nulls: null,
    levels: NO_LEVELS,
    ...more,
  });
  const cases: [string, PageInput][] = [
    ["fewer values than said", input({ bits: 32, count: 9, firstBit: 0, values: new Uint8Array(35) })],
    ["values of no width", input({ bits: 0, count: 1, firstBit: 0, values: new Uint8Array(8) })],
    ["offsets that go back", input({ offsetBits: 32, ends: Uint32Array.of(0, 3, 2), values: new Uint8Array(3) })],
    ["offsets beyond the bytes", input({ offsetBits: 32, ends: Uint32Array.of(0, 4), values: new Uint8Array(3) })],
    [
      "nulls of another length",
      input({ bits: 8, count: 2, firstBit: 0, values: new Uint8Array(2) }, { nulls: new Uint8Array(3) }),
    ],
    [
      "levels of another number of values",
      input(
        { bits: 8, count: 2, firstBit: 0, values: Uint8Array.of(1, 200) },
        { levels: { ...NO_LEVELS, definition: Uint16Array.of(0, 0, 0) } },
      ),
    ],
  ];
  test.each(cases)("%s", (_, made) => {
    let thrown: unknown;
    try {
      kernels.encodePage(made, { minorVersion: 2 });
    } catch (error) {
      thrown = error;
    }
    expect(isLanceError(thrown) && thrown.code).toBe("INVALID_ARGUMENT");
  });
});
