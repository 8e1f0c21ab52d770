import { drawUuid } from "../store/uuid.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { readDeletions } from "../table/deletions/deletions.ts";
import { createRangeRank, listRangesWithout } from "../table/row-ids/range-rank.ts";
import { createRowIdMap, type RowIdMap } from "../table/row-ids/row-map.ts";
import { getFragment, type Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { type TaskContext, toFamilyContext, writeSegment } from "./build-segment.ts";
import { locateSegmentRows } from "./open-segment.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";
import { createSegmentWriter } from "./segment-writer.ts";

/** Fragments rewritten into others: their live rows, in order. Plain JSON. */
export interface RewrittenGroup {
  /** Ascending. */
  readonly oldFragmentIds: readonly number[];
  readonly newFragments: readonly { readonly id: number; readonly numRows: number }[];
}

/** What a worker needs to remap one segment: plain JSON; it reads for itself which rows were deleted. */
export interface RemapTask {
  readonly uri: string;
  /** The version whose fragments are rewritten. */
  readonly version: number;
  readonly segment: IndexSegment;
  readonly groups: readonly RewrittenGroup[];
  readonly memoryBudgetBytes: number;
}

/**
 * Writes a segment anew with the addresses its rows have once fragments are rewritten; rows that were deleted are left
 * out. The table is not read but for its deletion files. The old segment stays as it is.
 *
 * @throws UNSUPPORTED, SCHEMA_MISMATCH, NOT_FOUND, CORRUPT, QUOTA_EXCEEDED, ABORTED, IO
 */
export async function remapSegment(snapshot: Snapshot, task: RemapTask, context: TaskContext): Promise<IndexSegment> {
  const { segment, groups } = task;
  const store = requireWritable(snapshot.store, snapshot.uri);
  const family = await getFamily(segment);
  const open = await locateSegmentRows(snapshot, segment);
  const rowIdMap = await createRewriteMap(snapshot, groups, context.signal);
  const writer = createSegmentWriter(store, drawUuid(), context.signal);
  const files = await writeSegment(writer, () => family.remap(open, rowIdMap, writer, toFamilyContext(task, context)));
  const gone = new Set(groups.flatMap((group) => group.oldFragmentIds));
  const covered = new Set(segment.fragmentIds);
  const arrived = groups
    .filter((group) => group.oldFragmentIds.some((id) => covered.has(id)))
    .flatMap((group) => group.newFragments.map(({ id }) => id));
  const fragmentIds = [...segment.fragmentIds.filter((id) => !gone.has(id)), ...arrived].sort((a, b) => a - b);
  return { ...segment, uuid: writer.uuid, fragmentIds, files, baseId: null };
}

/** Where the live rows of some fragments go. Reads their deletion files. */
async function createRewriteMap(
  snapshot: Snapshot,
  groups: readonly RewrittenGroup[],
  signal?: AbortSignal,
): Promise<RowIdMap> {
  return createRowIdMap(
    await settleAll(
      groups.map(async ({ oldFragmentIds, newFragments }) => ({
        oldFragments: await settleAll(
          oldFragmentIds.map(async (id) => {
            const fragment = getFragment(snapshot, id);
            const { physicalRows } = fragment;
            const deleted = await readDeletions(snapshot, fragment, signal);
            const live = deleted && createRangeRank(listRangesWithout(deleted, physicalRows), physicalRows);
            return { id, physicalRows, live };
          }),
        ),
        newFragments,
      })),
    ),
  );
}
