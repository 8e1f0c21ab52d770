import { LanceError } from "../errors.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { loadCatalog } from "./catalog.ts";
import { type FilterPlan, planFilter } from "./filter-plan.ts";
import { type NearestPlan, planNearest } from "./nearest-plan.ts";
import { resolveOrder, type SortKey } from "./order-by.ts";
import { type Projection, resolveProjection } from "./projection.ts";
import { checkScannerOptions, type ScannerOptions } from "./scan-options.ts";

/** Everything a scan will do, decided before any data is read. */
export interface ScanPlan {
  readonly projection: Projection;
  /** In the order of the answer, each once. */
  readonly fragmentIds: readonly number[];
  readonly filter: FilterPlan | null;
  readonly nearest: NearestPlan | null;
  /** With `nearest`: whether `filter` decides which rows are candidates. */
  readonly prefilter: boolean;
  readonly limit: number | null;
  readonly offset: number;
  readonly batchSize: number;
  /** Columns rows are ordered by; none = table order. */
  readonly orderBy: readonly SortKey[];
  /** Deleted rows are returned too, without `_rowid`. */
  readonly includeDeletedRows: boolean;
}

const DEFAULT_BATCH_SIZE = 8192;

/** Plans a scan of one version. Reads nothing but the index section. @throws INVALID_ARGUMENT and as the parts do */
export async function planScan(snapshot: Snapshot, options: ScannerOptions): Promise<ScanPlan> {
  checkScannerOptions(options);
  const { nearest } = options;
  if (options.indexSegments !== undefined && nearest === undefined) {
    throw new LanceError("INVALID_ARGUMENT", "indexSegments: only a nearest query takes them", {
      option: "indexSegments",
    });
  }
  checkCombinations(options);
  const { indices: catalog, unusable } = await loadCatalog(snapshot);
  const fragmentIds = chooseFragments(snapshot, options);
  const nearestPlan =
    nearest === undefined ? null : planNearest(snapshot, options, nearest, { indices: catalog, unusable }, fragmentIds);
  if (nearestPlan?.isBatch === true) checkQueryIndex(snapshot);
  const prefilter = nearestPlan !== null && options.prefilter === true;
  const searched = nearestPlan === null ? fragmentIds : searchedFragments(nearestPlan);
  return {
    projection: resolveProjection(snapshot.schema, options.columns, {
      distance: nearestPlan !== null,
      queryIndex: nearestPlan?.isBatch === true,
      rowId: options.withRowId ?? false,
      rowAddress: options.withRowAddress ?? false,
    }),
    fragmentIds,
    filter:
      options.filter === undefined
        ? null
        : planFilter(snapshot, options.filter, catalog, searched, {
            // Indexes may have forgotten deleted rows: where those are wanted too, every row is looked at.
            useScalarIndex:
              options.useScalarIndex !== false &&
              options.includeDeletedRows !== true &&
              (nearestPlan === null || prefilter),
            indexedOnly: nearestPlan === null && (options.fastSearch === true || options.includeUnindexed === false),
          }),
    nearest: nearestPlan,
    prefilter,
    limit: options.limit ?? null,
    offset: options.offset ?? 0,
    batchSize: options.batchSize ?? DEFAULT_BATCH_SIZE,
    orderBy: options.orderBy === undefined ? [] : resolveOrder(snapshot.schema, options.orderBy),
    includeDeletedRows: options.includeDeletedRows === true,
  };
}

/** Several queries are told apart by a column of their own. @throws INVALID_ARGUMENT where the table has one of its name */
function checkQueryIndex({ schema }: Snapshot): void {
  if (schema.fields.every(({ name }) => name !== "query_index")) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    'nearest.q: the answer to several query vectors has a column "query_index", which this table has too: rename it, or ask one by one',
    { column: "query_index" },
  );
}

/** @throws INVALID_ARGUMENT on options that do not go together, as native */
function checkCombinations({ includeDeletedRows, withRowId, nearest, orderBy }: ScannerOptions): void {
  const refuse = (message: string) => {
    throw new LanceError("INVALID_ARGUMENT", message, { options: ["includeDeletedRows", "orderBy"] });
  };
  if (orderBy !== undefined && nearest !== undefined) refuse("orderBy: a nearest query orders its answer by _distance");
  if (includeDeletedRows !== true) return;
  if (withRowId !== true) refuse("includeDeletedRows: deleted rows are told by a NULL _rowid; set withRowId: true");
  if (nearest !== undefined || orderBy !== undefined) {
    refuse("includeDeletedRows: not with nearest or orderBy; order the answer instead");
  }
}

function searchedFragments(plan: NearestPlan): number[] {
  return [...plan.indexedFragmentIds, ...plan.flatFragmentIds].sort((a, b) => a - b);
}

/** In the order asked for, each once; ascending where distances or `orderBy` decide the order of the answer. */
function chooseFragments(snapshot: Snapshot, { fragmentIds, nearest, orderBy }: ScannerOptions): number[] {
  if (fragmentIds === undefined) return snapshot.fragments.map((fragment) => fragment.id);
  const ids = [...new Set(fragmentIds)].map((id) => getFragment(snapshot, id).id);
  return nearest === undefined && orderBy === undefined ? ids : ids.sort((a, b) => a - b);
}
