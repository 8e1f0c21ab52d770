import type { Data } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import type { Fragment } from "../fragment.ts";
import type { Snapshot } from "../snapshot.ts";
import { findFixedList } from "./fixed-list.ts";
import { type BlockPlace, planBlocks, readBlocks } from "./stream-fixed.ts";

/** Rows a store gives about as fast as it skips them. */
const GAP_BYTES = 64 * 1024;

/** Some of the rows asked for: `values.length` of them from the `first` on. */
export interface PickedRows {
  readonly values: Data;
  readonly first: number;
}

/**
 * Some rows of a fragment's column of fixed-size lists. They are read block by block, those between wanted ones that
 * are near to each other too, into memory that is used again: what is given is valid until the next is asked for.
 * @param options.offsets ascending
 * @returns nothing for another column, or where batches serve better, see {@link planBlocks}
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function pickColumn(
  snapshot: Snapshot,
  { id }: Fragment,
  options: { readonly field: LanceField; readonly offsets: Uint32Array; readonly signal?: AbortSignal | undefined },
): Promise<AsyncGenerator<PickedRows, void, undefined> | undefined> {
  const { field, offsets, signal } = options;
  const list = findFixedList(field);
  if (!list) return undefined;
  const { rowBytes } = list;
  const blocks = await planBlocks(snapshot, [id], { field, rowBytes, signal });
  return blocks && pickRows();

  async function* pickRows(): AsyncGenerator<PickedRows, void, undefined> {
    const wanted = narrowBlocks(blocks!, offsets, rowBytes);
    let room = new Uint8Array(0);
    let first = 0;
    for await (const { firstRow, numRows, bytes } of readBlocks(snapshot, wanted, { rowBytes, signal })) {
      let next = first;
      while (next < offsets.length && offsets[next]! < firstRow + numRows) next++;
      if (room.length < (next - first) * rowBytes) room = new Uint8Array((next - first) * rowBytes);
      for (let i = first; i < next; i++) {
        const start = (offsets[i]! - firstRow) * rowBytes;
        room.set(bytes.subarray(start, start + rowBytes), (i - first) * rowBytes);
      }
      yield { values: list!.view(room.buffer, 0, next - first), first };
      first = next;
    }
  }
}

/** Of blocks the parts that hold wanted rows, from the first to the last, cut where they are far from each other. */
function narrowBlocks(blocks: readonly BlockPlace[], offsets: Uint32Array, rowBytes: number): BlockPlace[] {
  const found: BlockPlace[] = [];
  let next = 0;
  for (const block of blocks) {
    const end = block.firstRow + block.numRows;
    while (next < offsets.length && offsets[next]! < end) {
      const firstRow = offsets[next++]!;
      let last = firstRow;
      while (next < offsets.length && offsets[next]! < end && (offsets[next]! - last) * rowBytes <= GAP_BYTES) {
        last = offsets[next++]!;
      }
      const offset = block.offset + (firstRow - block.firstRow) * rowBytes;
      found.push({ ...block, firstRow, numRows: last + 1 - firstRow, offset });
    }
  }
  return found;
}
