import type {
  CompressiveEncoding,
  ConstantLayout,
  FullZipLayout,
  MiniBlockLayout,
  PageLayout,
} from "../../../src/proto/gen/lance/encodings21_pb.ts";
import {
  expandLz4,
  expandRuns,
  expandSymbols,
  expandZstd,
  splitWords,
  toBytes,
  toNumber,
  unpackInline,
  unpackOutOfLine,
} from "./encodings.ts";

/** A page as a reader sees it: the bytes of each value, and the levels. Booleans are bytes of 0 and 1. */
export interface ReferencePage {
  values: Uint8Array[];
  repetition: number[];
  definition: number[];
}

/** Decodes a page slowly and plainly (format page section 2.2). `maxVisible`: levels at most this have a value. */
export function decodeReferencePage(
  { layout }: PageLayout,
  buffers: readonly Uint8Array[],
  { maxVisible, numRows }: { maxVisible: number; numRows: number },
): ReferencePage {
  if (layout.case === "miniBlock") return decodeMiniBlock(layout.value, buffers);
  if (layout.case === "fullZip") return decodeFullZip(layout.value, buffers, maxVisible);
  if (layout.case === "constant") return decodeConstant(layout.value, buffers, { maxVisible, numRows });
  throw new Error(`layout ${layout.case}`);
}

function decodeMiniBlock(layout: MiniBlockLayout, buffers: readonly Uint8Array[]): ReferencePage {
  const page: ReferencePage = { values: [], repetition: [], definition: [] };
  const wordBytes = layout.hasLargeChunk ? 4 : 2;
  const words = splitWords(buffers[0]!, wordBytes).map((word) => Number(toNumber(word)));
  let at = 0;
  for (const [i, word] of words.entries()) {
    const chunk = buffers[1]!.subarray(at, at + ((word >> 4) + 1) * 8);
    at += chunk.length;
    const remaining = Number(layout.numItems) - page.values.length;
    const count = i === words.length - 1 ? remaining : 2 ** (word & 15);
    if (i < words.length - 1 && count < 2) throw new Error("a chunk of one value that is not the last");
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.length);
    const numLevels = view.getUint16(0, true);
    const sizes: number[] = [];
    let header = 2;
    for (const codec of [layout.repCompression, layout.defCompression]) {
      if (!codec) continue;
      sizes.push(view.getUint16(header, true));
      header += 2;
    }
    for (let buffer = 0; buffer < Number(layout.numBuffers); buffer++, header += wordBytes) {
      sizes.push(wordBytes === 4 ? view.getUint32(header, true) : view.getUint16(header, true));
    }
    const parts: Uint8Array[] = [];
    for (const size of sizes) {
      header = Math.ceil(header / 8) * 8;
      parts.push(chunk.slice(header, header + size));
      header += size;
    }
    if (Math.ceil(header / 8) * 8 !== chunk.length) throw new Error("a chunk of another size than its buffers");
    for (const [levels, codec] of [
      [page.repetition, layout.repCompression],
      [page.definition, layout.defCompression],
    ] as const) {
      if (codec)
        for (const level of decodeBlock(codec, parts.shift()!, numLevels)) levels.push(Number(toNumber(level)));
    }
    for (const value of decodeChunk(layout.valueCompression!, parts, count)) page.values.push(value);
  }
  if (layout.dictionary) {
    const items = decodeBlock(layout.dictionary, buffers[2]!, Number(layout.numDictionaryItems));
    page.values = page.values.map((index) => items[Number(toNumber(index))]!);
  }
  return page;
}

