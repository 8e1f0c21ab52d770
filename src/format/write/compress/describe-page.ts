import { create } from "@bufbuild/protobuf";
import {
  type CompressiveEncoding,
  CompressiveEncodingSchema,
  type PageLayout,
  PageLayoutSchema,
} from "../../../proto/gen/lance/encodings21_pb.ts";
import { fixedSizeList, flat, variable } from "../encodings.ts";

/** What the layout says beside what the encoder chose. */
export interface PageFacts {
  /** Leaf first. */
  readonly layers: readonly number[];
  readonly numItems: number;
  readonly largeChunks: boolean;
  readonly hasRepetition: boolean;
  /** Stands for the encoding of the values where their bytes were laid out beforehand. */
  readonly description: CompressiveEncoding | undefined;
}

const LAYOUTS = { miniBlock: 1, fullZip: 2, constant: 3 } as const;

/** Turns the words of an encoded page (wasm/build/src/encode/page.rs) into its layout. */
export function describePage(page: { words: Uint32Array; table: Uint8Array }, facts: PageFacts): PageLayout {
  const reader = new WordReader(page.words, page.table);
  const layers = [...facts.layers];
  const layout = reader.next();
  if (layout === LAYOUTS.miniBlock) {
    const numBuffers = BigInt(reader.next());
    const repCompression = reader.optional();
    const defCompression = reader.optional();
    const values = reader.encoding();
    const dictionary = reader.optional();
    return create(PageLayoutSchema, {
      layout: {
        case: "miniBlock",
        value: {
          ...(repCompression ? { repCompression } : {}),
          ...(defCompression ? { defCompression } : {}),
          valueCompression: facts.description ?? values,
          ...(dictionary ? { dictionary, numDictionaryItems: BigInt(reader.next()) } : {}),
          layers,
          numBuffers,
          repetitionIndexDepth: facts.hasRepetition ? 1 : 0,
          numItems: BigInt(facts.numItems),
          hasLargeChunk: facts.largeChunks,
        },
      },
    });
  }
  if (layout === LAYOUTS.fullZip) {
    const [bitsRep, bitsDef] = [reader.next(), reader.next()];
    const isVariable = reader.next() === 1;
    const bits = reader.next();
    const numItems = reader.next();
    const values = reader.encoding();
    return create(PageLayoutSchema, {
      layout: {
        case: "fullZip",
        value: {
          bitsRep,
          bitsDef,
          details: isVariable ? { case: "bitsPerOffset", value: bits } : { case: "bitsPerValue", value: bits },
          numItems,
          numVisibleItems: facts.numItems,
          valueCompression: facts.description ?? values,
          layers,
        },
      },
    });
  }
  const inlineValue = reader.next() === 1 ? reader.bytes() : undefined;
  const repCompression = reader.optional();
  const defCompression = reader.optional();
  return create(PageLayoutSchema, {
    layout: {
      case: "constant",
      value: {
        layers,
        ...(inlineValue ? { inlineValue } : {}),
        ...(repCompression ? { repCompression } : {}),
        ...(defCompression ? { defCompression } : {}),
        numRepValues: BigInt(reader.next()),
        numDefValues: BigInt(reader.next()),
      },
    },
  });
}

/** Opcodes of wasm/build/src/encode/program.rs. */
class WordReader {
  readonly #words: Uint32Array;
  readonly #table: Uint8Array;
  #at = 0;

  constructor(words: Uint32Array, table: Uint8Array) {
    this.#words = words;
    this.#table = table;
  }

  next(): number {
    const word = this.#words[this.#at++];
    if (word === undefined) throw new RangeError("the description of an encoded page ends early");
    return word;
  }

  bytes(): Uint8Array<ArrayBuffer> {
    const start = this.next();
    return this.#table.slice(start, start + this.next());
  }

  optional(): CompressiveEncoding | undefined {
    return this.next() === 1 ? this.encoding() : undefined;
  }

  encoding(): CompressiveEncoding {
    const opcode = this.next();
    switch (opcode) {
      case 1:
        return flat(this.next());
      case 2:
        return variable(this.next());
      case 4: {
        const uncompressedBitsPerValue = BigInt(this.next());
        return wrap({ case: "outOfLineBitpacking", value: { uncompressedBitsPerValue, values: flat(this.next()) } });
      }
      case 5:
        return wrap({ case: "inlineBitpacking", value: { uncompressedBitsPerValue: BigInt(this.next()) } });
      case 6: {
        const symbolTable = this.bytes();
        return wrap({ case: "fsst", value: { symbolTable, values: this.encoding() } });
      }
      case 8:
        return wrap({ case: "rle", value: { values: flat(this.next()), runLengths: flat(8) } });
      case 9:
        return wrap({ case: "byteStreamSplit", value: { values: flat(this.next()) } });
      case 10: {
        const scheme = this.next();
        return wrap({ case: "general", value: { compression: { scheme }, values: this.encoding() } });
      }
      case 11: {
        const dimension = this.next();
        const hasValidity = this.next() === 1;
        return fixedSizeList(this.encoding(), { dimension, hasValidity });
      }
      default:
        throw new RangeError(`opcode ${opcode} in the description of an encoded page`);
    }
  }
}

function wrap(compression: NonNullable<Parameters<typeof create<typeof CompressiveEncodingSchema>>[1]>["compression"]) {
  return create(CompressiveEncodingSchema, { ...(compression ? { compression } : {}) });
}
