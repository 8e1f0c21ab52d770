import { LanceError } from "../../errors.ts";
import {
  fromHalf,
  type QueryVector,
  toHalf,
  toQueryVector,
  type VectorElement,
  type VectorValues,
  viewValues,
} from "../../kernels/element.ts";
import type { ColumnBatch } from "../segment.ts";
import { findVectors } from "../vector-rule.ts";
import type { VectorType } from "../vector-type.ts";
import type { Metric } from "./metric.ts";

/** Vectors row by row, and the row each belongs to. */
export interface VectorRows {
  /** As partitions compare them: `dimension` floats a row. None for bytes, which are compared as they are. */
  readonly vectors: Float32Array;
  /** As an index that keeps vectors holds them, in the column's element type. For f32 the same array. */
  readonly values: VectorValues;
  readonly rowIds: BigUint64Array;
}

/** Vectors as partitions compare them: floats, or bytes of bits. */
export type ComparedVectors = Float32Array | Uint8Array;

/** What of rows partitions compare: `dimension` values a row. */
export function getCompared({ vectors, values }: Pick<VectorRows, "vectors" | "values">): ComparedVectors {
  return values instanceof Uint8Array ? values : vectors;
}

/** Bytes of a row of {@link getCompared}. */
export function getComparedBytes({ element, dimension }: VectorType): number {
  return element === "u8" ? dimension : 4 * dimension;
}

/** Floats a query and centroids have where they meet: one a value; one a bit for bytes. */
export function getCompareDimension({ element, dimension }: VectorType): number {
  return element === "u8" ? dimension * 8 : dimension;
}

/**
 * Makes a function that gives the vectors of a batch an index holds: those of {@link findVectors} whose values are
 * finite; cosine ones scaled to length 1 (a zero vector has no direction and is left out). What it gives is valid until
 * the next call: a view of the batch where nothing changes, else memory that each call uses again.
 */
export function createVectorCollector(type: VectorType, metric: Metric): (batch: ColumnBatch) => VectorRows {
  const { element, dimension } = type;
  const isPlain = element === "u8" || (element === "f32" && metric !== "cosine");
  const room: { floats?: Float32Array; vectors?: Float32Array; stored?: VectorValues; rowIds?: BigUint64Array } = {};
  const none = new Float32Array(0);
  return ({ values, rowIds }) => {
    const length = values.length * dimension;
    const source = (values.children[0]!.values as VectorValues).subarray(0, length);
    const found = findVectors(values, dimension);
    if (isPlain && !found && (source instanceof Uint8Array || areFinite(source as Float32Array))) {
      return { vectors: source instanceof Float32Array ? source : none, values: source, rowIds };
    }
    if (!room.rowIds || room.rowIds.length < values.length) {
      if (element !== "u8") room.vectors = new Float32Array(length);
      if (element === "f16") room.floats = new Float32Array(length);
      room.stored = element === "f32" ? room.vectors! : (source.slice() as VectorValues);
      room.rowIds = new BigUint64Array(values.length);
    }
    const [vectors, stored] = [room.vectors ?? none, room.stored!];
    if (room.floats) for (let i = 0; i < length; i++) room.floats[i] = fromHalf(source[i]!);
    const floats = room.floats ?? (source as Float32Array | Float64Array);
    let count = 0;
    for (let row = 0; row < values.length; row++) {
      if (found && (found[row >> 3]! & (1 << (row & 7))) === 0) continue;
      const from = row * dimension;
      const to = { vectors, at: count * dimension, width: dimension };
      if (element !== "u8" && !copyVector(floats, from, to, metric)) continue;
      if (element !== "f32") storeValues(source, from, { stored, at: count * dimension, dimension, metric, unit: to });
      room.rowIds[count++] = rowIds[row]!;
    }
    return {
      vectors: vectors.subarray(0, count * dimension),
      values: stored.subarray(0, count * dimension),
      rowIds: room.rowIds.subarray(0, count),
    };
  };
}

/** Whether no value is NaN or infinity. */
function areFinite(values: Float32Array): boolean {
  // 0 × a value is 0, or NaN; four sums, so that additions do not wait for each other.
  let [a, b, c, d] = [0, 0, 0, 0];
  let i = 0;
  for (; i + 3 < values.length; i += 4) {
    a += values[i]! * 0;
    b += values[i + 1]! * 0;
    c += values[i + 2]! * 0;
    d += values[i + 3]! * 0;
  }
  for (; i < values.length; i++) a += values[i]! * 0;
  return a + b + c + d === 0;
}