function decodeChunk({ compression }: CompressiveEncoding, parts: Uint8Array[], count: number): Uint8Array[] {
  switch (compression.case) {
    case "flat": {
      const bits = Number(compression.value.bitsPerValue);
      if (bits === 1) return decodeBits(parts[0]!, count);
      return splitWords(parts[0]!, bits / 8);
    }
    case "inlineBitpacking": {
      const bits = Number(compression.value.uncompressedBitsPerValue);
      return unpackInline(parts[0]!, bits, count).map((value) => toBytes(value, bits / 8));
    }
    case "rle": {
      const values = compression.value.values?.compression;
      const bits = values?.case === "flat" ? Number(values.value.bitsPerValue) : 0;
      return expandRuns(parts[0]!, parts[1]!, bits / 8);
    }
    case "variable": {
      const offsets = compression.value.offsets?.compression;
      const bytes = offsets?.case === "flat" ? Number(offsets.value.bitsPerValue) / 8 : 0;
      return cutByOffsets(parts[0]!, { at: 0, bytes, count, base: 0 });
    }
    case "fsst": {
      const { symbolTable, values } = compression.value;
      return decodeChunk(values!, parts, count).map((codes) => expandSymbols(symbolTable, codes));
    }
    case "byteStreamSplit": {
      const data = parts[0]!;
      return Array.from({ length: count }, (_, i) =>
        Uint8Array.from({ length: data.length / count }, (_, position) => data[position * count + i]!),
      );
    }
    case "general": {
      const inner = expandGeneral(compression.value.compression?.scheme, parts[0]!);
      return decodeChunk(compression.value.values!, [inner, ...parts.slice(1)], count);
    }
    case "fixedSizeList": {
      const { itemsPerValue, hasValidity, values } = compression.value;
      const elements = decodeChunk(values!, parts.slice(hasValidity ? 1 : 0), count * Number(itemsPerValue));
      const valid = hasValidity ? decodeBits(parts[0]!, count * Number(itemsPerValue)) : null;
      // A null element is as good as zero.
      const shown = elements.map((element, i) =>
        valid && valid[i]![0] === 0 ? new Uint8Array(element.length) : element,
      );
      return Array.from({ length: count }, (_, i) =>
        join(shown.slice(i * Number(itemsPerValue), (i + 1) * Number(itemsPerValue))),
      );
    }
    default:
      throw new Error(`encoding ${compression.case} of a chunk`);
  }
}

/** A block: levels, dictionaries. */
function decodeBlock({ compression }: CompressiveEncoding, data: Uint8Array, count: number): Uint8Array[] {
  switch (compression.case) {
    case "variable": {
      const bytes = toNumber(data.subarray(0, 4)) === 32n ? 4 : 8;
      const base = Number(toNumber(data.subarray(bytes, bytes * 2)));
      return cutByOffsets(data, { at: bytes * 2, bytes, count, base });
    }
    case "outOfLineBitpacking": {
      const wordBits = Number(compression.value.uncompressedBitsPerValue);
      const inner = compression.value.values?.compression;
      const width = inner?.case === "flat" ? Number(inner.value.bitsPerValue) : 0;
      return unpackOutOfLine(data, { wordBits, width, count }).map((value) => toBytes(value, wordBits / 8));
    }
    case "rle": {
      const length = Number(toNumber(data.subarray(0, 8)));
      const values = data.subarray(8, 8 + length);
      return expandRuns(values, data.subarray(8 + length), 2);
    }
    case "general":
      return decodeBlock(compression.value.values!, expandGeneral(compression.value.compression?.scheme, data), count);
    default:
      return decodeChunk({ compression } as CompressiveEncoding, [data], count);
  }
}

