import type { BoundLiteral } from "../bound.ts";
import { createNullVector, type Vector } from "./vector.ts";

/** A literal as a vector of `length` equal rows, for the rare operators that have no kernel of their own for literals. */
export function createLiteralVector(literal: BoundLiteral, length: number): Vector {
  const { value } = literal;
  if (value === null) return createNullVector(length);
  if (typeof value === "number")
    return { kind: "number", length, nulls: null, values: new Float64Array(length).fill(value) };
  if (typeof value === "bigint") {
    const values = value >= 1n << 63n ? new BigUint64Array(length).fill(value) : new BigInt64Array(length).fill(value);
    return { kind: "bigint", length, nulls: null, values };
  }
  if (typeof value === "boolean") {
    const bits = new Uint32Array((length + 31) >>> 5).fill(value ? 0xffffffff : 0);
    return { kind: "boolean", length, nulls: null, bits };
  }
  const text = new TextEncoder().encode(value);
  const bytes = new Uint8Array(text.length * length);
  const offsets = new Float64Array(length + 1);
  for (let row = 0; row < length; row++) {
    bytes.set(text, row * text.length);
    offsets[row + 1] = (row + 1) * text.length;
  }
  return { kind: "bytes", length, nulls: null, bytes, offsets };
}
