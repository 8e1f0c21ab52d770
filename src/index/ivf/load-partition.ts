import type { CoreKernels } from "../../kernels/core.ts";
import type { WasmBuffer } from "../../kernels/memory.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import type { CachedPart } from "../part-cache.ts";
import type { IvfHeader } from "./header.ts";
import { countRows } from "./storage/read-rows.ts";
import type { RowStorage, StoredSlice } from "./storage/storage.ts";
import type { LoadedRows } from "./sub-index/sub-index.ts";

/** Rearranged in one call: some 5 to 10 ms. */
const ARRANGE_BYTES = 2 ** 21;

/**
 * Reads a partition, its rows and the graph over them, into WASM memory; rows with one copy from the fetched bytes.
 * @throws CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function loadPartition(
  core: CoreKernels,
  header: IvfHeader,
  partition: number,
): Promise<LoadedRows & CachedPart> {
  const { graphs, lengths } = header;
  const [rows, graph] = await Promise.allSettled([
    loadRows(core, header, partition),
    graphs?.loadGraph(core, partition, lengths[partition]!),
  ]);
  const free = () => {
    if (rows.status === "fulfilled") {
      rows.value.values.free();
      rows.value.rowIds.free();
    }
    if (graph.status === "fulfilled") graph.value?.free();
  };
  if (rows.status === "fulfilled" && graph.status === "fulfilled") {
    const { values, rowIds } = rows.value;
    const byteLength = values.byteLength + rowIds.byteLength + (graph.value?.byteLength ?? 0);
    return { ...rows.value, graph: graph.value, byteLength, free };
  }
  free();
  throw rows.status === "rejected" ? rows.reason : (graph as PromiseRejectedResult).reason;
}

async function loadRows(
  core: CoreKernels,
  { file, storage, offsets, lengths, mapRowIds }: IvfHeader,
  partition: number,
): Promise<StoredSlice> {
  const { rowBytes } = storage;
  const range = [offsets[partition]!, offsets[partition]! + lengths[partition]!] as const;
  const numRows = countRows(file, rowBytes, [range]);
  const values = core.allocate(numRows * rowBytes);
  const rowIds = core.allocate(numRows * 8);
  try {
    let row = 0;
    for await (const part of storage.readBatches(file, [range])) {
      const ids = mapRowIds?.(part.rowIds) ?? part.rowIds;
      values.bytes().set(part.values, row * rowBytes);
      rowIds.bytes().set(new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength), row * 8);
      row += part.rowIds.length;
    }
    const restored = storage.restoreRows?.(values.bytes(), numRows);
    if (restored) values.bytes().set(restored);
    await arrangeRows(storage, values, numRows);
  } catch (error) {
    values.free();
    rowIds.free();
    throw error;
  }
  return { values, rowIds, numRows };
}

/** Gives way. */
async function arrangeRows(storage: RowStorage, values: WasmBuffer, numRows: number): Promise<void> {
  const { rowBytes, blockRows = 1 } = storage;
  if (!storage.arrange) return;
  const giveWay = createGiveWay(undefined);
  const step = Math.max(1, Math.floor(ARRANGE_BYTES / (rowBytes * blockRows))) * blockRows;
  for (let from = 0; from < numRows; from += step) {
    storage.arrange(values, [from, Math.min(from + step, numRows)]);
    const pause = giveWay();
    if (pause) await pause;
  }
}
