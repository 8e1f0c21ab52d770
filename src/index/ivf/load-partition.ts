import type { CoreKernels } from "../../kernels/core.ts";
import type { CachedPart } from "../part-cache.ts";
import type { IvfHeader } from "./header.ts";
import { countFlatRows, readFlatBatches } from "./storage/flat.ts";
import type { FlatPartition } from "./sub-index/flat.ts";

/**
 * Reads rows of a storage file into WASM memory, one copy from the fetched bytes.
 * @param range rows of one partition
 * @throws CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function loadFlatPartition(
  core: CoreKernels,
  { storage: file, dimension, mapRowIds }: Pick<IvfHeader, "storage" | "dimension" | "mapRowIds">,
  range: readonly [start: number, end: number],
): Promise<FlatPartition & CachedPart> {
  const numRows = countFlatRows(file, dimension, [range]);
  const vectors = core.allocate(numRows * dimension * 4);
  const rowIds = core.allocate(numRows * 8);
  const free = () => {
    vectors.free();
    rowIds.free();
  };
  try {
    let row = 0;
    for await (const part of readFlatBatches(file, dimension, [range])) {
      vectors.bytes().set(viewBytes(part.vectors), row * dimension * 4);
      rowIds.bytes().set(viewBytes(mapRowIds?.(part.rowIds) ?? part.rowIds), row * 8);
      row += part.rowIds.length;
    }
  } catch (error) {
    free();
    throw error;
  }
  return { vectors, rowIds, numRows, byteLength: vectors.byteLength + rowIds.byteLength, free };
}

function viewBytes(view: ArrayBufferView): Uint8Array {
  return new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
}
