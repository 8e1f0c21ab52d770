import { LanceError } from "../../errors.ts";
import { hasBit } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { createConverter } from "../cast-value.ts";
import { formatText } from "../format-text.ts";
import { describeCastType, isSameType, type ValueType } from "../value-type.ts";
import { buildVector } from "./build-vector.ts";
import { createReader } from "./read-value.ts";
import { createNullVector, type Vector } from "./vector.ts";

/**
 * A vector in another type.
 *
 * @param options `safe`: values without counterpart become NULL; `skipped`: rows nobody will look at, never an error
 * @throws INVALID_ARGUMENT naming the first value that has no counterpart
 */
export function evaluateCast(
  vector: Vector,
  from: ValueType,
  to: ValueType,
  options: { readonly safe: boolean; readonly skipped: Uint32Array | null },
): Vector {
  const { length, nulls } = vector;
  if (isSameType(from, to)) return vector;
  if (from.kind === "null") return createNullVector(length);
  // Text and bytes of any width are stored alike here.
  if (from.kind === to.kind && (from.kind === "utf8" || from.kind === "binary")) return vector;
  if (vector.kind === "number" && to.kind === "float" && to.bits !== 16) {
    const numbers = vector.values.subarray(0, length);
    const values = to.bits === 64 ? Float64Array.from(numbers) : Float32Array.from(numbers);
    return { kind: "number", length, nulls, values };
  }
  const convert = createConverter(from, to);
  if (convert === undefined || vector.kind === "opaque") return createNullVector(length);
  const read = createReader(vector, from);
  return buildVector(to, length, (row) => {
    if (nulls !== null && hasBit(nulls, row)) return null;
    const value = read(row);
    const converted = convert(value);
    if (converted === undefined && !options.safe && !(options.skipped !== null && hasBit(options.skipped, row))) {
      throw createCastError(value, from, to);
    }
    return converted;
  });
}

/** The error of a value that a type cannot hold. */
export function createCastError(value: Value, from: ValueType, to: ValueType): LanceError {
  const received = typeof value === "string" ? JSON.stringify(value) : formatText(value, from);
  const expected = describeCastType(to);
  return new LanceError(
    "INVALID_ARGUMENT",
    `${received} is not a value of type ${expected}; TRY_CAST gives NULL for such a value`,
    { expected, received },
  );
}
