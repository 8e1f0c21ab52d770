import { LanceError } from "../errors.ts";
import type { LanceField } from "./schema.ts";

/** Field metadata that makes a column part of the table's primary key, which nothing enforces. */
const KEY_FLAG = "lance-schema:unenforced-primary-key";
/** Its place in the key, from 1. */
const KEY_POSITION = "lance-schema:unenforced-primary-key:position";
const TRUTHY: ReadonlySet<string> = new Set(["true", "1", "on", "yes", "y"]);

/** A field's place in the primary key; 0 where it has none of its own, `undefined` where it is no part of the key. */
export function readKeyPosition(field: LanceField): number | undefined {
  if (field.proto !== undefined) {
    const { unenforcedPrimaryKey, unenforcedPrimaryKeyPosition } = field.proto;
    if (unenforcedPrimaryKeyPosition > 0) return unenforcedPrimaryKeyPosition;
    return unenforcedPrimaryKey ? 0 : undefined;
  }
  const decode = (key: string) => {
    const value = field.metadata[key];
    return value === undefined ? undefined : new TextDecoder().decode(value);
  };
  const position = decode(KEY_POSITION);
  if (position !== undefined && /^\d{1,9}$/.test(position)) return Number(position);
  return TRUTHY.has(decode(KEY_FLAG)?.toLowerCase() ?? "") ? 0 : undefined;
}

/** The fields of the primary key in its order: by position, then those without one by id. */
export function findPrimaryKey(fields: readonly LanceField[]): LanceField[] {
  const rank = (field: LanceField) => readKeyPosition(field) || Number.POSITIVE_INFINITY;
  return listFields(fields)
    .filter((field) => readKeyPosition(field) !== undefined)
    .sort((a, b) => (rank(a) === rank(b) ? a.id - b.id : rank(a) - rank(b)));
}

/** @throws INVALID_ARGUMENT naming a key column native Lance refuses: one that may be null, or is no plain value */
export function checkPrimaryKey(fields: readonly LanceField[]): void {
  const visit = (field: LanceField, outer: readonly LanceField[]): void => {
    const chain = [...outer, field];
    if (readKeyPosition(field) !== undefined) {
      const nullable = chain.find((each) => each.nullable);
      const nested = outer.find((each) => each.logicalType !== "struct");
      if (nullable !== undefined || nested !== undefined || field.children.length > 0) {
        const path = chain.map((each) => each.name).join(".");
        throw new LanceError(
          "INVALID_ARGUMENT",
          `column "${path}" is part of the primary key: expected a plain value that may not be null, received ${field.logicalType}${nullable ? ", nullable" : ""}`,
          { column: path },
        );
      }
    }
    for (const child of field.children) visit(child, chain);
  };
  for (const field of fields) visit(field, []);
}

function listFields(fields: readonly LanceField[]): LanceField[] {
  return fields.flatMap((field) => [field, ...listFields(field.children)]);
}
