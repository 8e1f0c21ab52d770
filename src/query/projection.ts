import { Field, Float32, Schema, Uint64 } from "apache-arrow";
import { LanceError } from "../errors.ts";
import { toArrowField } from "../format/arrow-schema.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";

/** Columns made by a query, not stored. */
export type SystemColumn = "_rowid" | "_rowaddr" | "_distance";

/** One output column: stored, or made by the query. */
export type OutputColumn =
  | { readonly kind: "stored"; readonly field: LanceField }
  | { readonly kind: "system"; readonly name: SystemColumn };

/** The output columns of a scan, in order, and what must be read for them. */
export interface Projection {
  readonly output: readonly OutputColumn[];
  /** Stored fields among the output, each once. */
  readonly fields: readonly LanceField[];
  readonly schema: Schema;
}

const SYSTEM_FIELDS: Record<SystemColumn, Field> = {
  _distance: new Field("_distance", new Float32(), true),
  _rowid: new Field("_rowid", new Uint64(), true),
  _rowaddr: new Field("_rowaddr", new Uint64(), true),
};

/**
 * Resolves column names against a schema. System columns are appended when asked for and not named: `_distance`
 * first, then `_rowid`, then `_rowaddr`.
 * @throws INVALID_ARGUMENT naming the columns there are
 */
export function resolveProjection(
  schema: LanceSchema,
  columns: readonly string[] | undefined,
  system: { readonly distance: boolean; readonly rowId: boolean; readonly rowAddress: boolean },
): Projection {
  checkNames(columns);
  const output: OutputColumn[] = (columns ?? schema.fields.map((field) => field.name)).map((name) =>
    resolveColumn(schema, name, system.distance),
  );
  const wanted: [SystemColumn, boolean][] = [
    ["_distance", system.distance],
    ["_rowid", system.rowId],
    ["_rowaddr", system.rowAddress],
  ];
  for (const [name, want] of wanted) {
    if (want && !output.some((column) => column.kind === "system" && column.name === name)) {
      output.push({ kind: "system", name });
    }
  }
  const names = output.map((column) => (column.kind === "stored" ? column.field.name : column.name));
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", `column "${twice}" is named twice`, { column: twice });
  }
  return {
    output,
    fields: output.flatMap((column) => (column.kind === "stored" ? [column.field] : [])),
    schema: new Schema(
      output.map((column) => (column.kind === "stored" ? toArrowField(column.field) : SYSTEM_FIELDS[column.name])),
    ),
  };
}

function checkNames(columns: readonly string[] | undefined): void {
  if (columns === undefined || (Array.isArray(columns) && columns.every((name) => typeof name === "string"))) return;
  throw new LanceError("INVALID_ARGUMENT", `columns: expected an array of names, received ${JSON.stringify(columns)}`, {
    received: columns,
  });
}

/** The stored fields of these names. @throws INVALID_ARGUMENT naming the columns there are */
export function resolveFields(schema: LanceSchema, names: readonly string[]): LanceField[] {
  return names.map((name) => findField(schema, name));
}

function resolveColumn(schema: LanceSchema, name: string, hasDistance: boolean): OutputColumn {
  if (name === "_rowid" || name === "_rowaddr") return { kind: "system", name };
  if (name === "_distance" && hasDistance) return { kind: "system", name };
  return { kind: "stored", field: findField(schema, name) };
}

function findField(schema: LanceSchema, name: string): LanceField {
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field) return field;
  const known = schema.fields.map((candidate) => candidate.name);
  throw new LanceError("INVALID_ARGUMENT", `no column "${name}"; the table has ${known.join(", ")}`, {
    column: name,
    known,
  });
}
