import { create, type MessageInitShape, toBinary } from "@bufbuild/protobuf";
import {
  type EncodedU64ArraySchema,
  RowIdSequenceSchema,
  type U64SegmentSchema,
} from "../proto/gen/lance/rowids_pb.ts";

type SegmentInit = MessageInitShape<typeof U64SegmentSchema>;
type ArrayInit = MessageInitShape<typeof EncodedU64ArraySchema>;

/** Ids in no order get one array; stretches that ascend for this long on average get a segment each. */
const MIN_STRETCH = 64;

/** The sequence of consecutive ids `start … start + numRows − 1`. */
export function encodeRowIdRange(start: bigint, numRows: number): Uint8Array<ArrayBuffer> {
  return encodeSegments([toRangeSegment(start, numRows)]);
}

/**
 * The row id sequence of a fragment whose rows have these ids, in physical order. The smallest form is taken: a range,
 * a range with holes or a bitmap, or an array of offsets (format page section 1.3).
 *
 * @param ids each at most once
 */
export function encodeRowIds(ids: BigUint64Array): Uint8Array<ArrayBuffer> {
  const starts = [0];
  for (let i = 1; i < ids.length; i++) if (ids[i]! <= ids[i - 1]!) starts.push(i);
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
  if (sizes.bitmap < sizes.holes) {
    const bitmap = new Uint8Array(Number((span + 7n) / 8n));
    for (const id of ids) {
      const at = Number(id - start);
      bitmap[at >> 3]! |= 1 << (at & 7);
    }
    return { segment: { case: "rangeWithBitmap", value: { start, end, bitmap } } };
  }
  const holes = new BigUint64Array(Number(numHoles));
  let at = 0;
  for (let i = 1; i < ids.length; i++) for (let id = ids[i - 1]! + 1n; id < ids[i]!; id++) holes[at++] = id;
  return { segment: { case: "rangeWithHoles", value: { start, end, holes: encodeArray(holes) } } };
}

function encodeArray(ids: BigUint64Array): ArrayInit {
  let base = ids[0]!;
  let highest = base;
  for (const id of ids) {
    if (id < base) base = id;
    if (id > highest) highest = id;
  }
  const width = widthOf(highest - base + 1n);
  const bytes = new Uint8Array(ids.length * width);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < ids.length; i++) {
    if (width === 2) view.setUint16(i * 2, Number(ids[i]! - base), true);
    else if (width === 4) view.setUint32(i * 4, Number(ids[i]! - base), true);
    else view.setBigUint64(i * 8, ids[i]!, true);
  }
  if (width === 2) return { array: { case: "u16Array", value: { base, offsets: bytes } } };
  if (width === 4) return { array: { case: "u32Array", value: { base, offsets: bytes } } };
  return { array: { case: "u64Array", value: { values: bytes } } };
}

function widthOf(span: bigint): 2 | 4 | 8 {
  return span <= 0x10000n ? 2 : span <= 0x100000000n ? 4 : 8;
}
