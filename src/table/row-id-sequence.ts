import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../errors.ts";
import {
  type EncodedU64Array,
  RowDatasetVersionSequenceSchema,
  RowIdSequenceSchema,
  type U64Segment,
} from "../proto/gen/lance/rowids_pb.ts";

/**
 * Stable row ids of a fragment, in physical order (format page section 1.3): 8 bytes a row.
 *
 * @param numRows physical rows of the fragment
 * @throws CORRUPT when the sequence has another length, checked before anything is allocated for it
 */
export function decodeRowIds(bytes: Uint8Array, numRows: number): BigUint64Array<ArrayBuffer> {
  let segments: U64Segment[];
  try {
    segments = fromBinary(RowIdSequenceSchema, bytes).segments;
  } catch (cause) {
    throw new LanceError("CORRUPT", "a row id sequence is not a valid message", {}, { cause });
  }
  const ids = new BigUint64Array(numRows);
  let at = 0;
  for (const segment of segments) at = decodeSegment(segment, ids, at);
  if (at !== numRows) throw wrongLength(at, numRows);
  return ids;
}

/** The sequence of consecutive ids `start … start + numRows − 1`. */
export function encodeRowIdRange(start: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  return toBinary(RowIdSequenceSchema, create(RowIdSequenceSchema, { segments: [rangeSegment(start, numRows)] }));
}

/** The version sequence of `numRows` rows that all date from one version. */
export function encodeUniformVersions(version: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  return toBinary(
    RowDatasetVersionSequenceSchema,
    create(RowDatasetVersionSequenceSchema, { runs: [{ span: rangeSegment(0n, numRows), version }] }),
  );
}

function rangeSegment(start: bigint, numRows: number) {
  return { segment: { case: "range" as const, value: { start, end: start + BigInt(numRows) } } };
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
