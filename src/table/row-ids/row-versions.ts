import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import {
  type RowDatasetVersionSequence,
  RowDatasetVersionSequenceSchema,
  type U64Segment,
} from "../../proto/gen/lance/rowids_pb.ts";
import { toRangeSegment } from "./encode-row-ids.ts";
import { halvesOf } from "./row-addresses.ts";

/** The version sequence of `numRows` rows that all date from one version. */
export function encodeUniformVersions(version: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  return toBinary(
    RowDatasetVersionSequenceSchema,
    create(RowDatasetVersionSequenceSchema, { runs: [{ span: toRangeSegment(0n, numRows), version }] }),
  );
}

/** The version each row of a fragment was made or last changed at, in physical order, as runs. */
export function encodeRowVersions(versions: BigUint64Array): Uint8Array<ArrayBuffer> {
  const runs = [];
  const halves = halvesOf(versions);
  const isSame = (a: number, b: number) => halves[2 * a] === halves[2 * b] && halves[2 * a + 1] === halves[2 * b + 1];
  for (let start = 0, end = 0; start < versions.length; start = end) {
    for (end = start + 1; end < versions.length && isSame(start, end); ) end++;
    runs.push({ span: toRangeSegment(BigInt(start), end - start), version: versions[start]! });
  }
  return toBinary(RowDatasetVersionSequenceSchema, create(RowDatasetVersionSequenceSchema, { runs }));
}

/**
 * The inverse of {@link encodeRowVersions}: 8 bytes a row.
 *
 * @param missing version of rows beyond the sequence's end; version 1 is what native takes for rows of no lineage
 * @throws CORRUPT when the sequence is longer than the fragment
 */
export function decodeRowVersions(bytes: Uint8Array | undefined, numRows: number, missing = 1n): BigUint64Array {
  const versions = new BigUint64Array(numRows).fill(missing);
  if (bytes === undefined) return versions;
  let sequence: RowDatasetVersionSequence;
  try {
    sequence = fromBinary(RowDatasetVersionSequenceSchema, bytes);
  } catch (cause) {
    throw new LanceError("CORRUPT", "a row version sequence is not a valid message", {}, { cause });
  }
  let at = 0;
  for (const { span, version } of sequence.runs) {
    const length = span === undefined ? 0n : lengthOf(span);
    if (length > BigInt(numRows - at)) {
      throw new LanceError("CORRUPT", `a row version sequence is longer than its fragment of ${numRows} rows`, {
        numRows,
      });
    }
    versions.fill(version, at, at + Number(length));
    at += Number(length);
  }
  return versions;
}

function lengthOf({ segment }: U64Segment): bigint {
  switch (segment.case) {
    case "range":
      return segment.value.end > segment.value.start ? segment.value.end - segment.value.start : 0n;
    case "rangeWithHoles":
      return segment.value.end - segment.value.start - countOf(segment.value.holes);
    case "rangeWithBitmap":
      return segment.value.bitmap.reduce((sum, byte) => sum + BigInt(popCount(byte)), 0n);
    case "sortedArray":
    case "array":
      return countOf(segment.value);
    default:
      throw new LanceError("UNSUPPORTED", "a row version sequence has a segment of unknown kind", {});
  }
}

function countOf(array: Extract<U64Segment["segment"], { case: "array" }>["value"] | undefined): bigint {
  if (array?.array.case === undefined) return 0n;
  if (array.array.case === "u64Array") return BigInt(array.array.value.values.length >> 3);
  return BigInt(array.array.value.offsets.length >> (array.array.case === "u32Array" ? 2 : 1));
}

function popCount(byte: number): number {
  let count = 0;
  for (let rest = byte; rest !== 0; rest &= rest - 1) count++;
  return count;
}
