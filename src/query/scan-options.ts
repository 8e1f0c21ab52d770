import { checkFragmentIds } from "../index/check-shape.ts";
import { checkPoolOptions } from "../index/params.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { checkOptionNames, checkSwitch, checkWhole, refuseOption } from "./check-options.ts";
import { checkNearestOptions, type NearestOptions } from "./nearest-options.ts";
import type { ColumnOrdering } from "./order-by.ts";
import type { ColumnSelection } from "./projection.ts";
import type { ScanStatistics } from "./statistics.ts";

export {
  type ApproxMode,
  type Metric,
  type NearestOptions,
  parseMetric,
  probesOf,
  type QueryInput,
} from "./nearest-options.ts";

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

/** Options of the design that this version does not have yet. */
const LATER_SCANNER_KEYS = new Set(["fullTextQuery"]);

/** Refuses unknown names and values out of range, so that a typing error never changes an answer in silence. */
export function checkScannerOptions(options: ScannerOptions): void {
  checkOptionNames(options, SCANNER_KEYS, "scanner", LATER_SCANNER_KEYS);
  checkWhole("limit", options.limit, 0);
  checkWhole("offset", options.offset, 0);
  checkWhole("batchSize", options.batchSize, 1);
  for (const name of SWITCHES) checkSwitch(name, options[name]);
  checkPoolOptions({ pool: options.pool, signal: options.signal });
  checkSegmentNames(options.indexSegments);
  checkFragmentIds("fragmentIds", options.fragmentIds ?? []);
  if (options.filter !== undefined && typeof options.filter !== "string") {
    throw refuseOption("filter", "SQL", options.filter);
  }
  if (options.nearest !== undefined) checkNearestOptions(options.nearest);
}

const SWITCHES = [
  "prefilter",
  "fastSearch",
  "includeUnindexed",
  "useScalarIndex",
  "withRowId",
  "withRowAddress",
  "includeDeletedRows",
] as const;

function checkSegmentNames(uuids: unknown): void {
  if (uuids === undefined) return;
  const isList = Array.isArray(uuids) && uuids.every((uuid) => typeof uuid === "string");
  if (!isList || uuids.length === 0) throw refuseOption("indexSegments", "one or more uuids of segments", uuids);
}
