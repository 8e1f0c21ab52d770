import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { ApproxMode, IndexSegment } from "../index/segment.ts";
import { checkMetric, getDefaultMetric, getVectorType, type VectorType } from "../index/vector-type.ts";
import { listMetrics, type QueryVector } from "../kernels/element.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { type Catalog, countCoveredRows, type LogicalIndex, type UnusableIndex } from "./catalog.ts";
import { resolveFields } from "./projection.ts";
import { readQueryVectors } from "./query-vectors.ts";
import { type Metric, type NearestOptions, parseMetric, probesOf, type ScannerOptions } from "./scan-options.ts";

/** How the nearest rows are found: through segments, one by one, or both. */
export interface NearestPlan {
  readonly field: LanceField;
  readonly type: VectorType;
  /** Each as vectors of the column are compared with it. */
  readonly queries: readonly QueryVector[];
  /** Whether the answer tells by `query_index` which query a row is for. */
  readonly isBatch: boolean;
  /** Rows of the answer, of each query. */
  readonly k: number;
  /** Rows each segment answers, at most. */
  readonly candidates: number;
  readonly oversampleFactor: number | undefined;
  readonly metric: Metric;
  readonly minimumNprobes: number;
  readonly maximumNprobes: number | null;
  readonly ef: number | undefined;
  readonly approxMode: ApproxMode | undefined;
  readonly refineFactor: number | null;
  /**
   * Whether the index's candidates are measured again by their vectors: asked for, or needed since its own distances are
   * approximate and meet exact ones of rows it does not cover.
   */
  readonly measuresAgain: boolean;
  readonly distanceRange: readonly [number | null, number | null];
  /** `null`: no index is asked; `reason` says why when there is one. */
  readonly index: LogicalIndex | null;
  readonly reason: string | null;
  readonly segments: readonly IndexSegment[];
  /** Fragments whose vectors are compared one by one. */
  readonly flatFragmentIds: readonly number[];
  /** Fragments the segments answer for. */
  readonly indexedFragmentIds: readonly number[];
}

const DEFAULT_K = 10;
/** More than any table a search ends on, and still a number the kernels take. */
const MAX_ROWS = 2 ** 31 - 1;

/**
 * Plans a nearest-neighbour query over some fragments.
 * @throws INVALID_ARGUMENT (unknown column or segment), INDEX_NOT_FOUND, SCHEMA_MISMATCH, DIMENSION_MISMATCH
 */
export function planNearest(
  snapshot: Snapshot,
  options: ScannerOptions,
  nearest: NearestOptions,
  catalog: Catalog,
  fragmentIds: readonly number[],
): NearestPlan {
  const field = resolveFields(snapshot.schema, [nearest.column])[0]!;
  const type = getVectorType(field, "a nearest search");
  const { vectors: queries, isBatch } = readQueryVectors(nearest.column, nearest.q, type);
  const wanted = options.indexSegments;
  const chosen = chooseIndex(snapshot, { nearest, wanted }, field, catalog, fragmentIds);
  const other = catalog.unusable.find((index) => index.fieldIds[0] === field.id && index.metric !== null) ?? null;
  // As native: where no index is asked, none is asked for its metric either.
  const indexMetric = nearest.useIndex === false ? null : (chosen?.metric ?? other?.metric ?? null);
  const metric = nearest.metric === undefined ? chooseMetric(indexMetric, type) : parseMetric(nearest.metric);
  checkMetric(metric, field, type);
  const reason = whyFlat(nearest, chosen, other, metric);
  const index = reason === null ? chosen : null;
  if (index === null && wanted !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", `indexSegments: no index is searched: ${reason}`, { reason });
  }
  const segments = index === null ? [] : chooseSegments(index, wanted);
  const covered = new Set(segments.flatMap((segment) => segment.fragmentIds));
  const [minimumNprobes, maximumNprobes] = probesOf(nearest);
  const flatFragmentIds = leavesUnindexed(options, index) ? [] : fragmentIds.filter((id) => !covered.has(id));
  const isMixed = index?.family.distances === "approximate" && flatFragmentIds.length > 0;
  const k = Math.min(nearest.k ?? DEFAULT_K, MAX_ROWS);
  return {
    field,
    type,
    queries,
    isBatch,
    k,
    candidates: Math.min(Math.ceil(k * (nearest.oversampleFactor ?? 1)) * (nearest.refineFactor ?? 1), MAX_ROWS),
    oversampleFactor: nearest.oversampleFactor,
    ef: nearest.ef,
    approxMode: nearest.approxMode,
    metric,
    minimumNprobes,
    maximumNprobes,
    refineFactor: nearest.refineFactor ?? null,
    measuresAgain: nearest.refineFactor !== undefined || isMixed,
    distanceRange: nearest.distanceRange ?? [null, null],
    index,
    reason,
    segments,
    indexedFragmentIds: fragmentIds.filter((id) => covered.has(id)),
    flatFragmentIds,
  };
}

