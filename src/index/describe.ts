import { LanceError } from "../errors.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { decodeBase64 } from "./base64.ts";
import { findFieldById } from "./fields.ts";
import { getEffectiveCoverage, isUntrained, listSegments } from "./metadata.ts";
import { getSegmentBytes } from "./plan-build.ts";
import { findFamily, nameIndexType } from "./registry.ts";
import { runTableJob } from "./run-job.ts";
import { getSearchPool } from "./search.ts";
import type { IndexSegment } from "./segment.ts";

/** One segment of a described index. */
export interface SegmentDescription {
  readonly uuid: string;
  readonly datasetVersionAtLastUpdate: number;
  /** Coverage as it was recorded. */
  readonly fragmentIds: readonly number[];
  readonly indexVersion: number;
  readonly createdAt: number | null;
  readonly sizeBytes: number | null;
  readonly baseId: number | null;
  readonly coveringFields: readonly number[];
}

/** One logical index. */
export interface IndexDescription {
  readonly name: string;
  readonly typeUrl: string;
  /** `BTree`, `IVF_FLAT`; for types this version cannot use, the name of their message. */
  readonly indexType: string;
  /** Whether queries of this version can use it. */
  readonly supported: boolean;
  /** Live rows of the covered fragments. */
  readonly numRowsIndexed: number;
  readonly fields: readonly number[];
  readonly fieldNames: readonly string[];
  readonly details: Readonly<Record<string, unknown>>;
  /** `null` where a segment records no sizes. */
  readonly totalSizeBytes: number | null;
  readonly segments: readonly SegmentDescription[];
}

/** All logical indexes of a version, by name. Reads nothing: the manifest says it all. */
export async function describeIndices(snapshot: Snapshot): Promise<IndexDescription[]> {
  const byName = new Map<string, IndexSegment[]>();
  for (const { segment } of await listSegments(snapshot)) {
    const group = byName.get(segment.name);
    if (group) group.push(segment);
    else byName.set(segment.name, [segment]);
  }
  const names = [...byName.keys()].sort();
  return settleAll(names.map((name) => describeIndex(snapshot, name, byName.get(name)!)));
}

async function describeIndex(
  snapshot: Snapshot,
  name: string,
  segments: readonly IndexSegment[],
): Promise<IndexDescription> {
  const last = segments.at(-1)!;
  const family = await findFamily(last);
  const covered = new Set(segments.flatMap((segment) => getEffectiveCoverage(segment, snapshot)));
  const sizes = segments.map(getSegmentBytes);
  return {
    name,
    typeUrl: last.indexDetails.typeUrl,
    indexType: await nameIndexType(last),
    supported: family !== undefined,
    numRowsIndexed: [...covered].reduce((sum, id) => sum + getFragment(snapshot, id).numRows, 0),
    fields: last.fields,
    fieldNames: last.fields.map((id) => findFieldById(snapshot.schema.fields, id)?.name ?? `field ${id}`),
    details: family?.decodeDetails(decodeBase64(last.indexDetails.value, "indexDetails.value")) ?? {},
    totalSizeBytes: sizes.includes(null) ? null : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0),
    segments: segments.map((segment, i) => ({
      uuid: segment.uuid,
      datasetVersionAtLastUpdate: segment.datasetVersion,
      fragmentIds: segment.fragmentIds,
      indexVersion: segment.indexVersion,
      createdAt: segment.createdAt,
      sizeBytes: sizes[i] ?? null,
      baseId: segment.baseId,
      coveringFields: segment.coveringFields ?? [],
    })),
  };
}

/** Figures of one logical index; `segments[i]` is what its family says of it, in native's words. */
export interface IndexStatistics {
  readonly name: string;
  readonly indexType: string;
  readonly numSegments: number;
  readonly numIndexedFragments: number;
  readonly numIndexedRows: number;
  readonly numUnindexedFragments: number;
  readonly numUnindexedRows: number;
  readonly numIndexedRowsPerSegment: readonly number[];
  /** Milliseconds since the epoch: when its newest segment was made; `null` where no segment says. */
  readonly updatedAt: number | null;
  readonly segments: readonly Readonly<Record<string, unknown>>[];
}

/**
 * Figures of an index. Opens each segment's header, on the worker that owns it.
 * @throws INDEX_NOT_FOUND naming those there are; UNSUPPORTED, CORRUPT, NOT_FOUND, ABORTED, IO
 */
export async function getIndexStatistics(
  snapshot: Snapshot,
  name: string,
  options: { readonly pool?: WorkerPool | null | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<IndexStatistics> {
  const committed = await getCommittedSegments(snapshot, name);
  const pool = await getSearchPool(options.pool);
  const segments = await settleAll(
    committed.map(async (segment) => {
      const { uuid } = segment;
      if (isUntrained(segment)) return { uuid };
      const job = { kind: "index.describe", payload: { segment } };
      const facts = runTableJob<Readonly<Record<string, unknown>>>(pool, snapshot, job, {
        affinity: uuid,
        signal: options.signal,
      });
      return { uuid, ...(await facts) };
    }),
  );
  const rowsOf = (ids: Iterable<number>): number =>
    [...ids].reduce((sum, id) => sum + getFragment(snapshot, id).numRows, 0);
  const covered = new Set(committed.flatMap((segment) => getEffectiveCoverage(segment, snapshot)));
  const uncovered = snapshot.fragments.map(({ id }) => id).filter((id) => !covered.has(id));
  return {
    name,
    indexType: await nameIndexType(committed.at(-1)!),
    numSegments: committed.length,
    numIndexedFragments: covered.size,
    numIndexedRows: rowsOf(covered),
    numUnindexedFragments: uncovered.length,
    numUnindexedRows: rowsOf(uncovered),
    numIndexedRowsPerSegment: committed.map((segment) => rowsOf(getEffectiveCoverage(segment, snapshot))),
    updatedAt: committed.reduce<number | null>(
      (newest, { createdAt }) => (createdAt === null || createdAt < (newest ?? 0) ? newest : createdAt),
      null,
    ),
    segments,
  };
}

/**
 * The committed segments of an index, in manifest order.
 * @throws INDEX_NOT_FOUND naming those there are
 */
export async function getCommittedSegments(snapshot: Snapshot, name: string): Promise<IndexSegment[]> {
  const found = await listSegments(snapshot, name);
  if (found.length > 0) return found.map(({ segment }) => segment);
  throw createNotFound(snapshot, name);
}

/** The error for a name no index of a version has. */
export function createNotFound(snapshot: Snapshot, name: string): LanceError {
  const known = [...new Set(snapshot.indices.map((index) => index.name))].sort();
  return new LanceError(
    "INDEX_NOT_FOUND",
    `no index "${name}" at version ${snapshot.version}; it has ${known.join(", ") || "none"}`,
    { name, known, version: snapshot.version },
  );
}
