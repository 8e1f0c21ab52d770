import { LanceError } from "../../errors.ts";

/** Distances of the format, as users and files name them (index page, section 4). */
export type Metric = "l2" | "cosine" | "dot";

const ALIASES: Readonly<Record<string, Metric>> = { l2: "l2", euclidean: "l2", cosine: "cosine", dot: "dot" };
/** Number of each in `VectorIndexDetails`. */
const NUMBERS: readonly Metric[] = ["l2", "cosine", "dot"];

/** @throws INVALID_ARGUMENT naming the metrics there are */
export function parseMetric(value: unknown): Metric {
  const metric = typeof value === "string" ? ALIASES[value.toLowerCase()] : undefined;
  if (!metric) {
    throw new LanceError("INVALID_ARGUMENT", `metric: expected l2, cosine or dot, received ${String(value)}`, {
      received: value,
      expected: NUMBERS,
    });
  }
  return metric;
}

export function getMetricNumber(metric: Metric): number {
  return NUMBERS.indexOf(metric);
}

/** @returns `undefined` for hamming and what is not known */
export function findMetric(number: number): Metric | undefined {
  return NUMBERS[number];
}

/** How vectors meet centroids: cosine indexes hold unit vectors, for which l2 ranks as cosine does. */
export function getPartitionMetric(metric: Metric): "l2" | "dot" {
  return metric === "dot" ? "dot" : "l2";
}