/** `fastSearch` looks at indexed rows only, also where none are; the others leave rows out only beside an index. */
function leavesUnindexed(options: ScannerOptions, index: LogicalIndex | null): boolean {
  if (options.fastSearch === true) return true;
  if (index === null) return false;
  // As native: fragments that are asked for by number are searched whatever the segments asked for cover.
  const isRestricted = options.indexSegments !== undefined && options.fragmentIds === undefined;
  return options.includeUnindexed === false || isRestricted;
}

/**
 * The index asked for by name; else, of the column's, the one that has the segments asked for, one of the query's metric,
 * and the one that covers most rows.
 */
function chooseIndex(
  snapshot: Snapshot,
  { nearest, wanted: uuids }: { readonly nearest: NearestOptions; readonly wanted: readonly string[] | undefined },
  field: LanceField,
  catalog: Catalog,
  fragmentIds: readonly number[],
): LogicalIndex | null {
  const candidates = catalog.indices.filter(
    (index) => index.family.queryKind === "vector" && index.field.id === field.id,
  );
  if (nearest.indexName !== undefined) {
    return candidates.find((index) => index.name === nearest.indexName) ?? refuseName(nearest, catalog);
  }
  const wanted = nearest.metric === undefined ? null : parseMetric(nearest.metric);
  const rank = (index: LogicalIndex): number => (wanted === null || index.metric === wanted ? 1 : 0);
  const rows = (index: LogicalIndex): number => countCoveredRows(snapshot, index, fragmentIds);
  const owns = (index: LogicalIndex): number =>
    uuids === undefined ? 0 : index.segments.filter(({ uuid }) => uuids.includes(uuid)).length;
  return [...candidates].sort((a, b) => owns(b) - owns(a) || rank(b) - rank(a) || rows(b) - rows(a))[0] ?? null;
}

function refuseName(nearest: NearestOptions, catalog: Catalog): never {
  const { indexName, column } = nearest;
  const known = [...catalog.indices, ...catalog.unusable].map((index) => index.name).sort();
  const unusable = catalog.unusable.find((index) => index.name === indexName);
  if (unusable) {
    throw new LanceError(
      "UNSUPPORTED",
      `index "${indexName}" is ${unusable.displayName}, and this version cannot search it; leave out indexName to compare row by row`,
      { indexName, indexType: unusable.displayName },
    );
  }
  throw new LanceError(
    "INDEX_NOT_FOUND",
    `no vector index "${indexName}" on column "${column}"; the table has ${known.join(", ") || "no index"}`,
    { indexName, column, known },
  );
}

/** The index's, where the column's vectors are compared so. */
function chooseMetric(ofIndex: string | null, type: VectorType): Metric {
  return listMetrics(type.element).find((metric) => metric === ofIndex) ?? getDefaultMetric(type);
}

function whyFlat(
  nearest: NearestOptions,
  chosen: LogicalIndex | null,
  other: UnusableIndex | null,
  metric: Metric,
): string | null {
  if (nearest.useIndex === false) return "useIndex is false";
  if (chosen === null && other !== null) {
    return `index "${other.name}" is ${other.displayName}, which this version cannot search`;
  }
  if (chosen === null) return "the column has no vector index";
  if (chosen.segments.length === 0) return `index "${chosen.name}" covers no fragment of this version`;
  if (chosen.metric !== metric) return `index "${chosen.name}" is built for ${chosen.metric ?? "an unknown metric"}`;
  return null;
}

function chooseSegments(index: LogicalIndex, wanted: readonly string[] | undefined): readonly IndexSegment[] {
  if (wanted === undefined) return index.segments;
  const known = index.segments.map((segment) => segment.uuid);
  const unknown = wanted.filter((uuid) => !known.includes(uuid));
  if (unknown.length > 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `indexSegments: index "${index.name}" has no segment ${unknown.join(", ")}; it has ${known.join(", ")}`,
      { indexName: index.name, unknown, known },
    );
  }
  return index.segments.filter((segment) => wanted.includes(segment.uuid));
}
