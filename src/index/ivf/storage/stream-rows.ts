import type { FileColumn, LanceFile, RowLayout } from "../../../format/read/file.ts";
import { SpareBuffers } from "../../../table/rows/spare-buffers.ts";
import type { RowRanges } from "./storage.ts";

/** Read at once: what is copied on is still in the processor's cache. */
const PIECE_BYTES = 1 << 20;
/** Fewer bytes are read with what lies near them. */
const LEAST_BYTES = 256 << 10;
/** Held for the next reads: about as much as one search loads at once. */
const SPARE_BYTES = 8 << 20;

/** Of this thread. New memory for every partition would be garbage faster than it is collected. */
const spare = new SpareBuffers();
spare.bound(SPARE_BYTES);

/** Of each file: there is one such column in it, and partitions are many. */
const layouts = new WeakMap<LanceFile, RowLayout | undefined>();

interface Piece {
  readonly offset: number;
  readonly length: number;
}

/**
 * Bytes of a column's rows where they lie as they are in a file at hand, piece by piece in memory that is used again:
 * each piece is of whole rows, and valid until the next is asked for. The next one is read meanwhile.
 * @param ranges ascending, none empty
 * @returns nothing where rows must be decoded, are few, or where each piece would be a request or take new memory
 * @throws CORRUPT, NOT_FOUND, IO, ABORTED
 */
export function streamRows(
  file: LanceFile,
  column: FileColumn,
  ranges: RowRanges,
  signal?: AbortSignal,
): AsyncGenerator<Uint8Array, void, undefined> | undefined {
  if (!file.readsInto) return undefined;
  if (!layouts.has(file)) layouts.set(file, file.layoutRows(column));
  const layout = layouts.get(file);
  if (!layout) return undefined;
  const numRows = ranges.reduce((sum, [start, end]) => sum + end - start, 0);
  return numRows * layout.rowBytes < LEAST_BYTES ? undefined : readPieces(file, cutPieces(layout, ranges), signal);
}

function cutPieces({ rowBytes, starts, offsets }: RowLayout, ranges: RowRanges): Piece[] {
  const pieceRows = Math.max(1, Math.floor(PIECE_BYTES / rowBytes));
  const pieces: Piece[] = [];
  let run = 0;
  for (const [start, end] of ranges) {
    for (let row = start; row < end; ) {
      while (starts[run + 1]! <= row) run++;
      const numRows = Math.min(pieceRows, end - row, starts[run + 1]! - row);
      pieces.push({ offset: offsets[run]! + (row - starts[run]!) * rowBytes, length: numRows * rowBytes });
      row += numRows;
    }
  }
  return pieces;
}

async function* readPieces(
  file: LanceFile,
  pieces: readonly Piece[],
  signal: AbortSignal | undefined,
): AsyncGenerator<Uint8Array, void, undefined> {
  const read = (piece: Piece) => {
    const buffer = spare.take(piece.length);
    const bytes = file.readInto(buffer, piece, signal);
    bytes.catch(() => {});
    return { buffer, bytes };
  };
  const pending = [read(pieces[0]!)];
  try {
    for (let at = 1; pending.length > 0; at++) {
      if (at < pieces.length) pending.push(read(pieces[at]!));
      yield await pending[0]!.bytes;
      spare.give(pending.shift()!.buffer);
    }
  } finally {
    await Promise.allSettled(pending.map(({ bytes }) => bytes));
    for (const { buffer } of pending) spare.give(buffer);
  }
}
