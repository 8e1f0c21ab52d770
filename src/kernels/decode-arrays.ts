import { decompressBuffer, expandSymbols, takeField, unpackBitBlocks, unpackBits } from "../../wasm/pkg/core/core.js";
import { loadDecodeKernels, runDecoder } from "./decode.ts";

/** What array encodings of files 2.0 need beyond copying. Call `loadArrayKernels` once before. */
export interface ArrayKernels {
  /** Values of `width` bits end to end, from bit `firstBit` on, widened to words. @throws CORRUPT */
  unpackBits(data: Uint8Array, bits: PackedBits, range: { firstBit: number; count: number }): Uint8Array;
  /** Values `first` to `first + count` of blocks of 1024. @throws CORRUPT */
  unpackBlocks(data: Uint8Array, bits: PackedBits, range: { first: number; count: number }): Uint8Array;
  /** Expands FSST values that lie end to end; `lengths` becomes the length of each after it. @throws CORRUPT */
  expandSymbols(table: Uint8Array, data: Uint8Array, lengths: Uint32Array): Uint8Array;
  /** Expands one compressed buffer. @throws CORRUPT, UNSUPPORTED */
  decompress(scheme: "lz4" | "zstd", data: Uint8Array): Uint8Array;
  /** `width` bytes at `offset` of every row of `stride` bytes. @throws CORRUPT */
  takeField(rows: Uint8Array, field: { stride: number; offset: number; width: number }): Uint8Array;
}

/** Width of a packed value, of the word it becomes, and whether its top bit is a sign. */
export interface PackedBits {
  readonly wordBits: number;
  readonly width: number;
  readonly isSigned: boolean;
}

/** The kernels of this thread; calls need {@link loadArrayKernels} before them. */
export const arrayKernels: ArrayKernels = {
  unpackBits: (data, { wordBits, width, isSigned }, { firstBit, count }) =>
    runDecoder(() => unpackBits(data, wordBits, width, firstBit, count, isSigned)),
  unpackBlocks: (data, { wordBits, width }, { first, count }) =>
    runDecoder(() => unpackBitBlocks(data, wordBits, width, first, count)),
  expandSymbols: (table, data, lengths) => runDecoder(() => expandSymbols(table, data, lengths)),
  decompress: (scheme, data) => runDecoder(() => decompressBuffer(scheme === "lz4" ? 1 : 2, data)),
  takeField: (rows, { stride, offset, width }) => runDecoder(() => takeField(rows, stride, offset, width)),
};

/** Makes {@link arrayKernels} ready. Cost: the first call compiles the core module. */
export async function loadArrayKernels(): Promise<void> {
  await loadDecodeKernels();
}
