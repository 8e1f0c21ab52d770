import { LanceError } from "../../errors.ts";
import type {
  CompressiveEncoding,
  ConstantLayout,
  FullZipLayout,
  MiniBlockLayout,
} from "../../proto/gen/lance/encodings21_pb.ts";
import type { LeafShape } from "./leaf-column.ts";

/** What the decoder is compiled from: words, and byte strings the words point into. */
export interface DecodeProgram {
  readonly words: Uint32Array;
  readonly table: Uint8Array;
}

/** Opcodes of wasm/core/src/decode/program.rs; the numbers are those of the format's oneof. */
const OPCODES = {
  flat: 1,
  variable: 2,
  constant: 3,
  outOfLineBitpacking: 4,
  inlineBitpacking: 5,
  fsst: 6,
  rle: 8,
  byteStreamSplit: 9,
  general: 10,
  fixedSizeList: 11,
  packedStruct: 12,
  variablePackedStruct: 13,
} as const;

/** First shape word of a packed struct; others begin with 0 or 1. */
const PACKED_SHAPE = 2;

const LAYOUTS = { miniBlock: 1, fullZip: 2, constant: 3 } as const;
const MAX_DEPTH = 12;

/** Shape words, as both decoder classes read them. */
export function shapeWords(shape: LeafShape): number[] {
  if (shape.fields) return [PACKED_SHAPE, shape.fields.length, ...shape.fields.flatMap(shapeWords)];
  return [shape.variable ? 1 : 0, shape.itemBits, shape.dimensions.length, ...shape.dimensions];
}

/** Compiles the layout of a mini-block page. @throws UNSUPPORTED, CORRUPT */
export function compileMiniBlock(layout: MiniBlockLayout, shape: LeafShape): DecodeProgram {
  const program = new ProgramWriter(shape, layout.layers);
  program.push(LAYOUTS.miniBlock, toWord(layout.numBuffers, "buffers"), layout.hasLargeChunk ? 1 : 0);
  program.optional(layout.repCompression);
  program.optional(layout.defCompression);
  program.optional(layout.valueCompression);
  program.optional(layout.dictionary);
  program.push(toWord(layout.numDictionaryItems, "dictionary items"));
  return program.finish();
}

/** Compiles the layout of a full-zip page. @throws UNSUPPORTED, CORRUPT */
export function compileFullZip(layout: FullZipLayout, shape: LeafShape): DecodeProgram {
  const program = new ProgramWriter(shape, layout.layers);
  const { details } = layout;
  const valueBytes = details.case === "bitsPerValue" ? details.value / 8 : 0;
  const lengthBytes = details.case === "bitsPerOffset" ? details.value / 8 : 0;
  if (details.case === undefined || !Number.isInteger(valueBytes + lengthBytes)) {
    throw new LanceError("CORRUPT", "a full-zip page whose values are not whole bytes", { details: details.value });
  }
  program.push(LAYOUTS.fullZip, layout.bitsRep, layout.bitsDef, valueBytes, lengthBytes);
  program.optional(layout.valueCompression);
  return program.finish();
}

/** Compiles the layout of a constant page. @throws UNSUPPORTED, CORRUPT */
export function compileConstant(layout: ConstantLayout, shape: LeafShape): DecodeProgram {
  const program = new ProgramWriter(shape, layout.layers);
  program.push(LAYOUTS.constant);
  program.optional(layout.repCompression);
  program.optional(layout.defCompression);
  program.push(toWord(layout.numRepValues, "levels"), toWord(layout.numDefValues, "levels"));
  return program.finish();
}

function toWord(value: bigint | number, what: string): number {
  const word = Number(value);
  if (!(word >= 0 && word <= 0xffffffff)) {
    throw new LanceError("CORRUPT", `a page that declares ${value} ${what}`, { received: String(value) });
  }
  return word;
}

class ProgramWriter {
  readonly #words: number[] = [];
  readonly #strings: Uint8Array[] = [];
  #stringBytes = 0;

  constructor(shape: LeafShape, layers: readonly number[]) {
    this.push(...shapeWords(shape), layers.length);
    for (const layer of layers) this.push(toWord(layer, "as a layer"));
  }

  push(...words: number[]): void {
    this.#words.push(...words);
  }

  optional(encoding: CompressiveEncoding | undefined): void {
    this.push(encoding ? 1 : 0);
    if (encoding) this.#encoding(encoding, 0);
  }

