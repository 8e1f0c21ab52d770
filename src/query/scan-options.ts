import { LanceError } from "../errors.ts";
import type { Metric } from "../kernels/metric.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { checkOptionNames } from "./check-options.ts";
import type { ColumnOrdering } from "./order-by.ts";
import type { ColumnSelection } from "./projection.ts";
import type { ScanStatistics } from "./statistics.ts";

export type { Metric } from "../kernels/metric.ts";

/** A nearest-neighbour query over one vector column. */
export interface NearestOptions {
  readonly column: string;
  /** The query vector, one number per dimension. */
  readonly q: ArrayLike<number>;
  /** Rows wanted. Default 10. */
  readonly k?: number | undefined;
  /**
   * `l2`, `cosine` or `dot`; `hamming` for bytes. Default: the index's metric; without an index l2, or hamming. Another metric than the index's is a flat search.
   */
  readonly metric?: string | undefined;
  /** Ask this index and no other. */
  readonly indexName?: string | undefined;
  /** Partitions to probe in each segment: sets the minimum and the maximum. */
  readonly nprobes?: number | undefined;
  /** Partitions to probe at least. Default 1. */
  readonly minimumNprobes?: number | undefined;
  /** Partitions to probe at most, when fewer than `k` rows were found. Default: all. */
  readonly maximumNprobes?: number | undefined;
  /** Fetch `k × refineFactor` candidates and rank them again by the exact distance. */
  readonly refineFactor?: number | undefined;
  /** Only distances in [lower, upper); `null` leaves a side open. */
  readonly distanceRange?: readonly [number | null, number | null] | undefined;
  /** `false`: compare with every row. Default true. */
  readonly useIndex?: boolean | undefined;
}

/** What a scanner reads. Units: rows for `limit`, `offset` and `batchSize`. */
export interface ScannerOptions {
  /**
   * Names of columns in output order, nested ones with dots (`"a.b"`); or an object of output names and SQL expressions
   * over the columns: `{ id: "id", total: "price * quantity" }`. Default: all columns.
   */
  readonly columns?: ColumnSelection | undefined;
  /** An SQL predicate over the columns. */
  readonly filter?: string | undefined;
  readonly limit?: number | undefined;
  readonly offset?: number | undefined;
  /** Rows of one batch of `toBatches`. Default 8,192. */
  readonly batchSize?: number | undefined;
  readonly nearest?: NearestOptions | undefined;
  /** With `nearest`: apply `filter` before the search (`true`) or to its answer (`false`, the default, as pylance). */
  readonly prefilter?: boolean | undefined;
  /** Only rows that an index covers. */
  readonly fastSearch?: boolean | undefined;
  /** Also look at rows no segment covers, where an index is asked. Default true; ignored under `fastSearch`. */
  readonly includeUnindexed?: boolean | undefined;
  /** Append the column `_rowid` (uint64). */
  readonly withRowId?: boolean | undefined;
  /** Append the column `_rowaddr` (uint64): fragment id × 2³² + offset. */
  readonly withRowAddress?: boolean | undefined;
  /** Order the answer by columns or nested fields, which need not be among `columns`. Default: table order. */
  readonly orderBy?: string | ColumnOrdering | readonly (string | ColumnOrdering)[] | undefined;
  /** Return deleted rows too, where `filter` is true for them, with `_rowid` NULL; needs `withRowId`, asks no index. */
  readonly includeDeletedRows?: boolean | undefined;
  /** Read these fragments only, in this order. */
  readonly fragmentIds?: readonly number[] | undefined;
  /** With `nearest`: search these segments (by uuid) only. */
  readonly indexSegments?: readonly string[] | undefined;
  /** `false`: evaluate the filter on every row, asking no scalar index. Default true. */
  readonly useScalarIndex?: boolean | undefined;
  /** Workers for index and flat searches. Default: the global pool, else the calling thread. */
  readonly pool?: WorkerPool | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Called once, when the answer is complete. */
  readonly scanStatsCallback?: ((statistics: ScanStatistics) => void) | undefined;
}

