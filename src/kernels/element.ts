import { LanceError } from "../errors.ts";
import type { Metric } from "./metric.ts";

/** What the values of a vector are: floats of 16, 32 or 64 bits, or bytes of bits. */
export type VectorElement = "f16" | "f32" | "f64" | "u8";

/** Values of vectors as they are stored; a `Uint16Array` holds 16-bit floats by their bits. */
export type VectorValues = Float32Array | Uint16Array | Float64Array | Uint8Array;

/** A query: 32-bit floats for f32 and f16 (see {@link toQueryVector}), else of the element's own type. */
export type QueryVector = Float32Array | Float64Array | Uint8Array;

interface ElementType {
  /** Number in the modules. */
  readonly code: number;
  readonly byteLength: number;
  readonly metrics: readonly Metric[];
  readonly values: new (buffer: ArrayBufferLike, byteOffset?: number, length?: number) => VectorValues;
}

const FLOAT_METRICS: readonly Metric[] = ["l2", "cosine", "dot"];

const ELEMENTS: Readonly<Record<VectorElement, ElementType>> = {
  f32: { code: 0, byteLength: 4, metrics: FLOAT_METRICS, values: Float32Array },
  f16: { code: 1, byteLength: 2, metrics: FLOAT_METRICS, values: Uint16Array },
  f64: { code: 2, byteLength: 8, metrics: FLOAT_METRICS, values: Float64Array },
  u8: { code: 3, byteLength: 1, metrics: ["hamming"], values: Uint8Array },
};

/** Bytes of one value. */
export function elementBytes(element: VectorElement): number {
  return ELEMENTS[element].byteLength;
}

/** Metrics that compare vectors of an element type. */
export function listMetrics(element: VectorElement): readonly Metric[] {
  return ELEMENTS[element].metrics;
}

/** The number an element type has in the modules. */
export function encodeElement(element: VectorElement): number {
  return ELEMENTS[element].code;
}

/** Bytes as values of an element type; a view where they are aligned, else a copy. */
export function viewValues(element: VectorElement, bytes: Uint8Array): VectorValues {
  const { byteLength, values: Values } = ELEMENTS[element];
  const whole = bytes.byteOffset % byteLength === 0 ? bytes : bytes.slice();
  return new Values(whole.buffer, whole.byteOffset, Math.floor(whole.byteLength / byteLength));
}

/** The element type a typed array of vectors stands for. */
export function elementOf(values: VectorValues): VectorElement {
  if (values instanceof Float32Array) return "f32";
  if (values instanceof Uint16Array) return "f16";
  return values instanceof Float64Array ? "f64" : "u8";
}

/**
 * A query as vectors of an element type are compared with it, rounded to what such a vector can hold. A copy.
 * @throws INVALID_ARGUMENT for a value that is not finite, or, for u8, no whole number from 0 to 255
 */
export function toQueryVector(q: ArrayLike<number>, element: VectorElement): QueryVector {
  const Values = element === "u8" ? Uint8Array : element === "f64" ? Float64Array : Float32Array;
  const values = new Values(q.length);
  for (let i = 0; i < values.length; i++) {
    const value = q[i]!;
    if (!(element === "u8" ? isByte(value) : Number.isFinite(value))) throw refuseValue(q, i, element);
    values[i] = element === "f16" ? fromHalf(toHalf(value)) : value;
  }
  return values;
}

function refuseValue(q: ArrayLike<number>, position: number, element: VectorElement): LanceError {
  const expected = element === "u8" ? "whole numbers from 0 to 255" : "finite numbers";
  return new LanceError(
    "INVALID_ARGUMENT",
    `query vector: expected ${expected}, received ${q[position]} at position ${position}`,
    { position, received: String(q[position]) },
  );
}

/** @throws INVALID_ARGUMENT unless a query is of the type {@link toQueryVector} gives */
export function checkQueryType(query: QueryVector, element: VectorElement): void {
  const expected = element === "f64" ? Float64Array : element === "u8" ? Uint8Array : Float32Array;
  if (query instanceof expected) return;
  throw new LanceError("INVALID_ARGUMENT", `vectors of ${element} are compared with a ${expected.name}`, {
    expected: expected.name,
    received: query.constructor.name,
  });
}

function isByte(value: number): boolean {
  return Number.isInteger(value) && value >= 0 && value <= 255;
}

const float = new Float32Array(1);
const bits = new Uint32Array(float.buffer);
/** Adding and subtracting it leaves a whole number, ties to even. */
const ROUNDER = 2 ** 52;

/** The bits of the 16-bit float nearest to a 32-bit one, ties to even; beyond the largest: infinity. */
export function toHalf(value: number): number {
  float[0] = value;
  const sign = (bits[0]! >>> 16) & 0x8000;
  const magnitude = bits[0]! & 0x7fffffff;
  if (magnitude >= 0x47800000) return sign | (magnitude > 0x7f800000 ? 0x7e00 : 0x7c00);
  if (magnitude < 0x38800000) return sign | (Math.abs(float[0]!) * 2 ** 24 + ROUNDER - ROUNDER);
  return sign | ((magnitude + 0xfff + ((magnitude >>> 13) & 1) - 0x38000000) >>> 13);
}

/** The value of a 16-bit float by its bits. */
export function fromHalf(half: number): number {
  const exponent = half & 0x7c00;
  if (exponent !== 0 && exponent !== 0x7c00) {
    bits[0] = ((half & 0x8000) << 16) | (((half & 0x7fff) << 13) + 0x38000000);
    return float[0]!;
  }
  const sign = half & 0x8000 ? -1 : 1;
  const fraction = half & 1023;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
}
