import type { Bitpacked, BitpackedForNonNeg, Flat } from "../../../proto/gen/lance/encodings20_pb.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import {
  type Append,
  type ArrayNode,
  corruptArray,
  countItems,
  type NodeContext,
  openBuffer,
  type Ranges,
  refuseArray,
} from "./array-node.ts";
import type { PageBytes } from "./page-bytes.ts";
import type { ValueSink } from "./value-sink.ts";

/** Values of a block of `BitpackedForNonNeg`. */
const BLOCK_VALUES = 1024;
/** Widest value: a packed struct or a fixed-size list has this many bits at most. */
const MAX_BITS = 2 ** 31;

/** A slice of the buffer that holds some items. */
interface Piece {
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly count: number;
}

/** How the items of one buffer lie in it. */
interface FixedLayout {
  readonly itemBits: number;
  locate(first: number, end: number): Piece;
  append(sink: ValueSink, level: number, piece: Piece, bytes: Uint8Array): void;
}

/** Values one after the other, `bits` of them each; booleans and validity have one. */
export function createFlatNode(context: NodeContext, encoding: Flat): ArrayNode {
  const bits = checkBits(context, encoding.bitsPerValue);
  const scheme = encoding.compression?.scheme ?? "";
  const buffer = openBuffer(context, encoding.buffer, "data");
  const layout: FixedLayout = {
    itemBits: bits,
    locate: (first, end) => {
      const start = Math.floor((first * bits) / 8);
      return { start, end: Math.ceil((end * bits) / 8), first: first * bits - start * 8, count: end - first };
    },
    append: (sink, level, { first, count }, bytes) => sink.appendFixed(level, count, bytes, first),
  };
  if (scheme === "" || scheme === "none") return createFixedNode(context, buffer, layout);
  if (scheme !== "zstd" && scheme !== "lz4") throw refuseArray(context, `${scheme} compression`);
  return createCompressedNode(context, buffer, { ...layout, scheme });
}

/** Values of fewer bits than their type, LSB first. */
export function createBitpackedNode(context: NodeContext, encoding: Bitpacked): ArrayNode {
  const wordBits = checkBits(context, encoding.uncompressedBitsPerValue);
  const width = checkBits(context, encoding.compressedBitsPerValue);
  const packed = { wordBits, width, isSigned: encoding.signed };
  const layout: FixedLayout = {
    itemBits: wordBits,
    locate: (first, end) => {
      const start = Math.floor((first * width) / 8);
      return { start, end: Math.ceil((end * width) / 8), first: first * width - start * 8, count: end - first };
    },
    append: (sink, level, { first: firstBit, count }, bytes) =>
      sink.appendFixed(level, count, context.kernels.unpackBits(bytes, packed, { firstBit, count })),
  };
  return createFixedNode(context, openBuffer(context, encoding.buffer, "data"), layout);
}

/** Values of fewer bits than their type, in blocks of 1024. */
export function createBlockedNode(context: NodeContext, encoding: BitpackedForNonNeg): ArrayNode {
  const wordBits = checkBits(context, encoding.uncompressedBitsPerValue);
  const width = checkBits(context, encoding.compressedBitsPerValue);
  const packed = { wordBits, width, isSigned: false };
  const blockBytes = (BLOCK_VALUES / 8) * width;
  const layout: FixedLayout = {
    itemBits: wordBits,
    locate: (first, end) => {
      const block = Math.floor(first / BLOCK_VALUES);
      const endBlock = Math.ceil(end / BLOCK_VALUES);
      return {
        start: block * blockBytes,
        end: endBlock * blockBytes,
        first: first - block * BLOCK_VALUES,
        count: end - first,
      };
    },
    append: (sink, level, { first, count }, bytes) =>
      sink.appendFixed(level, count, context.kernels.unpackBlocks(bytes, packed, { first, count })),
  };
  return createFixedNode(context, openBuffer(context, encoding.buffer, "data"), layout);
}

function createFixedNode(context: NodeContext, buffer: PageBytes, layout: FixedLayout): ArrayNode {
  return {
    isIndirect: false,
    bits: layout.itemBits,
    spans: (ranges) => locateAll(layout, ranges).map(({ start, end }) => buffer.span(start, end)),
    async fetch(ranges, toEnd): Promise<Append> {
      const pieces = locateAll(layout, ranges);
      const read = await settleAll(
        pieces.map(({ start, end }, i) => buffer.read(start, end, toEnd && i === pieces.length - 1)),
      );
      return (sink, level) => appendAll(context, layout, { sink, level, pieces, read });
    },
  };
}

/** The whole buffer is read and expanded once. */
function createCompressedNode(
  context: NodeContext,
  buffer: PageBytes,
  layout: FixedLayout & { readonly scheme: "lz4" | "zstd" },
): ArrayNode {
  let expanded: Promise<Uint8Array> | undefined;
  const expand = async () => context.kernels.decompress(layout.scheme, await buffer.read(0, buffer.byteLength, false));
  return {
    isIndirect: false,
    bits: layout.itemBits,
    spans: (ranges) => (countItems(ranges) > 0 ? [buffer.span(0, buffer.byteLength)] : []),
    async fetch(ranges): Promise<Append> {
      const pieces = locateAll(layout, ranges);
      if (pieces.length > 0) expanded ??= expand();
      const bytes = (await expanded) ?? new Uint8Array(0);
      const read = pieces.map(({ start, end }) => {
        if (end > bytes.byteLength) throw corruptArray(context, "a compressed buffer holds too few values");
        return bytes.subarray(start, end);
      });
      return (sink, level) => appendAll(context, layout, { sink, level, pieces, read });
    },
  };
}

function locateAll(layout: FixedLayout, ranges: Ranges): Piece[] {
  const pieces: Piece[] = [];
  for (let i = 0; i < ranges.length; i += 2) {
    if (ranges[i + 1]! > ranges[i]!) pieces.push(layout.locate(ranges[i]!, ranges[i + 1]!));
  }
  return pieces;
}

function appendAll(
  context: NodeContext,
  layout: FixedLayout,
  parts: { sink: ValueSink; level: number; pieces: readonly Piece[]; read: readonly Uint8Array[] },
): void {
  const { sink, level, pieces, read } = parts;
  if (pieces.length > 0 && (sink.shape.variable || sink.bitsPerItem(level) !== layout.itemBits)) {
    throw corruptArray(context, `values of ${layout.itemBits} bits, against the column's type`);
  }
  for (const [i, piece] of pieces.entries()) layout.append(sink, level, piece, read[i]!);
}

function checkBits(context: NodeContext, bits: bigint): number {
  const count = Number(bits);
  if (!(count >= 1 && count < MAX_BITS)) throw corruptArray(context, `values of ${bits} bits`);
  return count;
}
