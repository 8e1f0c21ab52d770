import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import type { ColumnBatch } from "../segment.ts";
import { findVectors } from "../vector-rule.ts";
import type { Metric } from "./metric.ts";

/** Vectors row by row, and the row each belongs to. */
export interface VectorRows {
  readonly vectors: Float32Array;
  readonly rowIds: BigUint64Array;
}

const VECTOR_TYPE = /^fixed_size_list:float:(\d+)$/;

/** Dimension of a vector column. @throws SCHEMA_MISMATCH when it is no vector, UNSUPPORTED for other than f32 */
export function getDimension(field: LanceField): number {
  const dimension = Number(VECTOR_TYPE.exec(field.logicalType)?.[1] ?? 0);
  if (dimension === 0) {
    const isVector = /^fixed_size_list:(halffloat|double|u?int8):/.test(field.logicalType);
    throw new LanceError(
      isVector ? "UNSUPPORTED" : "SCHEMA_MISMATCH",
      `an IVF_FLAT index needs a column of fixed-size lists of 32-bit floats; column "${field.name}" is ${field.logicalType}`,
      { column: field.name, received: field.logicalType, expected: "fixed_size_list:float:<dimension>" },
    );
  }
  return dimension;
}

/**
 * The vectors an index holds: those of {@link findVectors} whose values are finite; cosine ones scaled to length 1 (a zero vector has
 * no direction and is left out). One copy.
 */
export function collectVectors(batch: ColumnBatch, dimension: number, metric: Metric): VectorRows {
  const { values, rowIds } = batch;
  const items = values.children[0]!;
  const source = (items.values as Float32Array).subarray(0, values.length * dimension);
  const vectors = new Float32Array(source.length);
  const kept = new BigUint64Array(values.length);
  const found = findVectors(values, dimension);
  let count = 0;
  for (let row = 0; row < values.length; row++) {
    if (found && (found[row >> 3]! & (1 << (row & 7))) === 0) continue;
    if (!copyVector(source, row * dimension, vectors, count * dimension, dimension, metric)) continue;
    kept[count++] = rowIds[row]!;
  }
  return { vectors: vectors.subarray(0, count * dimension), rowIds: kept.subarray(0, count) };
}

/**
 * A query as the index compares it; `null` for a zero query under cosine, which has no direction.
 * @throws DIMENSION_MISMATCH, INVALID_ARGUMENT (not finite)
 */
export function prepareQuery(q: Float32Array, dimension: number, metric: Metric): Float32Array | null {
  if (q.length !== dimension) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `the query vector has ${q.length} values, the index has vectors of ${dimension}`,
      { expected: dimension, received: q.length },
    );
  }
  if (!q.every(Number.isFinite)) {
    throw new LanceError("INVALID_ARGUMENT", "the query vector holds a value that is not finite");
  }
  const prepared = new Float32Array(dimension);
  return copyVector(q, 0, prepared, 0, dimension, metric) ? prepared : null;
}

function copyVector(
  source: Float32Array,
  from: number,
  target: Float32Array,
  to: number,
  dimension: number,
  metric: Metric,
): boolean {
  let sum = 0;
  for (let i = 0; i < dimension; i++) {
    const value = source[from + i]!;
    if (!Number.isFinite(value)) return false;
    sum += value * value;
    target[to + i] = value;
  }
  if (metric !== "cosine") return true;
  const norm = Math.sqrt(sum);
  if (norm === 0) return false;
  for (let i = 0; i < dimension; i++) target[to + i]! /= norm;
  return true;
}
