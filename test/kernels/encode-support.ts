import { expect } from "vitest";
import { describePage } from "../../src/format/write/compress/describe-page.ts";
import {
  type EncoderLevels,
  loadEncodeKernels,
  type PageEncoderOptions,
  type PageInput,
} from "../../src/kernels/encode.ts";
import type { PageLayout } from "../../src/proto/gen/lance/encodings21_pb.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { decodeReferencePage } from "./reference/pages.ts";
import { createRandom } from "./support.ts";

useTestRuntime();
export const kernels = await loadEncodeKernels();

export const NO_LEVELS: EncoderLevels = {
  repetition: new Uint16Array(0),
  definition: new Uint16Array(0),
  maxRepetition: 0,
  maxVisible: 0,
};

export interface Case {
  /** The bytes of each value, `null` for a null. */
  readonly values: readonly (Uint8Array | null)[];
  readonly input: PageInput;
  readonly numRows: number;
}

export function encode(input: PageInput, options: PageEncoderOptions, numItems: number) {
  const page = kernels.encodePage(input, options);
  const layout = describePage(page, {
    layers: [1],
    numItems,
    largeChunks: options.minorVersion === 2,
    hasRepetition: input.levels.repetition.length > 0,
    description: undefined,
  });
  return { page, layout };
}

/** Encodes, decodes by the reference, and compares valid values and all levels. */
export function expectSame({ values, input, numRows }: Case, options: PageEncoderOptions): PageLayout {
  const { page, layout } = encode(input, options, values.length);
  const decoded = decodeReferencePage(layout, page.buffers, { maxVisible: input.levels.maxVisible, numRows });
  expect(decoded.values.length).toBe(values.length);
  for (const [i, value] of values.entries()) {
    if (value && Buffer.compare(decoded.values[i]!, value) !== 0) expect([i, decoded.values[i]]).toEqual([i, value]);
  }
  expect(decoded.repetition).toEqual([...input.levels.repetition]);
  expect(decoded.definition).toEqual([...input.levels.definition]);
  return layout;
}

export function toFixedInput(values: readonly (Uint8Array | null)[], byteWidth: number): PageInput["values"] {
  const data = new Uint8Array(values.length * byteWidth);
  // What lies under a null is of no account.
  for (const [i, value] of values.entries()) data.set(value ?? new Uint8Array(byteWidth).fill(0xa5), i * byteWidth);
  return { bits: byteWidth * 8, count: values.length, firstBit: 0, values: data };
}

export function toVariableInput(values: readonly (Uint8Array | null)[], offsetBits: number): PageInput["values"] {
  const ends = new Uint32Array(values.length + 1);
  values.forEach((value, i) => {
    ends[i + 1] = ends[i]! + (value?.length ?? 3);
  });
  const data = new Uint8Array(ends.at(-1)!).fill(0x5a);
  values.forEach((value, i) => {
    if (value) data.set(value, ends[i]!);
  });
  return { offsetBits, ends, values: data };
}

/** Nulls, and where asked lists around the values: rows of 0 to 5 values, some of them null. */
export function wrap(
  values: readonly (Uint8Array | null)[],
  make: (values: readonly (Uint8Array | null)[]) => PageInput["values"],
  lists?: { seed: number; emptyShare: number },
): Case {
  const nulls = Uint8Array.from(values, (value) => (value ? 0 : 1));
  const hasNulls = nulls.includes(1);
  const rest = { values: make(values), nulls: hasNulls ? nulls : null };
  if (!lists) {
    const definition = hasNulls ? Uint16Array.from(nulls) : new Uint16Array(0);
    return {
      values,
      numRows: values.length,
      input: { ...rest, levels: { ...NO_LEVELS, definition, maxVisible: hasNulls ? 1 : 0 } },
    };
  }
  const random = createRandom(lists.seed);
  const visible = hasNulls ? 1 : 0;
  const repetition: number[] = [];
  const definition: number[] = [];
  let numRows = 0;
  for (let item = 0; item < values.length; ) {
    numRows++;
    const length = random() < lists.emptyShare ? 0 : Math.min(1 + Math.floor(random() * 5), values.length - item);
    if (length === 0) {
      repetition.push(1);
      definition.push(visible + 1 + Math.floor(random() * 2));
    }
    for (let i = 0; i < length; i++, item++) {
      repetition.push(i === 0 ? 1 : 0);
      definition.push(nulls[item]!);
    }
  }
  const levels = {
    repetition: Uint16Array.from(repetition),
    definition: Uint16Array.from(definition),
    maxRepetition: 1,
    maxVisible: visible,
  };
  return { values, numRows, input: { ...rest, levels } };
}