  #bytes(bytes: Uint8Array): void {
    this.push(this.#stringBytes, bytes.byteLength);
    this.#strings.push(bytes);
    this.#stringBytes += bytes.byteLength;
  }

  #child(encoding: CompressiveEncoding | undefined, parent: string, depth: number): void {
    if (!encoding) throw new LanceError("CORRUPT", `a ${parent} encoding without its inner encoding`);
    if (depth >= MAX_DEPTH) throw new LanceError("CORRUPT", `encodings nest deeper than ${MAX_DEPTH}`);
    this.#encoding(encoding, depth + 1);
  }

  #encoding({ compression }: CompressiveEncoding, depth: number): void {
    switch (compression.case) {
      case "flat":
        if (compression.value.data) refuse("compressed flat values");
        this.push(OPCODES.flat, toWord(compression.value.bitsPerValue, "bits per value"));
        return;
      case "variable":
        if (compression.value.values) refuse("compressed variable-width values");
        this.push(OPCODES.variable);
        this.#child(compression.value.offsets, "variable", depth);
        return;
      case "constant":
        this.push(OPCODES.constant);
        this.#bytes(compression.value.value ?? new Uint8Array(0));
        return;
      case "outOfLineBitpacking": {
        const inner = compression.value.values?.compression;
        if (inner?.case !== "flat")
          throw new LanceError("CORRUPT", "out-of-line bit packing of values that are not flat");
        const wordBits = toWord(compression.value.uncompressedBitsPerValue, "bits per value");
        this.push(OPCODES.outOfLineBitpacking, wordBits, toWord(inner.value.bitsPerValue, "bits per value"));
        return;
      }
      case "inlineBitpacking":
        if (compression.value.values) refuse("compressed bit-packed values");
        this.push(OPCODES.inlineBitpacking, toWord(compression.value.uncompressedBitsPerValue, "bits per value"));
        return;
      case "fsst":
        this.push(OPCODES.fsst);
        this.#bytes(compression.value.symbolTable);
        this.#child(compression.value.values, "FSST", depth);
        return;
      case "rle":
        this.push(OPCODES.rle);
        this.#child(compression.value.values, "run-length", depth);
        this.#child(compression.value.runLengths, "run-length", depth);
        return;
      case "byteStreamSplit": {
        const inner = compression.value.values?.compression;
        if (inner?.case !== "flat") throw new LanceError("CORRUPT", "byte stream split of values that are not flat");
        const bits = toWord(inner.value.bitsPerValue, "bits per value");
        if (bits !== 32 && bits !== 64) throw new LanceError("CORRUPT", `byte stream split of ${bits}-bit values`);
        this.push(OPCODES.byteStreamSplit, bits);
        return;
      }
      case "general":
        this.push(OPCODES.general, toWord(compression.value.compression?.scheme ?? 0, "as a scheme"));
        this.#child(compression.value.values, "general", depth);
        return;
      case "fixedSizeList": {
        const { itemsPerValue, hasValidity, values } = compression.value;
        this.push(OPCODES.fixedSizeList, toWord(itemsPerValue, "items per value"), hasValidity ? 1 : 0);
        this.#child(values, "fixed-size list", depth);
        return;
      }
      case "packedStruct":
        this.push(OPCODES.packedStruct);
        this.#child(compression.value.values, "packed struct", depth);
        return;
      case "variablePackedStruct":
        this.push(OPCODES.variablePackedStruct, compression.value.fields.length);
        for (const { value, layout } of compression.value.fields) {
          const bytes = toWord(layout.value ?? 0, "bits in a field") / 8;
          this.push(...(layout.case === "bitsPerLength" ? [0, bytes] : [bytes, 0]));
          this.#child(value, "packed struct", depth);
        }
        return;
      case undefined:
        throw new LanceError("CORRUPT", "an encoding that says nothing");
      default:
        refuse(`the encoding "${compression.case}"`);
    }
  }

  finish(): DecodeProgram {
    const table = new Uint8Array(this.#stringBytes);
    let at = 0;
    for (const bytes of this.#strings) {
      table.set(bytes, at);
      at += bytes.byteLength;
    }
    return { words: Uint32Array.from(this.#words), table };
  }
}

function refuse(what: string): never {
  throw new LanceError("UNSUPPORTED", `${what} cannot be read yet`, { encoding: what });
}
