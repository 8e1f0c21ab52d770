import { createBits } from "../bitset.ts";
import type { BoundLiteral } from "../bound.ts";
import { buildVector, createNumbers, toNumberVector } from "./build-vector.ts";
import { createNullVector, type Vector } from "./vector.ts";

/** A literal as a vector of `length` equal rows, for operators that have no kernel of their own for literals. */
export function createLiteralVector({ value, type }: BoundLiteral, length: number): Vector {
  if (value === null) return createNullVector(length);
  if (typeof value === "number" || (typeof value === "bigint" && type.kind !== "decimal")) {
    const values = createNumbers(type, length);
    return toNumberVector(values.fill(value as never), null);
  }
  if (typeof value === "boolean") {
    const bits = createBits(length).fill(value ? 0xffffffff : 0);
    return { kind: "boolean", length, nulls: null, bits };
  }
  return buildVector(type, length, () => value);
}
