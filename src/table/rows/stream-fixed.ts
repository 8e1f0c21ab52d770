import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import type { Snapshot } from "../snapshot.ts";
import { type FixedColumn, locateFixedColumn } from "./fixed-column.ts";

/** Rows of one fragment. */
export interface RowBlock {
  readonly fragmentId: number;
  readonly firstRow: number;
  readonly numRows: number;
  /** Valid until the next block is asked for. */
  readonly bytes: Uint8Array;
}

/** Where rows of one fragment lie, one after another. */
export interface BlockPlace extends Omit<RowBlock, "bytes"> {
  /** Names the rows: files are write-once. */
  readonly key: string;
  readonly path: string;
  readonly offset: number;
}

/** Read at once: few calls, and what is compared is still in the processor's cache. */
const BLOCK_BYTES = 1024 * 1024;
/** Blocks being read while one is used. */
const READS_AHEAD = 2;

/** Columns of which a store would keep nothing useful: they are larger than what caches hold by default. */
const LEAST_BYTES = 64 * 1024 * 1024;

/**
 * All rows of fragments, block by block, into a few buffers that are used again and again: what a large column leaves
 * behind otherwise keeps the garbage collector busier than the reading. Caches give what they hold and keep no more.
 *
 * @param options.leastBytes of a column that is not small, default 64 MiB
 * @returns nothing where blocks would serve less well than batches: rows that must be decoded, a small column, a store
 * where reading again costs time
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function streamFixedRows(
  snapshot: Snapshot,
  fragmentIds: readonly number[],
  options: {
    readonly field: LanceField;
    readonly rowBytes: number;
    readonly leastBytes?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<AsyncGenerator<RowBlock, void, undefined> | undefined> {
  const { rowBytes, leastBytes = LEAST_BYTES, signal } = options;
  const blocks = await planBlocks(snapshot, fragmentIds, options);
  if (!blocks || countRows(blocks) * rowBytes < leastBytes) return undefined;
  return readBlocks(snapshot, blocks, { rowBytes, signal });
}

/**
 * Where the blocks of {@link streamFixedRows} lie, of a column of any size.
 * @param options.blockBytes of a block at most, default 1 MiB
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function planBlocks(
  snapshot: Snapshot,
  fragmentIds: readonly number[],
  options: {
    readonly field: LanceField;
    readonly rowBytes: number;
    readonly blockBytes?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  },
): Promise<BlockPlace[] | undefined> {
  const { field, rowBytes, blockBytes = BLOCK_BYTES, signal } = options;
  if (snapshot.store.capabilities?.gapBytes !== undefined) return undefined;
  const columns = await locateFixedColumn(snapshot, field, new Set(fragmentIds), signal);
  const blocks: BlockPlace[] = [];
  for (const id of fragmentIds) {
    const { plain, key } = columns.get(id)!;
    if (plain?.layout.rowBytes !== rowBytes) return undefined;
    blocks.push(...cutBlocks(id, { ...plain, key }, Math.max(1, Math.floor(blockBytes / rowBytes))));
  }
  return blocks;
}

export function countRows(blocks: readonly Pick<RowBlock, "numRows">[]): number {
  return blocks.reduce((sum, { numRows }) => sum + numRows, 0);
}

function cutBlocks(
  fragmentId: number,
  { path, layout, key }: NonNullable<FixedColumn["plain"]> & { readonly key: string },
  blockRows: number,
): BlockPlace[] {
  const { rowBytes, starts, offsets } = layout;
  const blocks: BlockPlace[] = [];
  for (let page = 0; page < offsets.length; page++) {
    for (let firstRow = starts[page]!; firstRow < starts[page + 1]!; firstRow += blockRows) {
      const numRows = Math.min(blockRows, starts[page + 1]! - firstRow);
      blocks.push({
        key: `${fragmentId} ${firstRow} ${key}`,
        fragmentId,
        path,
        firstRow,
        numRows,
        offset: offsets[page]! + (firstRow - starts[page]!) * rowBytes,
      });
    }
  }
  return blocks;
}

/** Reads blocks, one after another. @throws CORRUPT, IO, ABORTED */
export async function* readBlocks(
  { store }: Snapshot,
  parts: readonly BlockPlace[],
  { rowBytes, signal }: { readonly rowBytes: number; readonly signal?: AbortSignal | undefined },
): AsyncGenerator<RowBlock, void, undefined> {
  const largest = parts.reduce((most, { numRows }) => Math.max(most, numRows), 0);
  const buffers = Array.from({ length: READS_AHEAD + 1 }, () => new Uint8Array(largest * rowBytes));
  const pending: Promise<Uint8Array>[] = [];
  const read = async (at: number): Promise<Uint8Array> => {
    const { path, offset, numRows } = parts[at]!;
    const length = numRows * rowBytes;
    const into = buffers[at % buffers.length]!;
    const result = await store.get(path, { offset, length }, { signal, transient: true, into });
    if (result?.bytes.byteLength === length) return result.bytes;
    throw new LanceError("CORRUPT", `${path}: expected ${length} bytes at ${offset}; the file is cut off or gone`, {
      path,
      expected: length,
      received: result?.bytes.byteLength ?? null,
    });
  };
  try {
    for (let at = 0; at < parts.length; at++) {
      while (pending.length <= READS_AHEAD && at + pending.length < parts.length) {
        const next = read(at + pending.length);
        next.catch(() => {});
        pending.push(next);
      }
      const bytes = await pending[0]!;
      const { fragmentId, firstRow, numRows } = parts[at]!;
      yield { fragmentId, firstRow, numRows, bytes };
      pending.shift();
    }
  } finally {
    await Promise.allSettled(pending);
  }
}
