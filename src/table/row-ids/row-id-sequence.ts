import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type EncodedU64Array, RowIdSequenceSchema, type U64Segment } from "../../proto/gen/lance/rowids_pb.ts";

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
