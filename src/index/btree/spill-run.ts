import { LanceError } from "../../errors.ts";
import type { SegmentWriter } from "../segment.ts";
import type { SortedRows, SortedSource } from "./sorted-run.ts";
import { allocateValues, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

interface PieceAt {
  readonly offset: number;
  readonly length: number;
  readonly numRows: number;
  readonly nullCount: number;
  readonly valuesLength: number;
}

/**
 * Writes sorted pages to a scratch file and gives a source that reads them back page by page. The layout (ids, values,
 * offsets, validity, each in the host's byte order) is read only by the attempt that wrote it.
 */
export async function spillRun(
  type: ValueType,
  pages: AsyncIterable<SortedRows>,
  scratch: SegmentWriter["scratch"],
  name: string,
  signal?: AbortSignal,
): Promise<SortedSource> {
  const path = scratch.path(name);
  const writer = await scratch.store.createWriter(path, { signal });
  const pieces: PieceAt[] = [];
  let offset = 0;
  try {
    for await (const { column, ids } of pages) {
      const parts: ArrayBufferView[] = [ids, column.values];
      if (column.offsets) parts.push(column.offsets);
      if (column.validity) parts.push(column.validity.subarray(0, (column.length + 7) >> 3));
      const start = offset;
      for (const part of parts) {
        await writer.write(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
        offset += part.byteLength;
      }
      pieces.push({
        offset: start,
        length: offset - start,
        numRows: column.length,
        nullCount: column.nullCount,
        valuesLength: column.values.length,
      });
    }
    await writer.close();
  } catch (error) {
    await writer.abort();
    throw error;
  }
  let at = 0;
  return {
    async next() {
      const piece = pieces[at++];
      if (!piece) return null;
      const { offset, length } = piece;
      const read = await scratch.store.get(path, { offset, length }, { signal });
      if (read?.bytes.length !== length) {
        throw new LanceError("IO", `scratch file ${path} is gone or short: run the build again`, { path });
      }
      return decodePiece(type, piece, read.bytes);
    },
  };
}

function decodePiece(type: ValueType, piece: PieceAt, bytes: Uint8Array): SortedRows {
  const { numRows, nullCount, valuesLength } = piece;
  let position = 0;
  const fill = <T extends ArrayBufferView>(into: T): T => {
    const target = new Uint8Array(into.buffer, into.byteOffset, into.byteLength);
    target.set(bytes.subarray(position, position + into.byteLength));
    position += into.byteLength;
    return into;
  };
  const ids = fill(new BigUint64Array(numRows));
  const values = fill(allocateValues(type.sortType, valuesLength));
  const offsets = type.sortType === "bytes" ? fill(new Int32Array(numRows + 1)) : null;
  const validity = nullCount > 0 ? fill(new Uint8Array((numRows + 7) >> 3)) : null;
  const column: ValueColumn = { type, length: numRows, validity, nullCount, values, offsets };
  return { column, ids };
}
