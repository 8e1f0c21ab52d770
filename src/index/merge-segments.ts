import { LanceError } from "../errors.ts";
import { drawUuid } from "../store/uuid.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { loadFragReuse } from "../table/row-ids/frag-reuse.ts";
import { createColumnSource } from "../table/rows/column-source.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { decodeBase64 } from "./base64.ts";
import { describeSegment, type TaskContext, toFamilyContext, writeSegment } from "./build-segment.ts";
import { checkSegmentSet } from "./check-segments.ts";
import { readSegmentRows } from "./live-rows.ts";
import { listSegments } from "./metadata.ts";
import { locateSegmentRows } from "./open-segment.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";
import { createSegmentWriter } from "./segment-writer.ts";

/** What a worker needs to merge one group: plain JSON. */
export interface MergeTask {
  readonly uri: string;
  readonly version: number;
  readonly segments: readonly IndexSegment[];
  /** Fragments appended since, whose rows are read from the table and joined in. */
  readonly newFragmentIds: readonly number[];
  readonly memoryBudgetBytes: number;
}

/**
 * Rewrites a group of segments into one new, self-contained segment. Rows that are gone at this version are
 * dropped; the table is read only for `newFragmentIds`. The sources stay as they are.
 * @throws SEGMENT_INCOMPATIBLE, SEGMENT_OVERLAP, UNSUPPORTED, NOT_FOUND, CORRUPT, QUOTA_EXCEEDED, ABORTED, IO
 */
export async function mergeSegments(snapshot: Snapshot, task: MergeTask, context: TaskContext): Promise<IndexSegment> {
  const store = requireWritable(snapshot.store, snapshot.uri);
  const segments = await followMoves(snapshot, task.segments);
  const [first] = segments;
  if (!first) throw new LanceError("INVALID_ARGUMENT", "at least one index segment is required, received none");
  const family = await getFamily(first);
  const open = await settleAll(segments.map((segment) => locateSegmentRows(snapshot, segment)));
  const { field } = open[0]!;
  await checkSegmentSet(segments, field, snapshot.version);
  await family.checkCompatible(open, "merge");
  const covered = segments.flatMap((segment) => segment.fragmentIds);
  checkNewFragments(covered, task.newFragmentIds);
  const newRows =
    task.newFragmentIds.length === 0
      ? null
      : createColumnSource(snapshot, field.name, task.newFragmentIds, { rowIdDomain: family.rowIdDomain });
  const keepRows = await settleAll(
    segments.map((segment) => readSegmentRows(snapshot, segment, family.rowIdDomain, context.signal)),
  );
  const wanted = new Set([...covered, ...task.newFragmentIds]);
  const writer = createSegmentWriter(store, drawUuid(), context.signal);
  const files = await writeSegment(writer, () =>
    family.merge(open, newRows, writer, { ...toFamilyContext(task, context), keepRows }),
  );
  return describeSegment(snapshot, family, {
    uuid: writer.uuid,
    name: first.name,
    fields: first.fields,
    datasetVersion: await findDatasetVersion(snapshot, segments),
    // Rows of fragments that are gone were left out, so that a version that brings those back must not ask it for them.
    fragmentIds: snapshot.fragments.map(({ id }) => id).filter((id) => wanted.has(id)),
    files,
    details: decodeBase64(first.indexDetails.value, "indexDetails.value"),
  });
}

/**
 * The version a merged segment speaks of: that of the oldest source, as what changed in the table since may be missing
 * in its rows. The manifest keeps the coverage of committed ones true, though, so those speak of the version at hand.
 */
async function findDatasetVersion(snapshot: Snapshot, segments: readonly IndexSegment[]): Promise<number> {
  const committed = new Map((await listSegments(snapshot)).map(({ segment }) => [segment.uuid, segment.fragmentIds]));
  const versions = segments.map(({ uuid, fragmentIds, datasetVersion }) => {
    const covered = new Set(committed.get(uuid));
    return committed.has(uuid) && fragmentIds.every((id) => covered.has(id)) ? snapshot.version : datasetVersion;
  });
  return Math.min(...versions);
}

/** Segments with their coverage in the fragments of now, also where a compaction left indexes alone since. */
async function followMoves(snapshot: Snapshot, segments: readonly IndexSegment[]): Promise<readonly IndexSegment[]> {
  const reuse = await loadFragReuse(snapshot);
  if (reuse === null) return segments;
  return segments.map((segment) => ({ ...segment, fragmentIds: reuse.mapFragments(segment.fragmentIds) }));
}

function checkNewFragments(covered: readonly number[], newFragmentIds: readonly number[]): void {
  const twice = newFragmentIds.filter((id) => covered.includes(id));
  if (twice.length === 0) return;
  throw new LanceError(
    "SEGMENT_OVERLAP",
    `fragments [${twice.join(", ")}] are covered by the segments to merge already: give only fragments appended since`,
    { fragmentIds: twice },
  );
}
