import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { IndexSegment } from "../index/segment.ts";
import type { Snapshot } from "../table/snapshot.ts";
import type { LogicalIndex } from "./catalog.ts";
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
  catalog: readonly LogicalIndex[],
  fragmentIds: readonly number[],
): NearestPlan {
  const field = resolveFields(snapshot.schema, [nearest.column])[0]!;
  const dimension = readDimension(field);
  const q = readQueryVector(nearest, dimension);
  const candidates = catalog.filter((index) => index.family.queryKind === "vector" && index.field.id === field.id);
  const chosen = chooseIndex(nearest, candidates, catalog);
  const indexMetric = chosen === null ? null : metricOf(chosen);
  const metric = nearest.metric === undefined ? (indexMetric ?? "l2") : parseMetric(nearest.metric);
  const reason = whyFlat(nearest, chosen, indexMetric, metric);
  const index = reason === null ? chosen : null;
  const segments = index === null ? [] : chooseSegments(index, options.indexSegments);
  const covered = new Set(segments.flatMap((segment) => segment.fragmentIds));
  const includeUnindexed = options.fastSearch !== true && options.includeUnindexed !== false;
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
    flatFragmentIds:
      index !== null && (!includeUnindexed || options.indexSegments !== undefined)
        ? []
        : fragmentIds.filter((id) => !covered.has(id)),
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

function chooseIndex(
  nearest: NearestOptions,
  candidates: readonly LogicalIndex[],
  catalog: readonly LogicalIndex[],
): LogicalIndex | null {
  if (nearest.indexName === undefined) return candidates[0] ?? null;
  const named = candidates.find((index) => index.name === nearest.indexName);
  if (named) return named;
  const known = catalog.map((index) => index.name);
  throw new LanceError(
    "INDEX_NOT_FOUND",
    `no vector index "${nearest.indexName}" on column "${nearest.column}"; the table has ${known.join(", ") || "no index"}`,
    { indexName: nearest.indexName, column: nearest.column, known },
  );
}

function metricOf(index: LogicalIndex): Metric | null {
  const { metric } = index.family.decodeDetails(index.details);
  return metric === "l2" || metric === "cosine" || metric === "dot" ? metric : null;
}

function whyFlat(
  nearest: NearestOptions,
  chosen: LogicalIndex | null,
  indexMetric: Metric | null,
  metric: Metric,
): string | null {
  if (nearest.useIndex === false) return "useIndex is false";
  if (chosen === null) return "the column has no vector index";
  if (indexMetric !== metric) return `index "${chosen.name}" is built for ${indexMetric ?? "another metric"}`;
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
