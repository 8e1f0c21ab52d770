import { LanceError } from "../../errors.ts";
import type { Metric } from "../../kernels/metric.ts";

export type { Metric } from "../../kernels/metric.ts";

const ALIASES: Readonly<Record<string, Metric>> = {
  l2: "l2",
  euclidean: "l2",
  cosine: "cosine",
  dot: "dot",
  hamming: "hamming",
};
/** Number of each in `VectorIndexDetails` (index page, section 1). */
const NUMBERS: readonly Metric[] = ["l2", "cosine", "dot", "hamming"];

/** @throws INVALID_ARGUMENT naming the metrics there are */
export function parseMetric(value: unknown): Metric {
  const metric = typeof value === "string" ? ALIASES[value.toLowerCase()] : undefined;
  if (!metric) {
    throw new LanceError("INVALID_ARGUMENT", `metric: expected ${NUMBERS.join(", ")}; received ${String(value)}`, {
      received: value,
      expected: NUMBERS,
    });
  }
  return metric;
}

export function getMetricNumber(metric: Metric): number {
  return NUMBERS.indexOf(metric);
}

/** @returns `undefined` for what is not known */
export function findMetric(number: number): Metric | undefined {
  return NUMBERS[number];
}

/**
 * How vectors meet centroids: cosine indexes hold unit vectors, for which l2 ranks as cosine does; bits are compared as
 * zeros and ones, whose squared l2 is the number that differ.
 */
export function getPartitionMetric(metric: Metric): "l2" | "dot" {
  return metric === "dot" ? "dot" : "l2";
}
