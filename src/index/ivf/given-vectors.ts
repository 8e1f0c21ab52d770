import { LanceError } from "../../errors.ts";
import { isObject } from "../../is-record.ts";
import { toHalf, type VectorElement, type VectorValues } from "../../kernels/element.ts";

/** How vectors that a user gives are laid out. */
interface GivenShape {
  /** Values of a vector. */
  readonly width: number;
  readonly element: VectorElement;
  /** Lists in lists, of whatever length: only the number of all values counts. Default false. */
  readonly nested?: boolean;
}

/**
 * Vectors as users give them, as one array of values: a typed array of them one after another, an array of vectors, or
 * an Arrow vector of fixed-size lists.
 * @throws INVALID_ARGUMENT (no vectors, values that are not finite, or no bytes where the column has those),
 *   DIMENSION_MISMATCH
 */
export function readGivenVectors(name: string, given: unknown, shape: GivenShape): VectorValues {
  const { width, element, nested = false } = shape;
  if (!isList(given)) {
    throw refuse(name, "a typed array, an array of vectors, or an Arrow vector of fixed-size lists", typeof given);
  }
  const parts = ArrayBuffer.isView(given)
    ? [toNumbers(given)]
    : Array.from(given, (vector, row) => readRow(vector, { name, row, width: nested ? null : width })).flat();
  const total = parts.reduce((sum, part) => sum + part.length, 0);
  if (total === 0 || total % width !== 0) throw refuseWidth(name, `${width}`, `${total} values in all`);
  const values = new Float64Array(total);
  let at = 0;
  for (const part of parts) {
    values.set(part, at);
    at += part.length;
  }
  const bad = values.findIndex((value) => !(element === "u8" ? isByte(value) : Number.isFinite(value)));
  if (bad >= 0) {
    const expected = element === "u8" ? "whole numbers from 0 to 255" : "finite numbers";
    throw refuse(name, expected, `${values[bad]} at position ${bad}`);
  }
  if (element === "u8") return Uint8Array.from(values);
  if (element === "f16") return Uint16Array.from(values, toHalf);
  return element === "f64" ? values : Float32Array.from(values);
}

/** The lists of numbers in a row: one, or many where lists may be nested. */
function readRow(
  vector: unknown,
  at: { readonly name: string; readonly row: number; readonly width: number | null },
): Float64Array[] {
  const { name, row, width } = at;
  if (!isList(vector) || (width !== null && vector.length !== width)) {
    const received = isList(vector) ? String(vector.length) : String(vector);
    throw refuseWidth(name, width === null ? "any number of" : String(width), `${received} at position ${row}`);
  }
  if (width !== null || !isList(vector[0])) return [toNumbers(vector)];
  return Array.from(vector, (inner) => toNumbers(isList(inner) ? inner : [inner]));
}

/** What is no number is none. */
function toNumbers(values: ArrayLike<unknown>): Float64Array {
  return Float64Array.from(Array.from(values), (value) => (typeof value === "number" ? value : Number.NaN));
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return isObject(value) && typeof value.length === "number";
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}

function refuseWidth(name: string, expected: string, received: string): LanceError {
  const message = `${name}: expected vectors of ${expected} values, received ${received}`;
  return new LanceError("DIMENSION_MISMATCH", message, { parameter: name, expected, received });
}

function refuse(name: string, expected: string, received: string): LanceError {
  const message = `${name}: expected ${expected}; received ${received}`;
  return new LanceError("INVALID_ARGUMENT", message, { parameter: name, expected, received });
}
