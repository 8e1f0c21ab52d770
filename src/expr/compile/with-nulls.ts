import { type Data, makeData } from "apache-arrow";
import { countBits } from "../bitset.ts";

/** The bitmap Arrow has for NULL rows: a bit set for each that is none. */
export function toValidity(nulls: Uint32Array, length: number): Uint8Array {
  const valid = new Uint32Array(nulls.length);
  for (let i = 0; i < nulls.length; i++) valid[i] = ~nulls[i]!;
  return new Uint8Array(valid.buffer).subarray(0, (length + 7) >>> 3);
}

/** The same values with other rows NULL. Data with an offset of its own must be whole. */
export function withNulls(data: Data, nulls: Uint32Array): Data {
  const { type, length } = data;
  const validity = { nullCount: countBits(nulls), nullBitmap: toValidity(nulls, length) };
  return makeData({
    type,
    length,
    ...validity,
    data: data.values,
    valueOffsets: data.valueOffsets,
    children: data.children,
    child: data.children[0],
    dictionary: data.dictionary,
  } as never);
}
