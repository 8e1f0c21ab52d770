import { isLanceError, LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { DataFragment } from "../proto/gen/lance/table_pb.ts";
import { sameDeletions } from "../table/commit/compare-fragments.ts";
import { highestFragmentId } from "../table/commit/next-fragments.ts";
import { readDeletions } from "../table/deletions/deletions.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import type { IndexSegment } from "./segment.ts";

/**
 * Every fragment a segment names must exist, or have been dropped since the segment was built; and the column must lie
 * in the same files as then, with no row live that was deleted then.
 * @throws NOT_FOUND naming segment and fragments, COMMIT_CONFLICT when the column was written anew or rows are back
 */
export async function checkFragments(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  field: LanceField,
  signal?: AbortSignal,
): Promise<void> {
  const now = new Map(snapshot.fragments.map(({ id, proto }) => [id, proto]));
  const versions = new Map<number, Promise<Snapshot | null>>();
  for (const segment of segments) {
    const { datasetVersion: version, uuid } = segment;
    if (!versions.has(version)) versions.set(version, openOlder(snapshot, version, signal));
    const older = await versions.get(version)!;
    const then = older && new Map(older.fragments.map(({ id, proto }) => [id, proto]));
    const unknown = segment.fragmentIds.filter((id) => !now.has(id) && !mayHaveExisted(snapshot, then, id));
    if (unknown.length > 0) {
      throw new LanceError(
        "NOT_FOUND",
        `segment ${uuid} covers fragments [${unknown.join(", ")}], which version ${snapshot.version} does not have; it has [${[...now.keys()].slice(0, 20).join(", ")}${now.size > 20 ? ", …" : ""}]`,
        { uuid, fragmentIds: unknown, version: snapshot.version },
      );
    }
    const rewritten = segment.fragmentIds.filter((id) => {
      const [before, after] = [then?.get(id), now.get(id)];
      return before && after && locateField(before, field.id) !== locateField(after, field.id);
    });
    if (rewritten.length > 0) {
      throw new LanceError(
        "COMMIT_CONFLICT",
        `column "${field.name}" of fragments [${rewritten.join(", ")}] was written anew since segment ${uuid} was built at version ${version}: build them again`,
        { retryable: false, uuid, fragmentIds: rewritten, version: snapshot.version },
      );
    }
    const restored = older === null ? [] : await findRestored(older, snapshot, segment.fragmentIds, signal);
    if (restored.length > 0) {
      throw new LanceError(
        "COMMIT_CONFLICT",
        `rows of fragments [${restored.join(", ")}] that were deleted when segment ${uuid} was built at version ${version} are back, as a restore brings them: build it again`,
        { retryable: false, uuid, fragmentIds: restored, version: snapshot.version },
      );
    }
  }
}

/** An older version; `null` when it was cleaned up. */
async function openOlder(snapshot: Snapshot, version: number, signal?: AbortSignal): Promise<Snapshot | null> {
  if (version === snapshot.version) return snapshot;
  try {
    return await openVersion(snapshot, { version, signal });
  } catch (error) {
    if (isLanceError(error, "NOT_FOUND")) return null;
    throw error;
  }
}

/** Fragments of which rows are live that were deleted before. Deletion files are read where they changed, no others. */
async function findRestored(
  older: Snapshot,
  snapshot: Snapshot,
  fragmentIds: readonly number[],
  signal?: AbortSignal,
): Promise<number[]> {
  const live = new Map(snapshot.fragments.map((fragment) => [fragment.id, fragment]));
  const wanted = new Set(fragmentIds);
  const restored: number[] = [];
  for (const before of older.fragments) {
    const after = live.get(before.id);
    if (after === undefined || !wanted.has(before.id)) continue;
    if (before.numDeletedRows === 0 || sameDeletions(before.proto, after.proto)) continue;
    const [old, now] = await settleAll([readDeletions(older, before, signal), readDeletions(snapshot, after, signal)]);
    const deleted = new Set(now);
    if (old?.some((offset) => !deleted.has(offset))) restored.push(before.id);
  }
  return restored;
}

/** Whether a version has, or the table ever gave out, such an id: segments that were remapped or merged cover newer ones. */
function mayHaveExisted(snapshot: Snapshot, then: Map<number, DataFragment> | null, id: number): boolean {
  return then?.has(id) === true || id <= (highestFragmentId(snapshot.manifest) ?? -1);
}

function locateField(fragment: DataFragment, fieldId: number): string {
  return fragment.files
    .filter((file) => file.fields.includes(fieldId))
    .map((file) => `${file.baseId ?? ""}:${file.path}:${file.columnIndices[file.fields.indexOf(fieldId)]}`)
    .join();
}
