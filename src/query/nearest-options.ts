import type { ApproxMode } from "../index/segment.ts";
import type { Metric } from "../kernels/metric.ts";
import { checkOptionNames, checkSwitch, checkWhole, refuseOption } from "./check-options.ts";
import type { QueryInput } from "./query-vectors.ts";

export type { ApproxMode } from "../index/segment.ts";
export type { Metric } from "../kernels/metric.ts";
export type { QueryInput } from "./query-vectors.ts";

/** A nearest-neighbour query over one vector column. */
export interface NearestOptions {
  readonly column: string;
  /**
   * The query vector, one number per dimension. Several of them (an array of vectors, or an Arrow vector of a fixed-size
   * list) are searched at once: each gives up to `k` rows, told apart by a first column `query_index` (int32).
   */
  readonly q: QueryInput;
  /** Rows wanted, of each query vector. Default 10. */
  readonly k?: number | undefined;
  /**
   * `l2`, `cosine` or `dot`; `hamming` for bytes. Default: the index's metric; without an index, or with `useIndex: false`,
   * l2, or hamming. Another metric than the index's is a flat search.
   */
  readonly metric?: string | undefined;
  /** Ask this index and no other. */
  readonly indexName?: string | undefined;
  /** Partitions to probe in each segment: the minimum and the maximum, where those are not given. */
  readonly nprobes?: number | undefined;
  /** Partitions to probe at least. Default 1. */
  readonly minimumNprobes?: number | undefined;
  /** Partitions to probe at most, when fewer than `k` rows were found. Default: all. */
  readonly maximumNprobes?: number | undefined;
  /** Fetch `k × refineFactor` candidates and rank them again by the exact distance. */
  readonly refineFactor?: number | undefined;
  /**
   * HNSW: rows kept in view while a graph is searched, at least `k × refineFactor`: more find more and take longer.
   * Default: half as many again as are asked for. Other indexes have no use for it.
   */
  readonly ef?: number | undefined;
  /** RQ: `fast`, `normal` (the default) or `accurate` comparison of codes. Other indexes have no use for it. */
  readonly approxMode?: ApproxMode | undefined;
  /**
   * Each segment answers `k × oversampleFactor` rows, before they are measured again and put together, so that more
   * partitions are probed and more of a graph is seen. At least 1, the default; need not be whole.
   */
  readonly oversampleFactor?: number | undefined;
  /**
   * Only distances in [lower, upper); `null` leaves a side open. With codes (SQ, PQ, RQ) the lower side is judged by their
   * distances first, so that rows close to it may be missed: `useIndex: false` finds all.
   */
  readonly distanceRange?: readonly [number | null, number | null] | undefined;
  /** `false`: compare with every row, by `metric` or l2, whatever an index is built for. Default true. */
  readonly useIndex?: boolean | undefined;
}

const NEAREST_KEYS = new Set<string>([
  "column",
  "q",
  "k",
  "metric",
  "indexName",
  "nprobes",
  "minimumNprobes",
  "maximumNprobes",
  "refineFactor",
  "ef",
  "approxMode",
  "oversampleFactor",
  "distanceRange",
  "useIndex",
] satisfies (keyof NearestOptions)[]);

const APPROX_MODES: readonly unknown[] = ["fast", "normal", "accurate"] satisfies ApproxMode[];
const MAX_OVERSAMPLING = 1000;

/** Refuses what a nearest query cannot be asked. @throws INVALID_ARGUMENT */
export function checkNearestOptions(nearest: NearestOptions): void {
  checkOptionNames(nearest, NEAREST_KEYS, "nearest");
  if (typeof nearest.column !== "string" || nearest.column === "") {
    throw refuseOption("nearest.column", "the name of a vector column", nearest.column);
  }
  checkWhole("nearest.k", nearest.k, 1);
  checkWhole("nearest.nprobes", nearest.nprobes, 1);
  checkWhole("nearest.minimumNprobes", nearest.minimumNprobes, 1);
  checkWhole("nearest.maximumNprobes", nearest.maximumNprobes, 1);
  checkWhole("nearest.refineFactor", nearest.refineFactor, 1);
  checkWhole("nearest.ef", nearest.ef, 1);
  checkSwitch("nearest.useIndex", nearest.useIndex);
  checkNames(nearest);
  const { oversampleFactor: factor } = nearest;
  if (factor !== undefined && !(typeof factor === "number" && factor >= 1 && factor <= MAX_OVERSAMPLING)) {
    throw refuseOption("nearest.oversampleFactor", `a number from 1 to ${MAX_OVERSAMPLING}`, factor);
  }
  const [minimum, maximum] = probesOf(nearest);
  if (maximum !== null && minimum > maximum) {
    throw refuseOption("nearest.minimumNprobes", `at most maximumNprobes (${maximum})`, minimum);
  }
  const range: unknown = nearest.distanceRange;
  if (range !== undefined && range !== null && !isRange(range)) {
    throw refuseOption("nearest.distanceRange", "[lower or null, upper or null]", range);
  }
}

function checkNames({ indexName, metric, approxMode }: NearestOptions): void {
  if (indexName !== undefined && typeof indexName !== "string") {
    throw refuseOption("nearest.indexName", "the name of an index", indexName);
  }
  if (metric !== undefined) parseMetric(metric);
  if (approxMode !== undefined && !APPROX_MODES.includes(approxMode)) {
    throw refuseOption("nearest.approxMode", APPROX_MODES.join(", "), approxMode);
  }
}

function isRange(range: unknown): boolean {
  const isSide = (side: unknown): boolean => side === null || (typeof side === "number" && !Number.isNaN(side));
  return Array.isArray(range) && range.length === 2 && range.every(isSide);
}

/** Minimum and maximum partitions to probe; `null` = all. */
export function probesOf(nearest: NearestOptions): [minimum: number, maximum: number | null] {
  const { nprobes, minimumNprobes, maximumNprobes } = nearest;
  return [minimumNprobes ?? nprobes ?? 1, maximumNprobes ?? nprobes ?? null];
}

/** @throws INVALID_ARGUMENT naming the metrics there are */
export function parseMetric(metric: string): Metric {
  const name = String(metric).toLowerCase();
  if (name === "l2" || name === "euclidean") return "l2";
  if (name === "cosine" || name === "dot" || name === "hamming") return name;
  throw refuseOption("nearest.metric", "l2, cosine, dot or hamming", metric);
}
