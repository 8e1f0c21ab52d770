import { LanceError } from "../../errors.ts";
import type { Manifest } from "../../proto/gen/lance/table_pb.ts";
import { fieldIdsOf } from "../commit/next-fragments.ts";

const MAX_I32 = 2 ** 31 - 1;

/** The id a new field gets: above every id the table's schema or files name, and above those given out before. */
export function nextFieldId(manifest: Manifest): number {
  const next = (manifest.maxAllocatedFieldId ?? highestNamedFieldId(manifest)) + 1;
  if (next > MAX_I32) throw new LanceError("UNSUPPORTED", "the table has used up its 2^31 field ids", {});
  return next;
}

/**
 * Checks that no new field takes an id that ever stood for another one.
 *
 * @param before the version the operation is applied to
 * @throws INVALID_ARGUMENT naming the field and the lowest id it may have
 */
export function checkNewFieldIds(before: Manifest, fields: Manifest["fields"]): void {
  const known = fieldIdsOf(before);
  const lowest = nextFieldId(before);
  const wrong = fields.find((field) => field.id >= 0 && !known.has(field.id) && field.id < lowest);
  if (wrong === undefined) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `new field "${wrong.name}" has id ${wrong.id}, which another field had before; give it ${lowest} or more`,
    { field: wrong.name, id: wrong.id, lowest },
  );
}

/** Raises the mark of field ids given out, in tables that keep one. */
export function raiseFieldIdMark(manifest: Manifest): void {
  if (manifest.maxAllocatedFieldId === undefined) return;
  manifest.maxAllocatedFieldId = Math.max(manifest.maxAllocatedFieldId, highestNamedFieldId(manifest));
}

function highestNamedFieldId(manifest: Manifest): number {
  let highest = -1;
  for (const { id } of manifest.fields) highest = Math.max(highest, id);
  for (const { files } of manifest.fragments) {
    for (const { fields } of files) for (const id of fields) highest = Math.max(highest, id);
  }
  return highest;
}
