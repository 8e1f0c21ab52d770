import type { MiniBlockLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import { findFirst } from "../../search-sorted.ts";
import { corruptPage, type PageContext } from "./page-access.ts";

/** Where each chunk of a mini-block page lies, and which rows it holds. */
export interface ChunkIndex {
  readonly numChunks: number;
  /** Byte offset of each chunk in the page's data, and the end. */
  readonly byteStarts: Float64Array;
  /** Values in each chunk. */
  readonly numValues: Uint32Array;
  /** First row that starts in each chunk, and the number of rows. */
  readonly rowStarts: Uint32Array;
  /** With lists: rows that ended before each chunk, and the number of rows. Without: the same as `rowStarts`. */
  readonly rowsEnded: Uint32Array;
}

/** Chunks are counted in units of this many bytes. */
const CHUNK_ALIGNMENT = 8;
/** The last chunk holds what is left; no writer leaves more. */
const MAX_CHUNK_VALUES = 1 << 16;

/**
 * Reads the chunk words, and the repetition index where the page has lists (FORMAT.md section 2.2, MiniBlock).
 * @throws CORRUPT when chunks do not add up to the page
 */
export function readChunkIndex(
  context: PageContext,
  layout: MiniBlockLayout,
  words: Uint8Array,
  repetitionIndex: Uint8Array | undefined,
): ChunkIndex {
  const wordBytes = layout.hasLargeChunk ? 4 : 2;
  const numChunks = words.byteLength / wordBytes;
  if (!Number.isInteger(numChunks))
    throw corruptPage(context, `its chunk table of ${words.byteLength} bytes is cut off`);
  const view = new DataView(words.buffer, words.byteOffset, words.byteLength);
  const byteStarts = new Float64Array(numChunks + 1);
  const numValues = new Uint32Array(numChunks);
  const numItems = Number(layout.numItems);
  let counted = 0;
  for (let chunk = 0; chunk < numChunks; chunk++) {
    const word = layout.hasLargeChunk ? view.getUint32(chunk * 4, true) : view.getUint16(chunk * 2, true);
    const log = word & 15;
    byteStarts[chunk + 1] = byteStarts[chunk]! + ((word >>> 4) + 1) * CHUNK_ALIGNMENT;
    const isLast = chunk === numChunks - 1;
    if (!isLast && log === 0) throw corruptPage(context, `chunk ${chunk} declares no values`);
    numValues[chunk] = isLast ? Math.max(0, Math.min(numItems - counted, 0xffffffff)) : 2 ** log;
    if (isLast && log !== 0 && numValues[chunk] !== 2 ** log) {
      throw corruptPage(context, `its last chunk declares ${2 ** log} values, ${numItems - counted} are left`);
    }
    counted += numValues[chunk]!;
    if (numValues[chunk]! > MAX_CHUNK_VALUES) throw corruptPage(context, `chunk ${chunk} declares too many values`);
  }
  if (counted !== numItems) throw corruptPage(context, `its chunks hold ${counted} values, expected ${numItems}`);
  const dataBytes = context.info.buffers[1]?.length ?? 0;
  if (byteStarts[numChunks]! > dataBytes) {
    throw corruptPage(context, `its chunks take ${byteStarts[numChunks]} bytes, its data has ${dataBytes}`);
  }
  const rows = repetitionIndex
    ? readRowCounts(context, layout, numChunks, repetitionIndex)
    : { rowStarts: sum(numValues), rowsEnded: sum(numValues) };
  const numRows = rows.rowsEnded[numChunks]!;
  if (numRows !== context.info.numRows) {
    throw corruptPage(context, `its chunks hold ${numRows} rows, expected ${context.info.numRows}`);
  }
  return { numChunks, byteStarts, numValues, ...rows };
}

/** Per chunk: rows that end in it, then levels of the row left unfinished. */
function readRowCounts(context: PageContext, layout: MiniBlockLayout, numChunks: number, bytes: Uint8Array) {
  const stride = layout.repetitionIndexDepth + 1;
  if (bytes.byteLength !== numChunks * stride * 8) {
    throw corruptPage(
      context,
      `its repetition index has ${bytes.byteLength} bytes, expected ${numChunks * stride * 8}`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const rowStarts = new Uint32Array(numChunks + 1);
  const rowsEnded = new Uint32Array(numChunks + 1);
  let unfinished = false;
  for (let chunk = 0; chunk < numChunks; chunk++) {
    rowStarts[chunk] = rowsEnded[chunk]! + (unfinished ? 1 : 0);
    const ended = Number(view.getBigUint64(chunk * stride * 8, true));
    if (rowsEnded[chunk]! + ended > context.info.numRows) {
      throw corruptPage(context, `its repetition index counts more rows than its ${context.info.numRows}`);
    }
    rowsEnded[chunk + 1] = rowsEnded[chunk]! + ended;
    unfinished = view.getBigUint64(chunk * stride * 8 + 8, true) !== 0n;
  }
  if (unfinished) throw corruptPage(context, "its last row continues beyond its last chunk");
  rowStarts[numChunks] = rowsEnded[numChunks]!;
  return { rowStarts, rowsEnded };
}

function sum(counts: Uint32Array): Uint32Array {
  const totals = new Uint32Array(counts.length + 1);
  for (let i = 0; i < counts.length; i++) totals[i + 1] = totals[i]! + counts[i]!;
  return totals;
}

/** The chunk in which a row starts. */
export function findStartChunk(index: ChunkIndex, row: number): number {
  return findFirst(index.numChunks - 1, (chunk) => index.rowStarts[chunk + 1]! > row);
}

/** The chunk in which a row ends: the last one before which the row had not ended. */
export function findEndChunk(index: ChunkIndex, row: number): number {
  return findFirst(index.numChunks - 1, (chunk) => index.rowsEnded[chunk + 1]! > row);
}
