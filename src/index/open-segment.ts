import { LanceError } from "../errors.ts";
import { resolveBasePath } from "../table/base-paths.ts";
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
