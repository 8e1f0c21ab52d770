import type { EncodeKernels, EncoderLevels, FixedInput, PageInput, VariableInput } from "../../../kernels/encode.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";
import type { EncodedPage } from "../encodings.ts";
import type { ItemRun } from "../item-buffer.ts";
import type { PageLevels } from "../levels.ts";
import { describePage } from "./describe-page.ts";
import type { EncodingRequest } from "./read-request.ts";

/** What a page's encoding depends on beside its values. */
export interface EncodeValuesOptions {
  readonly numRows: number;
  readonly version: "2.1" | "2.2";
  readonly isText: boolean;
  readonly request: EncodingRequest;
  readonly kernels: EncodeKernels;
  /** Called between steps of a few milliseconds. */
  readonly giveWay: GiveWay;
}

const NO_LEVELS = new Uint16Array(0);

/** Encodes a page with at least one valid value. @throws UNSUPPORTED for rows no layout holds, QUOTA_EXCEEDED */
export async function encodeValues(
  items: ItemRun,
  levels: PageLevels,
  options: EncodeValuesOptions,
): Promise<EncodedPage> {
  const { kernels, numRows, version } = options;
  const structure = items.layout?.zipped ? "fullzip" : options.request.structure;
  const pending = kernels.startPage(toInput(items, levels), {
    ...options.request,
    structure,
    minorVersion: version === "2.2" ? 2 : 1,
    isText: options.isText,
    isOpaque: items.layout !== null,
  });
  try {
    while (!pending.advance()) await options.giveWay();
  } catch (error) {
    pending.free();
    throw error;
  }
  const page = pending.finish();
  const layout = describePage(page, {
    layers: levels.layers,
    numItems: items.count,
    largeChunks: version === "2.2",
    hasRepetition: levels.repetition !== null,
    description: items.layout?.description,
  });
  return { numRows, buffers: page.buffers, layout };
}

/** A page without one valid value, as files 2.2 have it: packed levels, no values. */
export function encodeNulls(levels: PageLevels, options: { numRows: number; kernels: EncodeKernels }): EncodedPage {
  const page = options.kernels.encodeNulls(toLevels(levels));
  const layout = describePage(page, {
    layers: levels.layers,
    numItems: 0,
    largeChunks: true,
    hasRepetition: levels.repetition !== null,
    description: undefined,
  });
  return { numRows: options.numRows, buffers: page.buffers, layout };
}

function toLevels(levels: PageLevels): EncoderLevels {
  const { repetition, definition, maxRepetition, maxVisible } = levels;
  return { repetition: repetition ?? NO_LEVELS, definition: definition ?? NO_LEVELS, maxRepetition, maxVisible };
}

function toInput(items: ItemRun, levels: PageLevels): PageInput {
  const { type } = items;
  const isList = type.kind === "fixedSizeList" || type.kind === "boolList";
  return {
    values: toValues(items),
    ...(isList ? { lists: [{ dimension: type.dimension, nulls: items.elementNulls }] } : {}),
    dictionary: items.dictionary ? toValues(items.dictionary) : undefined,
    nulls: items.nulls,
    levels: toLevels(levels),
  };
}

function toValues(items: ItemRun): FixedInput | VariableInput {
  const { type, count, values, firstBit, ends } = items;
  switch (type.kind) {
    case "variable":
      return sliceVariable(type.offsetBits, ends, values);
    case "bool":
    case "boolList":
      return { bits: 1, count, firstBit, values };
    case "null":
      return { bits: 8, count, firstBit: 0, values: new Uint8Array(count) };
    default:
      return { bits: type.byteWidth * 8, count, firstBit: 0, values };
  }
}

/** Only the bytes the ends point into are copied into the kernel. */
function sliceVariable(offsetBits: number, ends: Uint32Array, values: Uint8Array): VariableInput {
  const start = ends[0] ?? 0;
  const shifted = start === 0 ? ends : ends.map((end) => end - start);
  return { offsetBits, ends: shifted, values: values.subarray(start, ends.at(-1)) };
}
