import type { Data } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import type { Fragment } from "../fragment.ts";
import type { Snapshot } from "../snapshot.ts";
import { findFixedList } from "./fixed-list.ts";
import { streamFixedRows } from "./stream-fixed.ts";

/** From so many bytes in a fragment on, buffers of its own are worth it. */
const LEAST_BYTES = 4 << 20;

/**
 * Rows of a fragment's column of fixed-size lists, those that are deleted too, in memory that is used again: what is
 * given is valid until the next is asked for.
 * @param options.batchRows most rows at a time
 * @returns nothing for another column, a small one, or where batches serve better, see {@link streamFixedRows}
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function streamColumn(
  snapshot: Snapshot,
  { id }: Fragment,
  options: {
    readonly field: LanceField;
    readonly batchRows: number;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<AsyncGenerator<Data, void, undefined> | undefined> {
  const { field, batchRows, signal } = options;
  const list = findFixedList(field);
  if (!list) return undefined;
  const { rowBytes, itemBytes } = list;
  const blocks = await streamFixedRows(snapshot, [id], { field, rowBytes, leastBytes: LEAST_BYTES, signal });
  return blocks && cutBlocks();

  async function* cutBlocks(): AsyncGenerator<Data, void, undefined> {
    for await (const { numRows, bytes } of blocks!) {
      // A cache may give bytes that lie anywhere.
      const { buffer, byteOffset } = bytes.byteOffset % itemBytes === 0 ? bytes : bytes.slice();
      for (let row = 0; row < numRows; row += batchRows) {
        yield list!.view(buffer, byteOffset + row * rowBytes, Math.min(batchRows, numRows - row));
      }
    }
  }
}
