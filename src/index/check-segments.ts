import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import { findFamily, getNewestVersion, nameIndexType } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

/** Checks that do without opening a file, shared by merge and commit. @throws as each of them */
export async function checkSegmentSet(
  segments: readonly IndexSegment[],
  field: LanceField,
  version: number,
): Promise<void> {
  if (segments.length === 0) {
    throw new LanceError("INVALID_ARGUMENT", "at least one index segment is required, received none", { received: 0 });
  }
  checkUuids(segments);
  checkDetails(segments);
  checkFields(segments, field);
  checkVersions(segments, version);
  checkDisjoint(segments);
  await checkOneType(segments);
  await checkIndexVersions(segments);
}

/** What this library cannot read, no query would use. */
async function checkIndexVersions(segments: readonly IndexSegment[]): Promise<void> {
  for (const segment of segments) {
    const { uuid, indexVersion } = segment;
    const family = await findFamily(segment);
    const newest = family ? getNewestVersion(family) : Number.POSITIVE_INFINITY;
    if (Number.isInteger(indexVersion) && indexVersion >= 0 && indexVersion <= newest) continue;
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `segment ${uuid} is of index version ${indexVersion}, expected at most ${newest}: it was built by a newer release; build it with this one, or use that one`,
      { uuid, received: indexVersion, expected: newest },
    );
  }
}

function checkUuids(segments: readonly IndexSegment[]): void {
  const seen = new Set<string>();
  for (const { uuid } of segments) {
    if (seen.has(uuid)) {
      throw new LanceError("SEGMENT_OVERLAP", `segment ${uuid} is given twice: give each segment once`, { uuid });
    }
    seen.add(uuid);
  }
}

function checkDetails(segments: readonly IndexSegment[]): void {
  const bare = segments.filter((segment) => !segment.indexDetails?.typeUrl);
  if (bare.length === 0) return;
  throw new LanceError(
    "SEGMENT_INCOMPATIBLE",
    `segments without indexDetails: ${bare.map(({ uuid }) => uuid).join(", ")}; expected the type they were built as`,
    { segments: bare.map(({ uuid }) => uuid) },
  );
}

function checkFields(segments: readonly IndexSegment[], field: LanceField): void {
  for (const { uuid, fields } of segments) {
    if (fields.length === 1 && fields[0] === field.id) continue;
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `segment ${uuid} was built for fields [${fields.join(", ")}], expected [${field.id}] for column "${field.name}"`,
      { uuid, received: fields, expected: [field.id], column: field.name },
    );
  }
}

function checkVersions(segments: readonly IndexSegment[], version: number): void {
  for (const { uuid, datasetVersion } of segments) {
    if (datasetVersion <= version) continue;
    throw new LanceError(
      "SEGMENT_INCOMPATIBLE",
      `segment ${uuid} was built at version ${datasetVersion}, which the table has not reached: it is at ${version}`,
      { uuid, received: datasetVersion, version },
    );
  }
}

function checkDisjoint(segments: readonly IndexSegment[]): void {
  const owners = new Map<number, string>();
  for (const { uuid, fragmentIds } of segments) {
    const shared = fragmentIds.filter((id) => owners.has(id));
    if (shared.length > 0) {
      const other = owners.get(shared[0]!)!;
      const common = shared.filter((id) => owners.get(id) === other);
      throw new LanceError(
        "SEGMENT_OVERLAP",
        `segments ${other} and ${uuid} both cover fragments [${common.join(", ")}]: a fragment belongs to one segment`,
        { segments: [other, uuid], fragmentIds: common },
      );
    }
    for (const id of fragmentIds) owners.set(id, uuid);
  }
}

async function checkOneType(segments: readonly IndexSegment[]): Promise<void> {
  const types = await Promise.all(segments.map(nameIndexType));
  const different = segments.filter((_, i) => types[i] !== types[0]);
  if (different.length === 0) return;
  const named = different.map(
    ({ uuid }) => `${uuid} is ${types[segments.findIndex((segment) => segment.uuid === uuid)]}`,
  );
  throw new LanceError(
    "SEGMENT_INCOMPATIBLE",
    `segments of different types: ${segments[0]!.uuid} is ${types[0]}, ${named.join(", ")}`,
    { segments: segments.map(({ uuid }) => uuid), types },
  );
}
