import { type EncodedPage, PageEncoder } from "../../wasm/pkg/build/build.js";
import { loadBuildKernels } from "./build.ts";
import { callKernel } from "./memory.ts";

/** A general compression of whole buffers. */
export type GeneralScheme = "lz4" | "zstd";

/** How a page may be encoded; what is left out is chosen by the values. */
export interface PageEncoderOptions {
  /** 1 or 2: files 2.2 know constants, levels as runs, compressed dictionaries. */
  readonly minorVersion: number;
  /** Text may be coded by symbols of a table. */
  readonly isText?: boolean;
  /** The bytes of each value are laid out already: nothing is made of them. */
  readonly isOpaque?: boolean;
  readonly compression?: "none" | "fsst" | GeneralScheme | undefined;
  /** Byte stream split under a general compression. */
  readonly byteStreamSplit?: "auto" | "on" | "off" | undefined;
  readonly structure?: "miniblock" | "fullzip" | undefined;
}

/** Levels of a page; a stream that is absent is empty. */
export interface EncoderLevels {
  readonly repetition: Uint16Array;
  readonly definition: Uint16Array;
  readonly maxRepetition: number;
  /** Levels at most this stand for a value. */
  readonly maxVisible: number;
}

/** Values of one width; bits (`bits` 1) start at `firstBit`. */
export interface FixedInput {
  readonly bits: number;
  readonly count: number;
  readonly firstBit: number;
  readonly values: Uint8Array;
}

/** Values of any length: `count + 1` positions in `values`. */
export interface VariableInput {
  readonly offsetBits: number;
  readonly ends: Uint32Array;
  readonly values: Uint8Array;
}

/** Everything of one page. */
export interface PageInput {
  readonly values: FixedInput | VariableInput;
  /** The values are fixed-size lists of these dimensions, outermost first; nulls as below, by element. */
  readonly lists?: readonly { readonly dimension: number; readonly nulls: Uint8Array | null }[];
  /** The values are indices of these. */
  readonly dictionary?: FixedInput | VariableInput | undefined;
  /** A byte a value, 1 = null. */
  readonly nulls: Uint8Array | null;
  readonly levels: EncoderLevels;
}

/** A page as the kernel gives it: buffers, and words in prefix order with the byte strings they point into. */
export interface PageOutput {
  readonly buffers: readonly Uint8Array[];
  readonly words: Uint32Array;
  readonly table: Uint8Array;
}

/** A page on its way. */
export interface PendingPage {
  /** Works through about a megabyte of text. Returns whether the page can be finished. */
  advance(): boolean;
  /** The page, once; it frees what the page held. */
  finish(): PageOutput;
  /** Gives up. Does nothing after `finish`. */
  free(): void;
}

/** The page encoders of the build module. */
export interface EncodeKernels {
  /**
   * Encodes a page of values. The result is the same on every machine. Copies everything in and the buffers out; memory
   * is about four times the values.
   *
   * @throws INVALID_ARGUMENT, UNSUPPORTED, QUOTA_EXCEEDED
   */
  encodePage(input: PageInput, options: PageEncoderOptions): PageOutput;
  /** As `encodePage`, in steps of a few milliseconds. Finish it or free it. */
  startPage(input: PageInput, options: PageEncoderOptions): PendingPage;
  /** Encodes the levels of a page without one value. Files 2.2. */
  encodeNulls(levels: EncoderLevels): PageOutput;
}

/** Symbols are found for about 100 MB a second. */
const STEP_BYTES = 1 << 20;

const REQUESTS = { none: 1, fsst: 2, lz4: 3, zstd: 4 };
const SPLITTING = { auto: 0, on: 1, off: 2 };
const STRUCTURES = { miniblock: 1, fullzip: 2 };

function createEncoder(options: PageEncoderOptions, levels: EncoderLevels): PageEncoder {
  const words = Uint32Array.of(
    options.minorVersion,
    options.isText ? 1 : 0,
    options.isOpaque ? 1 : 0,
    options.compression ? REQUESTS[options.compression] : 0,
    SPLITTING[options.byteStreamSplit ?? "auto"],
    options.structure ? STRUCTURES[options.structure] : 0,
  );
  const encoder = new PageEncoder(words);
  encoder.setLevels(levels.repetition, levels.definition, levels.maxRepetition, levels.maxVisible);
  return encoder;
}

function setDictionary(encoder: PageEncoder, items: FixedInput | VariableInput): void {
  if ("ends" in items) encoder.setVariableDictionary(items.offsetBits, items.ends, items.values);
  else encoder.setFixedDictionary(items.bits, items.count, items.firstBit, items.values);
}

function takePage(page: EncodedPage): PageOutput {
  try {
    const buffers: Uint8Array[] = [];
    for (let i = 0; i < page.numBuffers(); i++) buffers.push(page.takeBuffer(i));
    return { buffers, words: page.words(), table: page.table() };
  } finally {
    page.free();
  }
}

function startPage(input: PageInput, options: PageEncoderOptions): PendingPage {
  const { values } = input;
  let encoder: PageEncoder | undefined = callKernel(() => createEncoder(options, input.levels));
  const free = () => {
    encoder?.free();
    encoder = undefined;
  };
  try {
    callKernel(() => {
      if (input.nulls) encoder!.setNulls(input.nulls);
      for (const { dimension, nulls } of input.lists ?? [])
        encoder!.addListLayer(dimension, nulls ?? new Uint8Array(0));
      if (input.dictionary) setDictionary(encoder!, input.dictionary);
      if ("ends" in values) encoder!.setVariable(values.offsetBits, values.ends, values.values);
    });
  } catch (error) {
    free();
    throw error;
  }
  return {
    advance: () => callKernel(() => encoder?.advance(STEP_BYTES) ?? true),
    finish() {
      const ended = encoder!;
      // The call takes the object, whether it succeeds or not.
      encoder = undefined;
      return callKernel(() =>
        takePage(
          "ends" in values
            ? ended.encodeVariable()
            : ended.encodeFixed(values.bits, values.count, values.firstBit, values.values),
        ),
      );
    },
    free,
  };
}

function encodePage(input: PageInput, options: PageEncoderOptions): PageOutput {
  const page = startPage(input, options);
  while (!page.advance());
  return page.finish();
}

const kernels: EncodeKernels = {
  encodePage,
  startPage,
  encodeNulls: (levels) => callKernel(() => takePage(createEncoder({ minorVersion: 2 }, levels).encodeNulls())),
};

/** The encoders, once per thread. Cost: the first call compiles the build module. @throws IO, UNSUPPORTED */
export async function loadEncodeKernels(): Promise<EncodeKernels> {
  await loadBuildKernels();
  return kernels;
}
