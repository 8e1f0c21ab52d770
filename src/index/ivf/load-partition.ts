import type { CoreKernels } from "../../kernels/core.ts";
import type { CachedPart } from "../part-cache.ts";
import type { IvfHeader } from "./header.ts";
import { countRows } from "./storage/read-rows.ts";
import type { StoredSlice } from "./storage/storage.ts";

/**
 * Reads rows of a storage file into WASM memory, one copy from the fetched bytes.
 * @param range rows of one partition
 * @throws CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function loadPartition(
  core: CoreKernels,
  { file, storage, mapRowIds }: Pick<IvfHeader, "file" | "storage" | "mapRowIds">,
  range: readonly [start: number, end: number],
): Promise<StoredSlice & CachedPart> {
  const { rowBytes } = storage;
  const numRows = countRows(file, rowBytes, [range]);
  const values = core.allocate(numRows * rowBytes);
  const rowIds = core.allocate(numRows * 8);
  const free = () => {
    values.free();
    rowIds.free();
  };
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
    storage.arrange?.(values, numRows);
  } catch (error) {
    free();
    throw error;
  }
  return { values, rowIds, numRows, byteLength: values.byteLength + rowIds.byteLength, free };
}
