import type { WasmBuffer } from "../../../kernels/memory.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";
import { createIndexField } from "../../file-batch.ts";
import type { StoredSlice } from "../storage/storage.ts";
import { selectMaskBits } from "./mask-bits.ts";
import type { PartitionCounts, PartitionSearch, SubIndex } from "./sub-index.ts";

/** Bytes of rows compared per call: about 5 ms. Partitions of no more are searched at once. */
const CALL_BYTES = 32 << 20;

/** The sub-index without a structure: every row of the partition is compared. */
export const flatSubIndex: SubIndex = {
  name: "",
  schema: { fields: [createIndexField(0, "__flat_marker", "uint64", false)], metadata: {} },
  paramNames: [],
  resolveParams: () => ({}),
  encodeDetails: () => undefined,
  countBuildBytes: () => 0,
  open: () => null,
  createWriter: async (_file, { numPartitions }) => ({
    addPartition: async () => 0,
    describe: () => ({ "lance:flat": JSON.stringify(Array.from({ length: numPartitions }, () => "")) }),
  }),
  searchAtOnce: scanAtOnce,
  searchPartition: scanSlices,
};

/** Offers every row of a partition that counts; `undefined` for one of more than {@link CALL_BYTES}. */
export function scanAtOnce(topK: TopK, partition: StoredSlice, search: PartitionSearch): PartitionCounts | undefined {
  const { numRows } = partition;
  if (numRows * search.rowBytes > CALL_BYTES) return undefined;
  const { query, mask, lower, upper } = search;
  const bits = mask && selectMaskBits(mask, partition, { first: 0, numRows });
  const selected = bits ? bits.count : numRows;
  if (selected > 0) query.scan(topK, partition, { mask: selected < numRows ? bits?.bytes : undefined, lower, upper });
  return { selected, comparisons: numRows };
}

/** The same for a partition of any size, slice by slice. Gives way. */
export async function scanSlices(
  topK: TopK,
  partition: StoredSlice,
  search: PartitionSearch,
  giveWay: GiveWay,
): Promise<PartitionCounts> {
  const { query, rowBytes, blockRows, mask, lower, upper } = search;
  const unit = Math.max(8, blockRows);
  const step = Math.max(unit, Math.floor(CALL_BYTES / rowBytes / unit) * unit);
  let selected = 0;
  for (let row = 0; row < partition.numRows; row += step) {
    const numRows = Math.min(step, partition.numRows - row);
    const bits = mask && selectMaskBits(mask, partition, { first: row, numRows });
    selected += bits ? bits.count : numRows;
    if (bits && bits.count === 0) continue;
    const rowIds = viewBuffer(partition.rowIds, row * 8, numRows * 8);
    const values = viewBuffer(partition.values, row * rowBytes, numRows * rowBytes);
    query.scan(topK, { values, rowIds, numRows }, { mask: bits?.bytes, lower, upper });
    await giveWay();
  }
  return { selected, comparisons: partition.numRows };
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
