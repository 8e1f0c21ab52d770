import type { RecordBatch } from "apache-arrow";
import type { RowSelection } from "../format/read/row-ranges.ts";
import type { LanceField } from "../format/schema.ts";
import type { Fragment } from "../table/fragment.ts";
import { locateColumns } from "../table/rows/fragment-columns.ts";
import { scanFragment } from "../table/rows/scan-fragment.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { readAhead } from "./read-ahead.ts";
import { countSelected, cutSelection, offsetsOf } from "./selection.ts";

/** Rows of one fragment. */
export interface FragmentRows {
  readonly fragment: Fragment;
  readonly selection: RowSelection;
}

/** A batch of a fragment, with where its rows are. */
export interface PieceBatch {
  readonly fragment: Fragment;
  /** Physical offsets of the rows, ascending. */
  readonly offsets: Uint32Array;
  /** `null` when no field is asked for. */
  readonly stored: RecordBatch | null;
}

/** How pieces are read. */
export interface PieceOptions {
  readonly batchRows: number;
  /** Bytes of files under way at most. */
  readonly maxBytes: number;
  /** Pieces under way at most. Default {@link MAX_WIDTH}. */
  readonly width?: number | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Pieces under way: what hides the latency of a remote store without a queue that a small table would never fill. */
export const MAX_WIDTH = 16;

/** A piece is read in one go: several batches where rows are small, so that each costs few reads. */
const PIECE_BYTES = 1 << 20;
const MAX_PIECE_BATCHES = 8;

/**
 * Rows of some fragments, in the order given, a batch at a time. The next pieces are fetched and decoded while one is
 * consumed, within `maxBytes` of file.
 */
export async function* scanPieces(
  snapshot: Snapshot,
  rows: AsyncIterable<FragmentRows>,
  fields: readonly LanceField[],
  options: PieceOptions,
): AsyncGenerator<PieceBatch> {
  const { batchRows, signal, maxBytes, width = MAX_WIDTH } = options;
  const pieces = cutPieces(snapshot, rows, fields, options);
  const read = async ({ fragment, selection }: Piece): Promise<PieceBatch[]> => {
    const batches: PieceBatch[] = [];
    const numRows = countSelected(selection, fragment.physicalRows);
    let at = 0;
    const add = (stored: RecordBatch | null, count: number) => {
      batches.push({ fragment, stored, offsets: offsetsOf(selection, at, at + count) });
      at += count;
    };
    if (fields.length === 0) while (at < numRows) add(null, Math.min(batchRows, numRows - at));
    else {
      for await (const stored of scanFragment(snapshot, fragment, fields, selection, { batchRows, signal })) {
        add(stored, stored.numRows);
      }
    }
    return batches;
  };
  const sizeOf = (piece: Piece) => piece.bytes;
  for await (const batches of readAhead(pieces, read, { width, maxBytes, sizeOf })) yield* batches;
}

interface Piece extends FragmentRows {
  readonly bytes: number;
}

async function* cutPieces(
  snapshot: Snapshot,
  rows: AsyncIterable<FragmentRows>,
  fields: readonly LanceField[],
  { batchRows, maxBytes, signal }: PieceOptions,
): AsyncGenerator<Piece> {
  let known: { readonly fragment: Fragment; readonly rowBytes: number } | undefined;
  for await (const { fragment, selection } of rows) {
    if (known?.fragment !== fragment) {
      known = { fragment, rowBytes: await estimateRowBytes(snapshot, fragment, fields, signal) };
    }
    const { rowBytes } = known;
    const numRows = countSelected(selection, fragment.physicalRows);
    const fitting = Math.floor(Math.min(PIECE_BYTES, maxBytes / 4) / Math.max(rowBytes, 1 / 64) / batchRows);
    const pieceRows = batchRows * Math.min(MAX_PIECE_BATCHES, Math.max(1, fitting));
    for (let from = 0; from < numRows; from += pieceRows) {
      const to = Math.min(numRows, from + pieceRows);
      const piece = cutSelection(selection, from, to, fragment.physicalRows);
      yield { fragment, selection: piece, bytes: Math.ceil(rowBytes * (to - from)) };
    }
  }
}

/** Bytes of file a row of these fields takes. */
async function estimateRowBytes(
  snapshot: Snapshot,
  fragment: Fragment,
  fields: readonly LanceField[],
  signal: AbortSignal | undefined,
): Promise<number> {
  if (fields.length === 0) return 0;
  const { files } = locateColumns(snapshot, fragment, fields);
  const sizes = await settleAll(
    files.map(async ({ path, sizeBytes, columns }) => {
      const file = await snapshot.files.open(path, { sizeBytes, signal });
      return file.estimateRowBytes(columns);
    }),
  );
  return sizes.reduce((sum, size) => sum + size, 0);
}