/** A place for one vector among others. */
interface Slot {
  readonly vectors: Float32Array | Float64Array;
  readonly at: number;
  readonly width: number;
}

/** Puts a row in its own type: as it is, or for cosine of unit length. */
function storeValues(
  source: VectorValues,
  from: number,
  to: { stored: VectorValues; at: number; dimension: number; metric: Metric; unit: Slot },
): void {
  const { stored, at, dimension, metric, unit } = to;
  if (metric !== "cosine") stored.set(source.subarray(from, from + dimension) as never, at);
  else if (stored instanceof Float64Array) {
    copyVector(source as Float64Array, from, { vectors: stored, at, width: dimension }, metric);
  } else for (let i = 0; i < dimension; i++) stored[at + i] = toHalf(unit.vectors[unit.at + i]!);
}

/** Each bit as 0 or 1, least significant first. */
function expandBits(bytes: Uint8Array, from: number, { vectors, at, width }: Slot): void {
  for (let i = 0; i < width; i++) vectors[at + i] = (bytes[from + (i >> 3)]! >> (i & 7)) & 1;
}

/** Centroids in compare space, from and to the bytes of their tensor, which are of the column's element type. */
export function decodeCentroids(tensor: Uint8Array, { element, dimension }: VectorType): Float32Array {
  const values = viewValues(element, tensor);
  if (element === "f32") return values as Float32Array;
  if (element === "f16") return Float32Array.from(values, fromHalf);
  if (element === "f64") return Float32Array.from(values);
  const floats = new Float32Array(values.length * 8);
  const width = dimension * 8;
  for (let row = 0; row < values.length / dimension; row++) {
    expandBits(values as Uint8Array, row * dimension, { vectors: floats, at: row * width, width });
  }
  return floats;
}

/** The inverse of {@link decodeCentroids}, to the nearest value there is: of bits, what most vectors have. */
export function encodeCentroids(centroids: Float32Array, element: VectorElement): Uint8Array {
  if (element === "f32") return new Uint8Array(centroids.buffer, centroids.byteOffset, centroids.byteLength);
  if (element === "f16") return new Uint8Array(Uint16Array.from(centroids, toHalf).buffer);
  if (element === "f64") return new Uint8Array(Float64Array.from(centroids).buffer);
  const bytes = new Uint8Array(centroids.length / 8);
  for (let i = 0; i < centroids.length; i++) if (centroids[i]! > 0.5) bytes[i >> 3]! |= 1 << (i & 7);
  return bytes;
}

/** A query as a segment compares it. */
export interface PreparedVector {
  /** With stored values. Under cosine of unit length. */
  readonly query: QueryVector;
  /** With centroids. */
  readonly compare: Float32Array;
}

/**
 * A query as the index compares it; `null` for a zero query under cosine, which has no direction.
 * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT (not finite)
 */
export function prepareQuery(q: QueryVector, type: VectorType, metric: Metric): PreparedVector | null {
  const { element, dimension } = type;
  if (q.length !== dimension) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `the query vector has ${q.length} values, the index has vectors of ${dimension}`,
      { expected: dimension, received: q.length },
    );
  }
  const query = toQueryVector(q, element);
  const compare = new Float32Array(getCompareDimension(type));
  if (query instanceof Uint8Array) {
    expandBits(query, 0, { vectors: compare, at: 0, width: compare.length });
    return { query, compare };
  }
  if (!copyVector(query, 0, { vectors: query, at: 0, width: dimension }, metric)) return null;
  compare.set(query);
  return { query, compare };
}

/** @returns whether the vector is one: finite, and of some length where the metric asks for a direction */
function copyVector(
  source: Float32Array | Float64Array,
  from: number,
  { vectors, at, width }: Slot,
  metric: Metric,
): boolean {
  let sum = 0;
  for (let i = 0; i < width; i++) {
    const value = source[from + i]!;
    if (!Number.isFinite(value)) return false;
    sum += value * value;
    vectors[at + i] = value;
  }
  if (metric !== "cosine") return true;
  const norm = Math.sqrt(sum);
  if (norm === 0) return false;
  for (let i = 0; i < width; i++) vectors[at + i]! /= norm;
  return true;
}
