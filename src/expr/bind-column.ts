import { LanceError } from "../errors.ts";
import { toScanField } from "../format/blob-field.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";
import { type BoundExpression, readPath, typeOf } from "./bound.ts";
import { describeCastType, readFieldType } from "./value-type.ts";

/**
 * A column, or a field in a struct column (`st.a`). The first name also matches without regard to case unless it is in
 * backticks; names of fields match exactly.
 *
 * @throws INVALID_ARGUMENT on an unknown name (naming those that exist), SCHEMA_MISMATCH on a field of what is no struct
 */
export function bindColumn(schema: LanceSchema, path: readonly string[], quoted: boolean): BoundExpression {
  const name = path[0]!;
  const { fields } = schema;
  const field =
    fields.find((candidate) => candidate.name === name) ??
    (quoted ? undefined : fields.find((candidate) => candidate.name.toLowerCase() === name.toLowerCase()));
  if (field === undefined) throw unknownName("column", name, fields);
  // A scan gives blobs as descriptors.
  const scanned = toScanField(field);
  const column: BoundExpression = { kind: "column", name: field.name, type: readFieldType(scanned), field: scanned };
  return path.slice(1).reduce((operand: BoundExpression, part) => bindField(operand, part), column);
}

/** A field of a struct. @throws as {@link bindColumn} */
export function bindField(operand: BoundExpression, name: string): BoundExpression {
  const type = typeOf(operand);
  if (type.kind !== "struct") {
    const path = readPath(operand)?.join(".");
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `expression: ${path === undefined ? "an expression" : `column ${JSON.stringify(path)}`} is of type ${describeCastType(type)} and has no field ${JSON.stringify(name)} (a name with a dot goes in backticks)`,
      { ...(path === undefined ? {} : { column: path }), expected: "a struct", received: describeCastType(type) },
    );
  }
  const field = type.fields.find((candidate) => candidate.name === name);
  if (field === undefined) throw unknownName("field", name, type.fields);
  return { kind: "field", operand, name, type: readFieldType(field), field };
}

function unknownName(what: "column" | "field", name: string, fields: readonly LanceField[]): LanceError {
  const known = fields.map((candidate) => candidate.name);
  return new LanceError(
    "INVALID_ARGUMENT",
    `expression: no ${what} named ${JSON.stringify(name)}; the ${what}s are ${known.map((each) => JSON.stringify(each)).join(", ")}`,
    { column: name, expected: known, received: name },
  );
}
