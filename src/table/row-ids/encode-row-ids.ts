import { create, fromBinary, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type EncodedU64ArraySchema,
  RowIdSequenceSchema,
  type U64SegmentSchema,
} from "../../proto/gen/lance/rowids_pb.ts";
import { halvesOf } from "./row-addresses.ts";

type SegmentInit = MessageInitShape<typeof U64SegmentSchema>;
type ArrayInit = MessageInitShape<typeof EncodedU64ArraySchema>;

/** Ids in no order get one array; stretches that ascend for this long on average get a segment each. */
const MIN_STRETCH = 64;

/** The sequence of consecutive ids `start … start + numRows − 1`. */
export function encodeRowIdRange(start: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  return encodeSegments([toRangeSegment(start, numRows)]);
}

/** A sequence with consecutive ids after its own. */
export function appendRowIdRange(sequence: Uint8Array, start: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  const { segments } = fromBinary(RowIdSequenceSchema, sequence);
  return encodeSegments([...segments, toRangeSegment(start, numRows)]);
}

/**
 * The row id sequence of a fragment whose rows have these ids, in physical order. The smallest form is taken: a range,
 * a range with holes or a bitmap, or an array of offsets (format page section 1.3).
 *
 * @param ids each at most once
 */
export function encodeRowIds(ids: BigUint64Array): Uint8Array<ArrayBuffer> {
  const halves = halvesOf(ids);
  const starts = [0];
  for (let i = 1; i < ids.length; i++) if (!isHigher(halves, i, i - 1)) starts.push(i);
  if (ids.length < starts.length * MIN_STRETCH && starts.length > 1) {
    return encodeSegments([{ segment: { case: "array", value: encodeArray(ids) } }]);
  }
  return encodeSegments(
    ids.length === 0 ? [] : starts.map((start, i) => encodeAscending(ids.subarray(start, starts[i + 1] ?? ids.length))),
  );
}

/** The segment `start … start + numRows − 1`. */
export function toRangeSegment(start: bigint, numRows: number): SegmentInit {
  return { segment: { case: "range", value: { start, end: start + BigInt(numRows) } } };
}

function encodeSegments(segments: SegmentInit[]): Uint8Array<ArrayBuffer> {
  return toBinary(RowIdSequenceSchema, create(RowIdSequenceSchema, { segments }));
}

function encodeAscending(ids: BigUint64Array): SegmentInit {
  const start = ids[0]!;
  const end = ids[ids.length - 1]! + 1n;
  const span = end - start;
  const numHoles = span - BigInt(ids.length);
  if (numHoles === 0n) return toRangeSegment(start, ids.length);
  const width = BigInt(widthOf(span));
  const sizes = { holes: numHoles * width, bitmap: span / 8n, array: BigInt(ids.length) * width };
  if (sizes.array <= sizes.holes && sizes.array <= sizes.bitmap) {
    return { segment: { case: "sortedArray", value: encodeArray(ids) } };
  }
  const distance = measureFrom(ids, start);
  if (sizes.bitmap < sizes.holes) {
    const bitmap = new Uint8Array(Number((span + 7n) / 8n));
    for (let i = 0; i < ids.length; i++) {
      const at = distance(i);
      bitmap[at >> 3]! |= 1 << (at & 7);
    }
    return { segment: { case: "rangeWithBitmap", value: { start, end, bitmap } } };
  }
  const holes = new BigUint64Array(Number(numHoles));
  let count = 0;
  for (let i = 0, next = 0; i < ids.length; i++) {
    const at = distance(i);
    for (; next < at; next++) holes[count++] = start + BigInt(next);
    next++;
  }
  return { segment: { case: "rangeWithHoles", value: { start, end, holes: encodeArray(holes) } } };
}

function encodeArray(ids: BigUint64Array): ArrayInit {
  const halves = halvesOf(ids);
  let lowest = 0;
  let highest = 0;
  for (let i = 1; i < ids.length; i++) {
    if (isHigher(halves, lowest, i)) lowest = i;
    if (isHigher(halves, i, highest)) highest = i;
  }
  const base = ids[lowest]!;
  const width = widthOf(ids[highest]! - base + 1n);
  if (width === 8) {
    const values = new Uint8Array(ids.buffer, ids.byteOffset, ids.byteLength).slice();
    return { array: { case: "u64Array", value: { values } } };
  }
  const distance = measureFrom(ids, base);
  const offsets = width === 2 ? new Uint16Array(ids.length) : new Uint32Array(ids.length);
  for (let i = 0; i < ids.length; i++) offsets[i] = distance(i);
  const value = { base, offsets: new Uint8Array(offsets.buffer) };
  return { array: width === 2 ? { case: "u16Array", value } : { case: "u32Array", value } };
}

/** How far ids lie above `base`, without a BigInt each. Exact up to 2^53. */
function measureFrom(ids: BigUint64Array, base: bigint): (at: number) => number {
  const halves = halvesOf(ids);
  const baseLow = Number(base & 0xffff_ffffn);
  const baseHigh = Number(base >> 32n);
  return (at) => (halves[2 * at + 1]! - baseHigh) * 2 ** 32 + halves[2 * at]! - baseLow;
}

function isHigher(halves: Uint32Array, a: number, b: number): boolean {
  const [high, than] = [halves[2 * a + 1]!, halves[2 * b + 1]!];
  return high === than ? halves[2 * a]! > halves[2 * b]! : high > than;
}

function widthOf(span: bigint): 2 | 4 | 8 {
  return span <= 0x10000n ? 2 : span <= 0x100000000n ? 4 : 8;
}
