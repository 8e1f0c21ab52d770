import { isLanceError } from "../errors.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { encodeBase64 } from "./base64.ts";
import { findFieldById } from "./fields.ts";
import { locateSegment } from "./open-segment.ts";
import { loadKindsByFiles } from "./registry.ts";
import type { IndexSegment } from "./segment.ts";

type Details = IndexSegment["indexDetails"];

/** What the files of a segment were found to say, as long as a version is held. */
const known = new WeakMap<Snapshot, Map<string, Promise<Details>>>();

/**
 * A segment whose details are empty, as older releases wrote them, with those its files tell of. Two tails are read, once
 * a version; of other segments, and of those without files, nothing.
 * @throws IO, ABORTED, UNSUPPORTED (files in a base that cannot be reached)
 */
export async function completeDetails(snapshot: Snapshot, segment: IndexSegment): Promise<IndexSegment> {
  const { indexDetails, uuid, fields } = segment;
  const [fieldId, ...more] = fields;
  const isFound = fieldId !== undefined && findFieldById(snapshot.schema.fields, fieldId) !== undefined;
  if (indexDetails.value !== "" || !isFound || more.length > 0) return segment;
  const found = known.get(snapshot) ?? new Map<string, Promise<Details>>();
  known.set(snapshot, found);
  let details = found.get(uuid);
  if (!details) {
    details = readDetails(snapshot, segment);
    found.set(uuid, details);
    details.catch(() => found.delete(uuid));
  }
  return { ...segment, indexDetails: await details };
}

async function readDetails(snapshot: Snapshot, segment: IndexSegment): Promise<Details> {
  for (const kind of await loadKindsByFiles(segment.indexDetails.typeUrl)) {
    try {
      const read = await kind.readDetails(locateSegment(snapshot, segment));
      if (read) return { typeUrl: read.typeUrl, value: encodeBase64(read.value) };
    } catch (error) {
      // A broken file is reported where it is searched; the table's other indexes can be listed.
      if (!isLanceError(error, "CORRUPT")) throw error;
    }
  }
  return segment.indexDetails;
}
