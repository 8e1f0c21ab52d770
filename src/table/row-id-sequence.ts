import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import { type EncodedU64Array, RowIdSequenceSchema, type U64Segment } from "../proto/gen/lance/rowids_pb.ts";

/**
 * Stable row ids of a fragment, in physical order (format page section 1.3): 8 bytes a row.
 *
 * @param numRows physical rows of the fragment
 * @throws CORRUPT when the sequence has another length, checked before anything is allocated for it
 */
export function decodeRowIds(bytes: Uint8Array, numRows: number): BigUint64Array<ArrayBuffer> {
  const ids = new BigUint64Array(numRows);
  let at = 0;
  for (const segment of readSegments(bytes)) at = decodeSegment(segment, ids, at);
  if (at !== numRows) throw wrongLength(at, numRows);
  return ids;
}

/** Ids of one fragment, as many as it holds; fewer than `maxRows` where a writer left the rest to the commit. */
export function decodePartialRowIds(bytes: Uint8Array, maxRows: number): BigUint64Array<ArrayBuffer> {
  const ids = new BigUint64Array(maxRows);
  let at = 0;
  for (const segment of readSegments(bytes)) at = decodeSegment(segment, ids, at);
  return ids.subarray(0, at);
}

/** Lowest and highest id a sequence can hold, without unfolding it; `undefined` when it holds none. */
export function boundRowIds(bytes: Uint8Array): { readonly min: bigint; readonly max: bigint } | undefined {
  let min: bigint | undefined;
  let max = 0n;
  const widen = (low: bigint, high: bigint): void => {
    if (min === undefined || low < min) min = low;
    if (high > max) max = high;
  };
  for (const { segment } of readSegments(bytes)) {
    if (segment.case === "sortedArray" || segment.case === "array") {
      for (const id of decodeArray(segment.value)) widen(id, id);
    } else if (segment.case !== undefined && segment.value.end > segment.value.start) {
      widen(segment.value.start, segment.value.end - 1n);
    }
  }
  return min === undefined ? undefined : { min, max };
}

function readSegments(bytes: Uint8Array): U64Segment[] {
  try {
    return fromBinary(RowIdSequenceSchema, bytes).segments;
  } catch (cause) {
    throw new LanceError("CORRUPT", "a row id sequence is not a valid message", {}, { cause });
  }
}

function decodeSegment({ segment }: U64Segment, ids: BigUint64Array, at: number): number {
  switch (segment.case) {
    case "range": {
      const { start, end } = segment.value;
      const length = spanOf(start, end, ids.length - at);
      for (let i = 0, id = start; i < length; i++, id++) ids[at + i] = id;
      return at + length;
    }
    case "rangeWithHoles": {
      const { start, end, holes } = segment.value;
      const skipped = new Set(holes === undefined ? [] : decodeArray(holes));
      const length = spanOf(start, end, ids.length - at + skipped.size);
      let next = at;
      for (let i = 0, id = start; i < length; i++, id++) if (!skipped.has(id)) next = push(ids, next, id);
      return next;
    }
    case "rangeWithBitmap": {
      const { start, end, bitmap } = segment.value;
      const length = spanOf(start, end, bitmap.length * 8);
      let next = at;
      for (let i = 0; i < length; i++) {
        if ((bitmap[i >> 3]! >> (i & 7)) & 1) next = push(ids, next, start + BigInt(i));
      }
      return next;
    }
    case "sortedArray":
    case "array": {
      let next = at;
      for (const id of decodeArray(segment.value)) next = push(ids, next, id);
      return next;
    }
    default:
      throw new LanceError("UNSUPPORTED", "a row id sequence has a segment of unknown kind", {});
  }
}

function push(ids: BigUint64Array, at: number, id: bigint): number {
  if (at >= ids.length) throw wrongLength(at + 1, ids.length);
  ids[at] = id;
  return at + 1;
}

function spanOf(start: bigint, end: bigint, most: number): number {
  if (end < start || end - start > BigInt(most)) {
    throw new LanceError("CORRUPT", `a row id segment spans ${start} to ${end}, where ${most} ids are left`, {});
  }
  return Number(end - start);
}

function* decodeArray({ array }: EncodedU64Array): Generator<bigint> {
  if (array.case === undefined) return;
  const bytes = array.case === "u64Array" ? array.value.values : array.value.offsets;
  const base = array.case === "u64Array" ? 0n : array.value.base;
  const width = array.case === "u64Array" ? 8 : array.case === "u32Array" ? 4 : 2;
  if (bytes.length % width !== 0) {
    throw new LanceError("CORRUPT", `a row id array has ${bytes.length} bytes, no multiple of ${width}`, {});
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = 0; at < bytes.length; at += width) {
    if (width === 8) yield view.getBigUint64(at, true);
    else yield base + BigInt(width === 4 ? view.getUint32(at, true) : view.getUint16(at, true));
  }
}

function wrongLength(found: number, expected: number): LanceError {
  return new LanceError("CORRUPT", `a row id sequence holds ${found} ids or more, the fragment has ${expected} rows`, {
    found,
    expected,
  });
}
