import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { IndexMetadata } from "../proto/gen/lance/table_pb.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { settleAll } from "../tasks/settle-all.ts";
import { decodeBase64 } from "./base64.ts";
import { getEffectiveCoverage, listSegments } from "./metadata.ts";
import { nameIndexType } from "./registry.ts";
import type { IndexFamily, IndexSegment } from "./segment.ts";
import { getSegmentDirectory } from "./segment-path.ts";

/** What a commit does to the segments an index has. */
export interface ReplacementPlan {
  readonly removed: readonly IndexMetadata[];
  readonly kept: readonly IndexSegment[];
}

/** A segment that is, or, with no uuid yet, is going to be built. */
export type PlannedSegment = Pick<IndexSegment, "fragmentIds" | "indexDetails" | "name"> & {
  readonly uuid: string | null;
};

/**
 * Decides which committed segments of the same name are replaced: those wholly covered by the new ones. Disjoint ones
 * stay. Pure but for names.
 * @throws ALREADY_EXISTS (name of another column, uuid already committed), SEGMENT_OVERLAP (partly covered),
 * SEGMENT_INCOMPATIBLE (kept segments of another type)
 */
export async function planReplacement(
  snapshot: Snapshot,
  name: string,
  field: LanceField,
  segments: readonly PlannedSegment[],
): Promise<ReplacementPlan> {
  const committed = await listSegments(snapshot);
  const known = committed.find(({ segment }) => segments.some(({ uuid }) => uuid === segment.uuid));
  if (known) {
    const { uuid, name: owner } = known.segment;
    throw new LanceError("ALREADY_EXISTS", `segment ${uuid} is committed already, as part of index "${owner}"`, {
      uuid,
      name: owner,
    });
  }
  const incoming = new Set(segments.flatMap((segment) => segment.fragmentIds));
  const removed: IndexMetadata[] = [];
  const kept: IndexSegment[] = [];
  for (const { segment, metadata } of committed) {
    if (segment.name !== name) continue;
    checkColumn(segment, name, field);
    const coverage = getEffectiveCoverage(segment, snapshot);
    const left = coverage.filter((id) => !incoming.has(id));
    if (left.length === 0) removed.push(metadata);
    else if (left.length === coverage.length) kept.push(segment);
    else throw partial(name, segment, left, segments);
  }
  await checkKeptType(name, kept, segments);
  return { removed, kept };
}

function checkColumn(segment: IndexSegment, name: string, field: LanceField): void {
  if (segment.fields.length === 1 && segment.fields[0] === field.id) return;
  throw new LanceError(
    "ALREADY_EXISTS",
    `index "${name}" already exists on fields [${segment.fields.join(", ")}], not on column "${field.name}" (field ${field.id}): choose another name, or drop it first`,
    { name, received: [field.id], expected: segment.fields },
  );
}

function partial(
  name: string,
  segment: IndexSegment,
  left: readonly number[],
  segments: readonly PlannedSegment[],
): LanceError {
  const touching = segments.filter(({ fragmentIds }) => fragmentIds.some((id) => segment.fragmentIds.includes(id)));
  const uuids = touching.flatMap(({ uuid }) => uuid ?? []);
  const asked = touching.flatMap(({ fragmentIds }) => fragmentIds);
  const subject = uuids.length > 0 ? `segments ${uuids.join(", ")}` : `fragments [${asked.join(", ")}]`;
  return new LanceError(
    "SEGMENT_OVERLAP",
    `index "${name}": ${subject} cover part of segment ${segment.uuid} and would orphan its fragments ` +
      `[${left.join(", ")}]: cover all of [${segment.fragmentIds.join(", ")}], or none`,
    { name, segments: uuids, existing: segment.uuid, fragmentIds: left },
  );
}

async function checkKeptType(
  name: string,
  kept: readonly IndexSegment[],
  segments: readonly PlannedSegment[],
): Promise<void> {
  const [first] = segments;
  if (!first || kept.length === 0) return;
  const type = await nameIndexType(first);
  for (const segment of kept) {
    const keptType = await nameIndexType(segment);
    if (keptType === type) continue;
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `index "${name}" keeps segment ${segment.uuid} of type ${keptType} (fragments [${segment.fragmentIds.join(", ")}]), so ${first.uuid === null ? "one" : `segment ${first.uuid}`} of type ${type} cannot join it: cover all fragments to change the type`,
      { name, segments: [segment.uuid, ...(first.uuid === null ? [] : [first.uuid])], types: [keptType, type] },
    );
  }
}

/**
 * A segment must record every file its family reads, and every file must exist with its recorded size. One small read
 * per file.
 * @throws SEGMENT_INCOMPATIBLE (a file is not recorded), NOT_FOUND, CORRUPT (size), each naming segment and file
 */
export async function checkFiles(
  snapshot: Snapshot,
  segment: IndexSegment,
  family: Pick<IndexFamily, "listFiles" | "displayName">,
  signal?: AbortSignal,
): Promise<void> {
  if (segment.baseId !== null) {
    throw new LanceError(
      "UNSUPPORTED",
      `segment ${segment.uuid} lies in base ${segment.baseId}: only segments of this table can be committed`,
      {
        uuid: segment.uuid,
        baseId: segment.baseId,
      },
    );
  }
  if (!segment.files || segment.files.length === 0) {
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `segment ${segment.uuid} records no files, so nothing says that they are whole: build it again`,
      { uuid: segment.uuid },
    );
  }
  const details = decodeBase64(segment.indexDetails.value, "indexDetails.value");
  const expected = family.listFiles(details);
  const recorded = segment.files.map(({ path }) => path);
  const missing = expected.filter((path) => !recorded.includes(path));
  if (missing.length > 0) {
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `segment ${segment.uuid} does not record ${missing.join(", ")}: a ${family.displayName(details)} segment has ${expected.join(", ")}; build it again`,
      { uuid: segment.uuid, missing, expected, received: recorded },
    );
  }
  await settleAll(segment.files.map((file) => checkFile(snapshot, segment, file, signal)));
}

async function checkFile(
  snapshot: Snapshot,
  segment: IndexSegment,
  file: { readonly path: string; readonly sizeBytes: number },
  signal?: AbortSignal,
): Promise<void> {
  const path = `${getSegmentDirectory(segment.uuid)}/${file.path}`;
  const found = await snapshot.store.get(path, { offset: 0, length: 1 }, { signal });
  if (!found) {
    throw new LanceError(
      "NOT_FOUND",
      `segment ${segment.uuid} records ${file.path}, which does not exist: build it again`,
      {
        uuid: segment.uuid,
        path,
      },
    );
  }
  if (found.totalBytes !== file.sizeBytes) {
    throw new LanceError(
      "CORRUPT",
      `segment ${segment.uuid} records ${file.path} with ${file.sizeBytes} bytes, it has ${found.totalBytes}: build it again`,
      { uuid: segment.uuid, path, expected: file.sizeBytes, received: found.totalBytes },
    );
  }
}
