import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { IndexSegment } from "../index/segment.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { type Catalog, countCoveredRows, type LogicalIndex, type UnusableIndex } from "./catalog.ts";
import { resolveFields } from "./projection.ts";
import { type Metric, type NearestOptions, parseMetric, probesOf, type ScannerOptions } from "./scan-options.ts";

/** How the nearest rows are found: through segments, one by one, or both. */
export interface NearestPlan {
  readonly field: LanceField;
  readonly dimension: number;
  readonly q: Float32Array;
  readonly k: number;
  readonly metric: Metric;
  readonly minimumNprobes: number;
  readonly maximumNprobes: number | null;
  readonly refineFactor: number | null;
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
  const dimension = readDimension(field);
  const q = readQueryVector(nearest, dimension);
  const chosen = chooseIndex(snapshot, nearest, field, catalog, fragmentIds);
  const other = catalog.unusable.find((index) => index.fieldIds[0] === field.id && index.metric !== null) ?? null;
  const indexMetric = chosen?.metric ?? other?.metric ?? null;
  const metric = nearest.metric === undefined ? defaultMetric(indexMetric) : parseMetric(nearest.metric);
  const reason = whyFlat(nearest, chosen, other, metric);
  const index = reason === null ? chosen : null;
  if (index === null && options.indexSegments !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", `indexSegments: no index is searched: ${reason}`, { reason });
  }
  const segments = index === null ? [] : chooseSegments(index, options.indexSegments);
  const covered = new Set(segments.flatMap((segment) => segment.fragmentIds));
  const [minimumNprobes, maximumNprobes] = probesOf(nearest);
  return {
    field,
    dimension,
    q,
    k: nearest.k ?? DEFAULT_K,
    metric,
    minimumNprobes,
    maximumNprobes,
    refineFactor: nearest.refineFactor ?? null,
    distanceRange: nearest.distanceRange ?? [null, null],
    index,
    reason,
    segments,
    indexedFragmentIds: fragmentIds.filter((id) => covered.has(id)),
    flatFragmentIds: leavesUnindexed(options, index) ? [] : fragmentIds.filter((id) => !covered.has(id)),
  };
}

function readDimension(field: LanceField): number {
  const match = /^fixed_size_list:float:(\d+)$/.exec(field.logicalType);
  if (match) return Number(match[1]);
  const code = /^fixed_size_list:(halffloat|double|uint8):/.test(field.logicalType) ? "UNSUPPORTED" : "SCHEMA_MISMATCH";
  throw new LanceError(
    code,
    `column "${field.name}": expected a fixed-size list of float32 to search in, received ${field.logicalType}`,
    { column: field.name, expected: "fixed_size_list:float:N", received: field.logicalType },
  );
}

function readQueryVector(nearest: NearestOptions, dimension: number): Float32Array {
  const received = nearest.q?.length;
  if (received !== dimension) {
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `query vector: column "${nearest.column}" has dimension ${dimension}, received ${received ?? typeof nearest.q}`,
      { column: nearest.column, expected: dimension, received: received ?? null },
    );
  }
  const q = Float32Array.from(nearest.q);
  const bad = q.findIndex((value) => !Number.isFinite(value));
  if (bad >= 0) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `query vector: expected finite numbers, received ${q[bad]} at position ${bad}`,
      {
        position: bad,
        received: String(q[bad]),
      },
    );
  }
  return q;
}

/** `fastSearch` looks at indexed rows only, also where none are; the others leave rows out only beside an index. */
function leavesUnindexed(options: ScannerOptions, index: LogicalIndex | null): boolean {
  if (options.fastSearch === true) return true;
  return index !== null && (options.includeUnindexed === false || options.indexSegments !== undefined);
}

/** The index asked for by name; else, of the column's, one of the query's metric, and the one that covers most rows. */
function chooseIndex(
  snapshot: Snapshot,
  nearest: NearestOptions,
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
  return [...candidates].sort((a, b) => rank(b) - rank(a) || rows(b) - rows(a))[0] ?? null;
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

function isMetric(name: string | null): name is Metric {
  return name === "l2" || name === "cosine" || name === "dot";
}

function defaultMetric(ofIndex: string | null): Metric {
  return isMetric(ofIndex) ? ofIndex : "l2";
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