const SCANNER_KEYS = new Set<string>([
  "columns",
  "filter",
  "limit",
  "offset",
  "batchSize",
  "nearest",
  "prefilter",
  "fastSearch",
  "includeUnindexed",
  "withRowId",
  "withRowAddress",
  "orderBy",
  "includeDeletedRows",
  "fragmentIds",
  "indexSegments",
  "useScalarIndex",
  "pool",
  "signal",
  "scanStatsCallback",
] satisfies (keyof ScannerOptions)[]);

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
  "distanceRange",
  "useIndex",
] satisfies (keyof NearestOptions)[]);

/** Options of the design that this version does not have yet. */
const LATER_SCANNER_KEYS = new Set(["fullTextQuery"]);
const LATER_NEAREST_KEYS = new Set(["ef", "approxMode", "oversampleFactor"]);

/** Refuses unknown names and values out of range, so that a typing error never changes an answer in silence. */
export function checkScannerOptions(options: ScannerOptions): void {
  checkOptionNames(options, SCANNER_KEYS, "scanner", LATER_SCANNER_KEYS);
  checkWhole("limit", options.limit, 0);
  checkWhole("offset", options.offset, 0);
  checkWhole("batchSize", options.batchSize, 1);
  if (options.nearest) checkNearestOptions(options.nearest);
}

function checkNearestOptions(nearest: NearestOptions): void {
  checkOptionNames(nearest, NEAREST_KEYS, "nearest", LATER_NEAREST_KEYS);
  if (typeof nearest.column !== "string" || nearest.column === "") {
    throw invalid("nearest.column", "the name of a vector column", nearest.column);
  }
  checkWhole("nearest.k", nearest.k, 1);
  checkWhole("nearest.nprobes", nearest.nprobes, 1);
  checkWhole("nearest.minimumNprobes", nearest.minimumNprobes, 1);
  checkWhole("nearest.maximumNprobes", nearest.maximumNprobes, 1);
  checkWhole("nearest.refineFactor", nearest.refineFactor, 1);
  const [minimum, maximum] = probesOf(nearest);
  if (maximum !== null && minimum > maximum) {
    throw invalid("nearest.minimumNprobes", `at most maximumNprobes (${maximum})`, minimum);
  }
  const range = nearest.distanceRange;
  if (
    range &&
    (range.length !== 2 || range.some((side) => side !== null && (typeof side !== "number" || Number.isNaN(side))))
  ) {
    throw invalid("nearest.distanceRange", "[lower or null, upper or null]", range);
  }
}

/** Minimum and maximum partitions to probe; `null` = all. */
export function probesOf(nearest: NearestOptions): [minimum: number, maximum: number | null] {
  if (nearest.nprobes !== undefined) return [nearest.nprobes, nearest.nprobes];
  return [nearest.minimumNprobes ?? 1, nearest.maximumNprobes ?? null];
}

/** @throws INVALID_ARGUMENT naming the metrics there are */
export function parseMetric(metric: string): Metric {
  const name = metric.toLowerCase();
  if (name === "l2" || name === "euclidean") return "l2";
  if (name === "cosine" || name === "dot" || name === "hamming") return name;
  throw invalid("nearest.metric", "l2, cosine, dot or hamming", metric);
}

function checkWhole(name: string, value: unknown, least: number): void {
  if (value === undefined) return;
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < least) {
    throw invalid(name, `a whole number of at least ${least}`, value);
  }
}

function invalid(name: string, expected: string, received: unknown): LanceError {
  const shown = typeof received === "bigint" ? `${received}n` : JSON.stringify(received);
  return new LanceError("INVALID_ARGUMENT", `${name}: expected ${expected}, received ${shown}`, {
    name,
    expected,
    received: shown,
  });
}
