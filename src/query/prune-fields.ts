import { blobVersion } from "../format/blob-field.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";

/**
 * The top-level fields some paths name, in their order of first mention, structs cut to the fields named. Names are those
 * of the schema, as a bound expression has them.
 */
export function pruneFields(schema: LanceSchema, paths: readonly (readonly string[])[]): LanceField[] {
  const byName = new Map<string, (readonly string[])[]>();
  for (const [name, ...rest] of paths) byName.set(name!, [...(byName.get(name!) ?? []), rest]);
  return [...byName].flatMap(([name, rests]) => {
    const field = schema.fields.find((candidate) => candidate.name === name);
    return field === undefined ? [] : [pruneField(field, rests)];
  });
}

function pruneField(field: LanceField, paths: readonly (readonly string[])[]): LanceField {
  // A packed struct is stored as one column, and a blob's descriptor belongs together.
  const isWhole = field.logicalType !== "struct" || isPacked(field) || blobVersion(field) !== undefined;
  if (isWhole || paths.some((path) => path.length === 0)) return field;
  const children = field.children.flatMap((child) => {
    const own = paths.filter(([name]) => name === child.name).map(([, ...rest]) => rest);
    return own.length === 0 ? [] : [pruneField(child, own)];
  });
  return children.length === field.children.length && children.every((child, i) => child === field.children[i])
    ? field
    : { ...field, children };
}

function isPacked(field: LanceField): boolean {
  return "packed" in field.metadata || "lance-encoding:packed" in field.metadata;
}
