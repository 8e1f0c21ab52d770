import type { LanceField } from "../../format/schema.ts";

/** Ids of a field and all below it, parents first. */
export function listFieldIds(field: LanceField): number[] {
  return [field.id, ...field.children.flatMap(listFieldIds)];
}