function decodeFullZip(layout: FullZipLayout, buffers: readonly Uint8Array[], maxVisible: number): ReferencePage {
  const page: ReferencePage = { values: [], repetition: [], definition: [] };
  const { bitsRep, bitsDef, details } = layout;
  const bits = bitsRep + bitsDef;
  const controlBytes = bits === 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
  const data = buffers[0]!;
  let at = 0;
  for (let level = 0; level < layout.numItems; level++) {
    const control = Number(toNumber(data.subarray(at, at + controlBytes)));
    at += controlBytes;
    const definition = control & (2 ** bitsDef - 1);
    if (bitsRep > 0) page.repetition.push(control >> bitsDef);
    if (bitsDef > 0) page.definition.push(definition);
    if (definition > maxVisible) continue;
    if (details.case === "bitsPerValue") {
      page.values.push(decodeValue(layout.valueCompression!, data.slice(at, at + details.value / 8)));
      at += details.value / 8;
    } else if (definition > 0) page.values.push(new Uint8Array(0));
    else {
      const lengthBytes = details.value! / 8;
      const length = Number(toNumber(data.subarray(at, at + lengthBytes)));
      at += lengthBytes;
      page.values.push(decodeValue(layout.valueCompression!, data.slice(at, at + length)));
      at += length;
    }
  }
  if (at !== data.length || page.values.length !== layout.numVisibleItems) throw new Error("a page of another size");
  return page;
}

/** One value of a zipped page. */
function decodeValue({ compression }: CompressiveEncoding, bytes: Uint8Array): Uint8Array {
  if (compression.case === "fsst") return expandSymbols(compression.value.symbolTable, bytes);
  if (compression.case === "general") return expandGeneral(compression.value.compression?.scheme, bytes);
  if (compression.case !== "fixedSizeList" || !compression.value.hasValidity) return bytes;
  const validityBytes = Math.ceil(Number(compression.value.itemsPerValue) / 8);
  return decodeChunk(
    { compression } as CompressiveEncoding,
    [bytes.subarray(0, validityBytes), bytes.subarray(validityBytes)],
    1,
  )[0]!;
}

function decodeConstant(
  layout: ConstantLayout,
  buffers: readonly Uint8Array[],
  { maxVisible, numRows }: { maxVisible: number; numRows: number },
): ReferencePage {
  const [valueBuffer, ...rest] = layout.inlineValue || buffers.length % 2 === 0 ? [undefined, ...buffers] : buffers;
  let value = layout.inlineValue;
  if (valueBuffer) {
    const count = Number(toNumber(valueBuffer.subarray(0, 4)));
    const last = Number(toNumber(valueBuffer.subarray(count * 4, count * 4 + 4)));
    value = valueBuffer.slice(valueBuffer.length - last);
  }
  const [repetition = [], definition = []] = rest.map((bytes, i) => {
    const codec = i === 0 ? layout.repCompression : layout.defCompression;
    const count = Number(i === 0 ? layout.numRepValues : layout.numDefValues);
    const levels = codec ? decodeBlock(codec, bytes!, count) : splitWords(bytes!, 2);
    return levels.map((level) => Number(toNumber(level)));
  });
  const numLevels = Math.max(repetition.length, definition.length) || numRows;
  const visible = definition.length > 0 ? definition.filter((level) => level <= maxVisible).length : numLevels;
  return { values: new Array<Uint8Array>(visible).fill(value ?? new Uint8Array(0)), repetition, definition };
}

function decodeBits(bytes: Uint8Array, count: number): Uint8Array[] {
  return Array.from({ length: count }, (_, i) => Uint8Array.of((bytes[i >> 3]! >> (i & 7)) & 1));
}

function cutByOffsets(
  data: Uint8Array,
  { at, bytes, count, base }: { at: number; bytes: number; count: number; base: number },
): Uint8Array[] {
  const offsets = splitWords(data.subarray(at, at + (count + 1) * bytes), bytes).map((word) => Number(toNumber(word)));
  return Array.from({ length: count }, (_, i) => data.slice(base + offsets[i]!, base + offsets[i + 1]!));
}

function expandGeneral(scheme: number | undefined, data: Uint8Array): Uint8Array {
  return scheme === 2 ? expandZstd(data) : expandLz4(data);
}

function join(parts: readonly Uint8Array[]): Uint8Array {
  return Uint8Array.from(parts.flatMap((part) => Array.from(part)));
}
