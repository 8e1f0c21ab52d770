import { LanceError } from "../errors.ts";
import type { LanceField } from "../format/schema.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** A top-level column by name. @throws INVALID_ARGUMENT naming the columns there are */
export function getColumnField(snapshot: Snapshot, column: string): LanceField {
  const field = snapshot.schema.fields.find((candidate) => candidate.name === column);
  if (field) return field;
  const known = snapshot.schema.fields.map((candidate) => candidate.name);
  throw new LanceError("INVALID_ARGUMENT", `no column "${column}"; the table has ${known.join(", ")}`, {
    column,
    known,
  });
}

/** A field by id, wherever it is in the tree. */
export function findFieldById(fields: readonly LanceField[], id: number): LanceField | undefined {
  for (const field of fields) {
    if (field.id === id) return field;
    const child = findFieldById(field.children, id);
    if (child) return child;
  }
  return undefined;
}
