import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type EncodedU64Array, RowIdSequenceSchema, type U64Segment } from "../../proto/gen/lance/rowids_pb.ts";
import { findFirst } from "../../search-sorted.ts";
import { maskTail, wordsFor } from "../bit-words.ts";
import { type BitRank, createBitRank } from "./bit-rank.ts";
import { createRangeRank, listRangesWithout } from "./range-rank.ts";

/** Offsets of 32 bits from here stay within 64. */
const LAST_SAFE_BASE = 2n ** 64n - 2n ** 32n;

/** Consecutive physical rows whose stable row ids are told in one way. */
export type RowIdPiece =
  | { readonly kind: "range"; readonly first: bigint; readonly count: number }
  /** Ids `first + i` for every set bit i. */
  | { readonly kind: "bits"; readonly first: bigint; readonly bits: BitRank; readonly count: number }
  | { readonly kind: "list"; readonly ids: BigUint64Array; readonly count: number };

/** The stable row ids of a fragment as they are stored, ready to be asked. */
export interface RowIdPieces {
  /** In physical order. */
  readonly pieces: readonly RowIdPiece[];
  /** First physical offset of each piece, and the number of rows last. */
  readonly starts: Uint32Array;
}

/**
 * Reads a row id sequence (format page section 1.3). Costs what is stored: a range of any length is one piece.
 *
 * @param numRows physical rows of the fragment
 * @param options.partial there may be fewer ids than rows
 * @throws CORRUPT when the sequence has another length, checked before anything is allocated for it; UNSUPPORTED
 */
export function readRowIdPieces(
  bytes: Uint8Array,
  numRows: number,
  options: { readonly partial?: boolean } = {},
): RowIdPieces {
  let segments: U64Segment[];
  try {
    segments = fromBinary(RowIdSequenceSchema, bytes).segments;
  } catch (cause) {
    throw new LanceError("CORRUPT", "a row id sequence is not a valid message", {}, { cause });
  }
  const pieces: RowIdPiece[] = [];
  const starts = new Uint32Array(segments.length + 1);
  let at = 0;
  for (const [i, segment] of segments.entries()) {
    const piece = readPiece(segment, numRows - at);
    at += piece.count;
    if (at > numRows) throw wrongLength(at, numRows);
    pieces.push(piece);
    starts[i + 1] = at;
  }
  if (at !== numRows && options.partial !== true) throw wrongLength(at, numRows);
  return { pieces, starts };
}

/** Ids of all rows, in physical order: 8 bytes a row. */
export function expandRowIds({ pieces, starts }: RowIdPieces): BigUint64Array<ArrayBuffer> {
  const ids = new BigUint64Array(starts.at(-1)!);
  const halves = new Uint32Array(ids.buffer);
  for (const [i, piece] of pieces.entries()) {
    const at = starts[i]!;
    if (piece.kind === "list") ids.set(piece.ids, at);
    else {
      const write = createWriter(halves, piece.first);
      const positions = piece.kind === "bits" ? piece.bits.positions() : null;
      for (let n = 0; n < piece.count; n++) write(at + n, positions === null ? n : positions[n]!);
    }
  }
  return ids;
}

/** The highest id; `undefined` when there is none. */
export function findHighest({ pieces }: RowIdPieces): bigint | undefined {
  let highest: bigint | undefined;
  for (const piece of pieces) {
    if (piece.count === 0) continue;
    const id =
      piece.kind === "list"
        ? piece.ids[findHighestAt(piece.ids)]!
        : piece.first + BigInt(piece.kind === "range" ? piece.count - 1 : piece.bits.select(piece.count - 1));
    if (highest === undefined || id > highest) highest = id;
  }
  return highest;
}

function findHighestAt(ids: BigUint64Array): number {
  const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
  let best = 0;
  for (let i = 1; i < ids.length; i++) {
    const [high, bestHigh] = [halves[2 * i + 1]!, halves[2 * best + 1]!];
    if (high > bestHigh || (high === bestHigh && halves[2 * i]! > halves[2 * best]!)) best = i;
  }
  return best;
}

/** Ids of the rows at some physical offsets, in their order. @param offsets each below the number of rows */
export function pickRowIds({ pieces, starts }: RowIdPieces, offsets: ArrayLike<number>): BigUint64Array<ArrayBuffer> {
  const ids = new BigUint64Array(offsets.length);
  const halves = new Uint32Array(ids.buffer);
  let at = -1;
  let write: ((row: number, add: number) => void) | undefined;
  for (let row = 0; row < offsets.length; row++) {
    const offset = offsets[row]!;
    if (at < 0 || offset < starts[at]! || offset >= starts[at + 1]!) {
      at = findPiece(starts, offset);
      const next = pieces[at]!;
      write = next.kind === "list" ? undefined : createWriter(halves, next.first);
    }
    const piece = pieces[at]!;
    const n = offset - starts[at]!;
    if (piece.kind === "list") ids[row] = piece.ids[n]!;
    else write!(row, piece.kind === "range" ? n : piece.bits.select(n));
  }
  return ids;
}

