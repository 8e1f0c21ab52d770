import { create } from "@bufbuild/protobuf";
import { isLanceError, LanceError, type LanceErrorCode } from "../errors.ts";
import type { IndexMetadata } from "../proto/gen/lance/table_pb.ts";
import { Transaction_CreateIndexSchema } from "../proto/gen/lance/transaction_pb.ts";
import { formatUuid } from "../store/uuid.ts";
import { commit } from "../table/commit/commit.ts";
import { requireWritable } from "../table/commit/publish.ts";
import { type FragReuse, loadFragReuse } from "../table/row-ids/frag-reuse.ts";
import { openVersion, type Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { checkFiles, planReplacement } from "./check-commit.ts";
import { checkFragments } from "./check-fragments.ts";
import { checkIndexName } from "./check-name.ts";
import { checkSegmentSet } from "./check-segments.ts";
import { checkSegmentShapes } from "./check-shape.ts";
import { getColumnField } from "./fields.ts";
import { getEffectiveCoverage, toIndexMetadata } from "./metadata.ts";
import { locateSegment } from "./open-segment.ts";
import { getFamily } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/**
 * Publishes segments as one logical index, in one transaction. Committed segments of the same name that the new ones
 * wholly cover are replaced, disjoint ones stay; also those that another writer commits at the same moment. Fragments
 * dropped or rewritten since a segment was built leave its coverage, and a segment without any is left out.
 *
 * Every file is durable before: each is looked at with its recorded size, and vector segments' headers are read.
 * @param options.mustExist the segments join an index: one that another writer drops meanwhile is not made again
 * @throws INVALID_ARGUMENT (no segment, no name), SEGMENT_OVERLAP (a fragment or a uuid twice; an existing segment
 * covered in part), SEGMENT_INCOMPATIBLE (column, type, metric, dimension, version), ALREADY_EXISTS, NOT_FOUND
 * (fragment or file), CORRUPT (size), SCHEMA_MISMATCH (column), COMMIT_CONFLICT, UNSUPPORTED, ABORTED, IO
 */
export async function commitExistingIndexSegments(
  snapshot: Snapshot,
  name: string,
  column: string,
  segments: readonly IndexSegment[],
  options: { readonly mustExist?: boolean | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Snapshot> {
  const { mustExist = false, signal } = options;
  checkIndexName(name);
  checkSegmentShapes("commitExistingIndexSegments", segments);
  const first = await prepareCommit(snapshot, name, column, segments, signal);
  const replaced = new Set(first.removed.map(getUuid));
  for (let at = snapshot, prepared = first, attempt = 1; ; attempt++) {
    try {
      return await commitIndices(at, prepared.newIndices, prepared.removed, signal);
    } catch (error) {
      const version = findIndexConflict(error);
      if (version === undefined || attempt === MAX_ATTEMPTS) throw error;
      // Another writer committed to the same name. Where its segments and these are disjoint, both stand. What came
      // after that version is still to be judged.
      at = await openVersion(snapshot, { version, signal });
      if (mustExist && !at.indices.some((index) => index.name === name)) throw error;
      prepared = await prepareCommit(at, name, column, segments, signal).catch((cause: unknown) => {
        // The segments were right for the version they were built at: what became of it since is a conflict.
        if (!isLanceError(cause) || FAILURES.has(cause.code)) throw cause;
        const { message, details } = error as LanceError;
        throw new LanceError("COMMIT_CONFLICT", `${message}. ${cause.message}`, details, { cause });
      });
      if (prepared.removed.some((index) => !replaced.has(getUuid(index)))) throw error;
    }
  }
}

const MAX_ATTEMPTS = 10;
/** Errors that say nothing of what another writer did. */
const FAILURES: ReadonlySet<LanceErrorCode> = new Set(["ABORTED", "CORRUPT", "IO", "UNSUPPORTED"]);

/** All checks of a commit against one version. */
async function prepareCommit(
  snapshot: Snapshot,
  name: string,
  column: string,
  segments: readonly IndexSegment[],
  signal: AbortSignal | undefined,
): Promise<{ readonly newIndices: IndexMetadata[]; readonly removed: readonly IndexMetadata[] }> {
  requireWritable(snapshot.store, snapshot.uri);
  const field = getColumnField(snapshot, column);
  await checkSegmentSet(segments, field, snapshot.version);
  const reuse = await loadFragReuse(snapshot);
  const standing = segments.map((segment) => findStanding(snapshot, segment, reuse));
  const effective = standing.map(({ segment, fragmentIds }) => ({ ...segment, fragmentIds }));
  const { removed, kept } = await planReplacement(snapshot, name, field, effective);
  await checkFragments(snapshot, segments, field, signal);
  const recorded = standing.filter(({ isGone }) => !isGone).map(({ segment }) => segment);
  if (recorded.length === 0) throw allGone(snapshot, segments);
  const family = await getFamily(segments[0]!);
  await settleAll(segments.map((segment) => checkFiles(snapshot, segment, family, signal)));
  await family.checkCompatible(
    [...kept, ...segments].map((segment) => locateSegment(snapshot, segment)),
    "commit",
  );
  return { newIndices: await settleAll(recorded.map((segment) => toIndexMetadata({ ...segment, name }))), removed };
}

/** A segment as a version can take it. */
interface Standing {
  /** Its coverage as it is recorded: without fragments that are gone, which an older segment may still name. */
  readonly segment: IndexSegment;
  /** What it answers for, in the fragments of now. */
  readonly fragmentIds: readonly number[];
  /** Every fragment it was built of was dropped or rewritten since. */
  readonly isGone: boolean;
}

function findStanding(snapshot: Snapshot, segment: IndexSegment, reuse: FragReuse | null): Standing {
  const origins = reuse?.traceFragments(segment.fragmentIds);
  const mapped = origins === undefined ? segment.fragmentIds : [...origins.keys()];
  const fragmentIds = getEffectiveCoverage({ ...segment, fragmentIds: mapped }, snapshot);
  // Where the history of moves is what leads to the rows, the ids it starts from stay.
  const recorded = new Set(fragmentIds.flatMap((id) => origins?.get(id) ?? [id]));
  return {
    segment: { ...segment, fragmentIds: [...recorded].sort((a, b) => a - b) },
    fragmentIds,
    isGone: fragmentIds.length === 0 && segment.fragmentIds.length > 0,
  };
}

function allGone(snapshot: Snapshot, segments: readonly IndexSegment[]): LanceError {
  const uuids = segments.map(({ uuid }) => uuid);
  return new LanceError(
    "COMMIT_CONFLICT",
    `every fragment that segments ${uuids.join(", ")} cover was dropped or rewritten by version ${snapshot.version}: build them again on that version`,
    { retryable: true, segments: uuids, version: snapshot.version },
  );
}

/** The version that another writer's index of the same name came with, where that is all that stood against a commit. */
function findIndexConflict(error: unknown): number | undefined {
  if (!isLanceError(error, "COMMIT_CONFLICT") || error.details.retryable !== true) return undefined;
  return error.details.conflictingOperation === "createIndex" ? (error.details.version as number) : undefined;
}

function getUuid(index: IndexMetadata): string {
  return formatUuid(index.uuid?.uuid ?? new Uint8Array(0));
}

/** One create-index transaction: adds and removes segments in the manifest's index section. */
export async function commitIndices(
  snapshot: Snapshot,
  newIndices: IndexMetadata[],
  removedIndices: readonly IndexMetadata[],
  signal?: AbortSignal,
): Promise<Snapshot> {
  const value = create(Transaction_CreateIndexSchema, { newIndices, removedIndices: [...removedIndices] });
  return commit(snapshot, { case: "createIndex", value }, { signal });
}
