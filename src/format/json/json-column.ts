import { LanceError } from "../../errors.ts";
import { decodeJsonb } from "./jsonb.ts";

/** Text of a column in Arrow's shape. */
export interface TextColumn {
  readonly offsets: Int32Array;
  readonly data: Uint8Array;
}

/**
 * The JSON texts of a column of JSONB values, end to end; nulls are empty.
 * @throws CORRUPT, UNSUPPORTED for extension values or more than 2^31 − 1 bytes of text
 */
export function decodeJsonColumn(
  offsets: Int32Array,
  data: Uint8Array,
  nullBitmap: Uint8Array | undefined,
): TextColumn {
  const encoder = new TextEncoder();
  const numRows = offsets.length - 1;
  const ends = new Int32Array(numRows + 1);
  const texts: Uint8Array[] = [];
  let total = 0;
  for (let row = 0; row < numRows; row++) {
    const isNull = nullBitmap !== undefined && ((nullBitmap[row >> 3]! >> (row & 7)) & 1) === 0;
    if (!isNull) {
      const text = encoder.encode(decodeJsonb(data.subarray(offsets[row]!, offsets[row + 1]!)));
      texts.push(text);
      total += text.byteLength;
      if (total > 0x7fffffff) {
        throw new LanceError("UNSUPPORTED", "a batch of more than 2 GiB of JSON text; read fewer rows at a time");
      }
    }
    ends[row + 1] = total;
  }
  const joined = new Uint8Array(total);
  let at = 0;
  for (const text of texts) {
    joined.set(text, at);
    at += text.byteLength;
  }
  return { offsets: ends, data: joined };
}
