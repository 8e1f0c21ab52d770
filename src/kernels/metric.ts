import { LanceError } from "../errors.ts";

/** Distances as Lance reports them: squared l2, 1 − cosine similarity, 1 − dot product; of bytes the bits that differ. */
export type Metric = "l2" | "cosine" | "dot" | "hamming";

/** Each at its number in the modules, which is that of `VectorIndexDetails` too. */
const METRICS: readonly Metric[] = ["l2", "cosine", "dot", "hamming"];

/** The number a metric has in the modules. @throws INVALID_ARGUMENT for any other word, or one not in `allowed` */
export function encodeMetric(metric: Metric, allowed: readonly Metric[] = METRICS): number {
  if (!allowed.includes(metric)) {
    throw new LanceError("INVALID_ARGUMENT", `metric must be ${allowed.join(", ")}; received ${String(metric)}`, {
      expected: allowed,
      received: metric,
    });
  }
  return METRICS.indexOf(metric);
}

/** @returns the number of vectors. @throws INVALID_ARGUMENT unless `values` is whole vectors of `dimension` */
export function countVectors(values: ArrayLike<number>, dimension: number): number {
  if (!Number.isInteger(dimension) || dimension < 1 || values.length % dimension !== 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `${values.length} values are not whole vectors of ${dimension} dimensions (at least 1)`,
      { values: values.length, dimension },
    );
  }
  return values.length / dimension;
}

/** @throws DIMENSION_MISMATCH unless the query has `dimension` values */
export function checkQuery(query: ArrayLike<number>, dimension: number): void {
  if (query.length !== dimension || dimension < 1) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `the query has ${query.length} dimensions, the vectors have ${dimension}`,
      { expected: dimension, received: query.length },
    );
  }
}
