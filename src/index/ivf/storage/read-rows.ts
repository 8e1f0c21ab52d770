import { LanceError } from "../../../errors.ts";
import type { LanceFile } from "../../../format/read/file.ts";
import type { StoredRows } from "../stored-rows.ts";
import type { RowRanges, RowStorage } from "./storage.ts";

/** A partition is held whole; a larger one would not fit beside others in a 32-bit memory. */
const MAX_READ_BYTES = 2 ** 30;

/**
 * Reads row ranges of a storage file as one piece.
 * @throws CORRUPT when the file has other columns or ends early; QUOTA_EXCEEDED, IO, ABORTED
 */
export async function readRows(
  file: LanceFile,
  storage: RowStorage,
  ranges: RowRanges,
  signal?: AbortSignal,
): Promise<StoredRows> {
  const { rowBytes } = storage;
  const numRows = countRows(file, rowBytes, ranges);
  const values = new Uint8Array(numRows * rowBytes);
  const rowIds = new BigUint64Array(numRows);
  let row = 0;
  for await (const part of storage.readBatches(file, ranges, signal)) {
    values.set(part.values, row * rowBytes);
    rowIds.set(part.rowIds, row);
    row += part.rowIds.length;
  }
  return { values, rowIds };
}

/** Rows of the ranges. @throws QUOTA_EXCEEDED when they are too many to hold as one piece */
export function countRows(file: LanceFile, rowBytes: number, ranges: RowRanges): number {
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  const byteLength = numRows * (8 + rowBytes);
  if (byteLength > MAX_READ_BYTES) {
    throw new LanceError(
      "QUOTA_EXCEEDED",
      `${file.path}: a partition of ${numRows} rows takes ${byteLength} bytes, more than ${MAX_READ_BYTES}; build the index with more partitions`,
      { path: file.path, numRows, byteLength },
    );
  }
  return numRows;
}
