import type { VectorQuery } from "../segment.ts";
import type { Metric } from "./metric.ts";

interface ProbeProfile {
  /** Partitions this much farther than the nearest, relative to its distance, are still probed. */
  readonly margins: readonly number[];
  readonly floors: readonly number[];
  readonly caps: readonly number[];
}

/** Largest k of each bucket; beyond the last a coarser rule applies. */
const BUCKETS = [1, 10, 100, 200, 500, 1000, 10_000, 100_000] as const;

// Native 14.0.2's calibrated first budget, per bucket of k: the same partitions are probed here as there.
const PROFILES: Readonly<Record<Exclude<Metric, "hamming">, ProbeProfile>> = {
  l2: {
    margins: [0.2175, 0.265, 0.33, 0.375, 0.3725, 0.4175, 0.57, 0.75],
    floors: [5, 6, 11, 15, 22, 29, 98, 463],
    caps: [19, 24, 38, 56, 81, 93, 238, 704],
  },
  cosine: {
    margins: [0.235, 0.2875, 0.38, 0.415, 0.45, 0.47, 0.6475, 0.58],
    floors: [3, 8, 7, 18, 28, 34, 104, 738],
    caps: [50, 77, 106, 156, 192, 248, 447, 958],
  },
  dot: {
    margins: [0.14, 0.055, 0.0625, 0.0675, 0.07, 0.0725, 0.0825, 0.21],
    floors: [56, 144, 200, 211, 244, 279, 517, 1009],
    caps: [112, 432, 768, 833, 971, 1092, 1824, 2528],
  },
};

/** How many partitions to probe: `initial` always, up to `limit` while fewer than k rows are found. */
export interface ProbeBudget {
  readonly initial: number;
  readonly limit: number;
}

/**
 * Chooses how many of the ranked partitions to probe. With `minimumNprobes` equal to `maximumNprobes` exactly that
 * many; otherwise those close to the nearest centroid, within the caller's bounds.
 * @param distances to the centroids, ascending
 */
export function planProbes(query: VectorQuery, distances: Float32Array, metric: Metric): ProbeBudget {
  const limit = Math.min(distances.length, query.maximumNprobes ?? distances.length);
  const minimum = Math.min(Math.max(1, query.minimumNprobes), limit);
  if (query.minimumNprobes === query.maximumNprobes) return { initial: minimum, limit: minimum };
  return { initial: Math.min(limit, Math.max(minimum, countNear(query.k, distances, metric))), limit };
}

function countNear(k: number, distances: Float32Array, metric: Metric): number {
  const bucket = BUCKETS.findIndex((largest) => k <= largest);
  const nearest = distances[0] ?? Number.NaN;
  if (bucket < 0 || !Number.isFinite(nearest)) return distances.length;
  if (metric === "hamming") return countWithin(distances, nearest * (k <= 1 ? 0.6 : k <= 10 ? 7 : 81));
  const { margins, floors, caps } = PROFILES[metric];
  // A dot distance is 1 − q·c: its margin is relative to the product, whatever its sign.
  const scale = metric === "dot" ? Math.abs(1 - nearest) : nearest;
  const allowed = margins[bucket]! * scale;
  let count = 0;
  while (count < distances.length && distances[count]! - nearest <= allowed) count++;
  return Math.min(caps[bucket]!, Math.max(floors[bucket]!, count));
}

/** Of ascending distances, those up to a limit. */
function countWithin(distances: Float32Array, limit: number): number {
  let count = 0;
  while (count < distances.length && distances[count]! <= limit) count++;
  return count;
}
