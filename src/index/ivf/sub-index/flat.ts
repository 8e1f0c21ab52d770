import type { WasmBuffer } from "../../../kernels/memory.ts";
import type { RowSet } from "../../../table/row-set.ts";
import { createIndexField } from "../../file-batch.ts";
import type { SubIndex } from "./sub-index.ts";

/** Bytes compared per call: about 5 ms. */
const CALL_BYTES = 32 << 20;

/** The sub-index without a structure: every row of the partition is compared. */
export const flatSubIndex: SubIndex = {
  name: "",
  schema: { fields: [createIndexField(0, "__flat_marker", "uint64", false)], metadata: {} },
  describePartitions: (numPartitions) => ({
    "lance:flat": JSON.stringify(Array.from({ length: numPartitions }, () => "")),
  }),
  async searchPartition(topK, partition, search, giveWay) {
    const { query, rowBytes, blockRows, mask, lower, upper } = search;
    const unit = Math.max(8, blockRows);
    const step = Math.max(unit, Math.floor(CALL_BYTES / rowBytes / unit) * unit);
    let selected = 0;
    for (let row = 0; row < partition.numRows; row += step) {
      const numRows = Math.min(step, partition.numRows - row);
      const rowIds = viewBuffer(partition.rowIds, row * 8, numRows * 8);
      const bits = mask ? createMaskBits(rowIds.bytes(), numRows, mask) : undefined;
      selected += bits ? bits.count : numRows;
      if (bits && bits.count === 0) continue;
      const values = viewBuffer(partition.values, row * rowBytes, numRows * rowBytes);
      query.scan(topK, { values, rowIds, numRows }, { mask: bits?.bytes, lower, upper });
      await giveWay();
    }
    return selected;
  },
};

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
