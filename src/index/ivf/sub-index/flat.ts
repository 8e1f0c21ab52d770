import type { WasmBuffer } from "../../../kernels/memory.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import type { RowSet } from "../../../table/row-set.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";
import type { Metric } from "../metric.ts";

/** Vectors of one partition in WASM memory. */
export interface FlatPartition {
  readonly vectors: WasmBuffer;
  readonly rowIds: WasmBuffer;
  readonly numRows: number;
}

/** One query over one partition. */
export interface FlatSearch {
  readonly metric: Metric;
  readonly query: Float32Array;
  readonly dimension: number;
  readonly mask: RowSet | undefined;
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/** Values compared per call: about 5 ms. */
const CALL_VALUES = 8 << 20;

/**
 * The sub-index without a structure: every vector of the partition is compared. Gives way between slices.
 * @returns rows the mask lets through
 */
export async function searchFlatPartition(
  topK: TopK,
  partition: FlatPartition,
  search: FlatSearch,
  giveWay: GiveWay,
): Promise<number> {
  const { query, dimension, mask, lower, upper } = search;
  // Cosine partitions hold unit vectors and a unit query comes in, so 1 − cos = 1 − dot, without their lengths again.
  const metric = search.metric === "cosine" ? "dot" : search.metric;
  const step = Math.max(256, Math.floor(CALL_VALUES / dimension)) & ~7;
  let selected = 0;
  for (let row = 0; row < partition.numRows; row += step) {
    const numRows = Math.min(step, partition.numRows - row);
    const rowIds = viewBuffer(partition.rowIds, row * 8, numRows * 8);
    const bits = mask ? createMaskBits(rowIds.bytes(), numRows, mask) : undefined;
    selected += bits ? bits.count : numRows;
    if (bits && bits.count === 0) continue;
    topK.scanFlat({
      metric,
      query,
      dimension,
      numRows,
      vectors: viewBuffer(partition.vectors, row * dimension * 4, numRows * dimension * 4),
      rowIds,
      ...(bits ? { mask: bits.bytes } : {}),
      ...(lower === undefined ? {} : { lower }),
      ...(upper === undefined ? {} : { upper }),
    });
    await giveWay();
  }
  return selected;
}

/** One bit per row, least significant first: is the row in `mask`? */
function createMaskBits(rowIds: Uint8Array, numRows: number, mask: RowSet): { bytes: Uint8Array; count: number } {
  const halves = new Uint32Array(rowIds.buffer, rowIds.byteOffset, numRows * 2);
  const bytes = new Uint8Array((numRows + 7) >> 3);
  let count = 0;
  let high = -1;
  let words: Uint32Array | undefined;
  for (let i = 0; i < numRows; i++) {
    if (halves[2 * i + 1] !== high) {
      high = halves[2 * i + 1]!;
      words = mask.words(high);
    }
    const low = halves[2 * i]!;
    if (words !== undefined && ((words[low >>> 5] ?? 0) & (1 << (low & 31))) !== 0) {
      bytes[i >> 3]! |= 1 << (i & 7);
      count++;
    }
  }
  return { bytes, count };
}

/** A part of a buffer; the whole one frees it. */
function viewBuffer(buffer: WasmBuffer, offset: number, byteLength: number): WasmBuffer {
  return {
    byteLength,
    pointer: buffer.pointer + offset,
    bytes: () => buffer.bytes().subarray(offset, offset + byteLength),
    free: () => {},
  };
}
