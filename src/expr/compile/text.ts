import { createBits, hasBit } from "../bitset.ts";
import { compileInsensitiveLike, compileLike, findBytes, isAt } from "../like.ts";
import { UTF8 } from "../value-type.ts";
import { buildVector } from "./build-vector.ts";
import { createTextReader } from "./read-value.ts";
import type { Vector } from "./vector.ts";

type TextVector = Extract<Vector, { kind: "bytes" }>;

/** Rows that match a LIKE pattern; bits of NULL rows are arbitrary. */
export function matchLike(vector: TextVector, pattern: string, caseInsensitive: boolean): Uint32Array {
  if (!caseInsensitive) {
    const test = compileLike(pattern);
    return collect(vector, (row) => test(vector.bytes, vector.offsets[row]!, vector.offsets[row + 1]!));
  }
  const test = compileInsensitiveLike(pattern);
  const read = createTextReader(vector);
  return collect(vector, (row) => test(read(row)));
}

/** Rows where `part` stands at the start or the end of, or anywhere in, `whole`. */
export function matchPart(
  name: "starts_with" | "ends_with" | "contains",
  whole: TextVector,
  part: TextVector,
): Uint32Array {
  return collect(whole, (row) => {
    const [start, end] = [whole.offsets[row]!, whole.offsets[row + 1]!];
    const needle = part.bytes.subarray(part.offsets[row]!, part.offsets[row + 1]!);
    if (name === "contains") return findBytes(whole.bytes, start, end, needle) >= 0;
    if (needle.length > end - start) return false;
    return isAt(whole.bytes, name === "starts_with" ? start : end - needle.length, needle);
  });
}

/** Every text changed by `change`. */
export function mapText(vector: TextVector, change: (text: string) => string): Vector {
  const read = createTextReader(vector);
  const { length, nulls } = vector;
  return buildVector(UTF8, length, (row) => (nulls !== null && hasBit(nulls, row) ? null : change(read(row))));
}

/** Code points, or bytes, of each text. */
export function measureText(vector: TextVector, unit: "characters" | "bytes"): Int32Array {
  const { bytes, offsets } = vector;
  const result = new Int32Array(vector.length);
  for (let row = 0; row < vector.length; row++) {
    const [start, end] = [offsets[row]!, offsets[row + 1]!];
    let size = end - start;
    if (unit === "characters") for (let i = start; i < end; i++) if ((bytes[i]! & 0xc0) === 0x80) size--;
    result[row] = size;
  }
  return result;
}

function collect(vector: TextVector, isHit: (row: number) => boolean): Uint32Array {
  const words = createBits(vector.length);
  for (let row = 0; row < vector.length; row++) if (isHit(row)) words[row >>> 5]! |= 1 << (row & 31);
  return words;
}
