import { LanceError } from "../errors.ts";
import { resolveBasePath } from "../table/base-paths.ts";
import { loadFragReuse } from "../table/row-ids/frag-reuse.ts";
import type { Snapshot } from "../table/snapshot.ts";
import { findFieldById } from "./fields.ts";
import type { IndexSegment, OpenSegment } from "./segment.ts";

/** A segment with the store and the field a family needs. Nothing is read. @throws SCHEMA_MISMATCH, UNSUPPORTED */
export function locateSegment(snapshot: Snapshot, segment: IndexSegment): OpenSegment {
  const [fieldId, ...more] = segment.fields;
  const field = fieldId === undefined ? undefined : findFieldById(snapshot.schema.fields, fieldId);
  if (!field || more.length > 0) {
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `segment ${segment.uuid} of index "${segment.name}" is keyed on fields [${segment.fields.join(", ")}]: expected one field of version ${snapshot.version}`,
      { uuid: segment.uuid, fields: segment.fields, version: snapshot.version },
    );
  }
  const directory = resolveBasePath(snapshot, "_indices", segment.uuid, segment.baseId ?? undefined);
  return { segment, store: snapshot.store, directory, field };
}

/**
 * As {@link locateSegment}, to read the segment's rows: where fragments were compacted without it, with what its row
 * ids have become. @throws as {@link locateSegment} and {@link loadFragReuse}
 */
export async function locateSegmentRows(snapshot: Snapshot, segment: IndexSegment): Promise<OpenSegment> {
  const reuse = await loadFragReuse(snapshot);
  return { ...locateSegment(snapshot, segment), ...(reuse ? { mapRowIds: reuse.mapRowIds } : {}) };
}