/** The last piece that starts at or before an offset and is not empty. */
function findPiece(starts: Uint32Array, offset: number): number {
  return findFirst(starts.length - 2, (i) => starts[i + 1]! > offset);
}

/** Writes `first + add` as the id of a row, without a BigInt. */
function createWriter(halves: Uint32Array, first: bigint): (row: number, add: number) => void {
  const firstLow = Number(first & 0xffff_ffffn);
  const firstHigh = Number(first >> 32n);
  return (row, add) => {
    const low = firstLow + add;
    halves[2 * row] = low;
    halves[2 * row + 1] = low >= 2 ** 32 ? firstHigh + 1 : firstHigh;
  };
}

function readPiece({ segment }: U64Segment, rowsLeft: number): RowIdPiece {
  switch (segment.case) {
    case "range": {
      const { start, end } = segment.value;
      return { kind: "range", first: start, count: spanOf(start, end, rowsLeft) };
    }
    case "rangeWithHoles": {
      const { start, end, holes } = segment.value;
      const skipped = holes === undefined ? new BigUint64Array(0) : decodeArray(holes, Number.POSITIVE_INFINITY);
      const span = spanOf(start, end, rowsLeft + skipped.length);
      const holes64 = skipped.filter((id) => id >= start && id < end).sort();
      const gone = Float64Array.from(holes64, (id) => Number(id - start)).filter((at, i, all) => at !== all[i - 1]);
      const bits = createRangeRank(listRangesWithout(gone, span), span);
      return { kind: "bits", first: start, bits, count: bits.count };
    }
    case "rangeWithBitmap": {
      const { start, end, bitmap } = segment.value;
      const span = spanOf(start, end, bitmap.length * 8);
      const words = new Uint32Array(wordsFor(span));
      // Least significant bit first, as the words are.
      new Uint8Array(words.buffer).set(bitmap.subarray(0, Math.ceil(span / 8)));
      const bits = createBitRank(maskTail(words, span), span);
      return { kind: "bits", first: start, bits, count: bits.count };
    }
    case "sortedArray":
    case "array": {
      const ids = decodeArray(segment.value, rowsLeft);
      return { kind: "list", ids, count: ids.length };
    }
    default:
      throw new LanceError("UNSUPPORTED", "a row id sequence has a segment of unknown kind", {});
  }
}

function spanOf(start: bigint, end: bigint, most: number): number {
  if (end < start || end - start > BigInt(most)) {
    throw new LanceError("CORRUPT", `a row id segment spans ${start} to ${end}, where ${most} ids are left`, {});
  }
  return Number(end - start);
}

function decodeArray({ array }: EncodedU64Array, most: number): BigUint64Array {
  if (array.case === undefined) return new BigUint64Array(0);
  const bytes = array.case === "u64Array" ? array.value.values : array.value.offsets;
  const width = array.case === "u64Array" ? 8 : array.case === "u32Array" ? 4 : 2;
  if (bytes.length % width !== 0) {
    throw new LanceError("CORRUPT", `a row id array has ${bytes.length} bytes, no multiple of ${width}`, {});
  }
  const length = bytes.length / width;
  if (length > most) throw wrongLength(length, most);
  const ids = new BigUint64Array(length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (array.case === "u64Array") {
    for (let i = 0; i < length; i++) ids[i] = view.getBigUint64(8 * i, true);
    return ids;
  }
  const { base } = array.value;
  const write = createWriter(new Uint32Array(ids.buffer), base);
  for (let i = 0; i < length; i++) {
    write(i, width === 4 ? view.getUint32(4 * i, true) : view.getUint16(2 * i, true));
    // Only so high can a sum turn over.
    if (base > LAST_SAFE_BASE && ids[i]! < base) {
      throw new LanceError("CORRUPT", `a row id array goes beyond 64 bits from ${base} on`, {});
    }
  }
  return ids;
}

function wrongLength(found: number, expected: number): LanceError {
  return new LanceError("CORRUPT", `a row id sequence holds ${found} ids or more, the fragment has ${expected} rows`, {
    found,
    expected,
  });
}
