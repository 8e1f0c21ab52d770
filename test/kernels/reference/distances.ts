import type { Metric } from "../../../src/kernels/metric.ts";

/** A distance in f64, and the magnitude its rounding errors scale with. */
export interface ReferenceDistance {
  readonly distance: number;
  readonly scale: number;
}

/** The distance of `query` to the vector at `start`, summed in f64. */
export function referenceDistance(
  metric: Metric,
  query: Float32Array,
  vectors: Float32Array,
  start: number,
): ReferenceDistance {
  let [l2, dot, absolute, queryNorm, norm] = [0, 0, 0, 0, 0];
  for (let i = 0; i < query.length; i++) {
    const [q, v] = [query[i]!, vectors[start + i]!];
    l2 += (q - v) ** 2;
    dot += q * v;
    absolute += Math.abs(q * v);
    queryNorm += q * q;
    norm += v * v;
  }
  if (metric === "l2") return { distance: l2, scale: l2 };
  if (metric === "dot") return { distance: 1 - dot, scale: 1 + absolute };
  const lengths = Math.sqrt(queryNorm) * Math.sqrt(norm);
  return { distance: 1 - dot / lengths, scale: 1 + absolute / lengths };
}

/** Distances to every row. */
export function referenceDistances(metric: Metric, query: Float32Array, vectors: Float32Array): ReferenceDistance[] {
  return Array.from({ length: vectors.length / query.length }, (_, row) =>
    referenceDistance(metric, query, vectors, row * query.length),
  );
}
