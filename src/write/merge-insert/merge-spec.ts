import { LanceError } from "../../errors.ts";
import { findPrimaryKey } from "../../format/primary-key.ts";
import type { LanceField, LanceSchema } from "../../format/schema.ts";

/** What a merge does, arm by arm. What no arm names stays. */
export interface MergeSpec {
  /** Names of the key columns; none = the table's primary key. */
  readonly on: readonly string[];
  /** Rows of the table that a row of the source has the key of. */
  readonly matched?:
    | { readonly action: "update"; readonly where?: string | undefined }
    | { readonly action: "delete" | "fail" }
    | undefined;
  /** Rows of the source whose key the table lacks. */
  readonly notMatched?: "insert" | undefined;
  /** Rows of the table whose key the source lacks. */
  readonly notMatchedBySource?: { readonly action: "delete"; readonly where?: string | undefined } | undefined;
}

/**
 * The key fields of a merge.
 * @throws INVALID_ARGUMENT naming the columns there are
 */
export function resolveKeyFields(schema: LanceSchema, on: readonly string[]): LanceField[] {
  if (on.length === 0) {
    const key = findPrimaryKey(schema.fields);
    if (key.length > 0 && key.every((field) => schema.fields.includes(field))) return key;
    throw new LanceError(
      "INVALID_ARGUMENT",
      "mergeInsert: no key; name the columns to match on, as the table has no primary key",
      {},
    );
  }
  const fields = on.map((name) => findField(schema, name));
  const twice = fields.find((field, i) => fields.indexOf(field) !== i);
  if (twice !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", `mergeInsert: key column "${twice.name}" is named twice`, {
      column: twice.name,
    });
  }
  return fields;
}

function findField(schema: LanceSchema, name: string): LanceField {
  const { fields } = schema;
  const field =
    fields.find((candidate) => candidate.name === name) ??
    fields.find((candidate) => candidate.name.toLowerCase() === String(name).toLowerCase());
  if (field !== undefined) return field;
  const known = fields.map((candidate) => candidate.name);
  throw new LanceError("INVALID_ARGUMENT", `mergeInsert: no key column "${name}"; the table has ${known.join(", ")}`, {
    column: name,
    known,
  });
}

/** @throws INVALID_ARGUMENT when nothing would change */
export function checkMergeSpec(spec: MergeSpec): void {
  if (spec.matched ?? spec.notMatched ?? spec.notMatchedBySource) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    "mergeInsert: nothing to do; call whenMatchedUpdateAll(), whenMatchedDelete(), whenMatchedFail(), whenNotMatchedInsertAll() or whenNotMatchedBySourceDelete() before execute()",
    {},
  );
}
