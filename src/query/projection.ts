import { Field, Float32, Int32, Schema, Uint64 } from "apache-arrow";
import { LanceError } from "../errors.ts";
import { bindValue } from "../expr/bind.ts";
import { type BoundExpression, pathsOf } from "../expr/bound.ts";
import { type CompiledValue, compileValue } from "../expr/compile/value.ts";
import { parseExpression } from "../expr/parse.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";
import { isRecord } from "../is-record.ts";
import { arrowSchemaOf } from "../table/rows/record-batches.ts";
import { parseFieldPath } from "./field-path.ts";
import { pruneFields } from "./prune-fields.ts";
import { isSystemColumn, ROW_COLUMNS, type SystemColumn, withSystemFields } from "./system-columns.ts";

/** Names of columns, nested ones with dots, in output order; or an SQL expression for each output name. */
export type ColumnSelection = readonly string[] | Readonly<Record<string, string>>;

/** One output column: stored, made by the query, or computed from those. */
export type OutputColumn = { readonly name: string } & (
  | { readonly kind: "stored"; readonly column: string }
  | { readonly kind: "system"; readonly column: SystemColumn }
  | { readonly kind: "computed"; readonly bound: BoundExpression; readonly value: CompiledValue }
);

/** The output columns of a scan, in order, and what must be read for them. */
export interface Projection {
  readonly output: readonly OutputColumn[];
  /** Stored fields to read, each once; structs with the fields wanted alone. */
  readonly fields: readonly LanceField[];
  /** System columns among the output or named by its expressions, each once. */
  readonly system: readonly SystemColumn[];
  readonly schema: Schema;
}

/**
 * Resolves the columns of a scan against a schema. System columns are appended when asked for and not named: `_distance`
 * first, then `_rowid`, then `_rowaddr`. Only `query_index` is always the first.
 *
 * @throws INVALID_ARGUMENT naming the columns there are; of an expression, as `parseExpression` and `bindValue`
 */
export function resolveProjection(
  schema: LanceSchema,
  columns: ColumnSelection | undefined,
  options: {
    readonly distance: boolean;
    readonly queryIndex?: boolean;
    readonly rowId: boolean;
    readonly rowAddress: boolean;
  },
): Projection {
  checkSelection(columns);
  const known = withSystemFields(schema, [
    ...ROW_COLUMNS,
    ...(options.distance ? (["_distance"] as const) : []),
    ...(options.queryIndex === true ? (["query_index"] as const) : []),
  ]);
  const output = listColumns(schema, columns).map(([name, sql]) =>
    sql === null ? resolveName(known, schema, name) : resolveExpression(known, schema, name, sql),
  );
  const wanted: [SystemColumn, boolean][] = [
    ["_distance", options.distance],
    ["_rowid", options.rowId],
    ["_rowaddr", options.rowAddress],
  ];
  for (const [name, want] of wanted) {
    if (want && !output.some((column) => column.name === name)) output.push({ kind: "system", name, column: name });
  }
  if (options.queryIndex === true) moveQueryIndex(output);
  const names = output.map((column) => column.name);
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) {
    throw new LanceError("INVALID_ARGUMENT", `column "${twice}" is named twice`, { column: twice });
  }
  return assembleProjection(schema, output);
}

/** As native: it comes first, wherever it is named, or is not. */
function moveQueryIndex(output: OutputColumn[]): void {
  const name = "query_index";
  const at = output.findIndex((column) => column.name === name && column.kind === "system");
  const [named] = at < 0 ? [] : output.splice(at, 1);
  output.unshift(named ?? { kind: "system", name, column: name });
}

/** The stored fields of these names. @throws INVALID_ARGUMENT naming the columns there are */
export function resolveFields(schema: LanceSchema, names: readonly string[]): LanceField[] {
  return names.map((name) => findField(schema, name));
}

function listColumns(schema: LanceSchema, columns: ColumnSelection | undefined): [name: string, sql: string | null][] {
  if (columns === undefined) return schema.fields.map((field) => [field.name, null]);
  return Array.isArray(columns)
    ? (columns as readonly string[]).map((name) => [name, null])
    : Object.entries(columns as Readonly<Record<string, string>>);
}

function assembleProjection(schema: LanceSchema, output: readonly OutputColumn[]): Projection {
  const paths: string[][] = [];
  const system = new Set<SystemColumn>();
  for (const column of output) {
    if (column.kind === "stored") paths.push([column.column]);
    else if (column.kind === "system") system.add(column.column);
    else {
      for (const path of pathsOf(column.bound)) {
        if (isSystemColumn(schema, path[0]!)) system.add(path[0]);
        else paths.push(path);
      }
    }
  }
  const fields = pruneFields(schema, paths);
  const stored = arrowSchemaOf(fields);
  return {
    output,
    fields,
    system: [...system],
    schema: new Schema(output.map((column) => toOutputField(column, stored))),
  };
}

function toOutputField(column: OutputColumn, stored: Schema): Field {
  if (column.kind === "computed") return new Field(column.name, column.value.type, column.value.nullable);
  if (column.kind === "system") {
    if (column.column === "query_index") return new Field(column.name, new Int32(), false);
    return new Field(column.name, column.column === "_distance" ? new Float32() : new Uint64(), true);
  }
  const field = stored.fields.find((candidate) => candidate.name === column.column)!;
  return column.name === field.name ? field : new Field(column.name, field.type, field.nullable, field.metadata);
}

/** A name in a list: a column as it is written, or the path of a nested field. */
function resolveName(known: LanceSchema, schema: LanceSchema, name: string): OutputColumn {
  if (schema.fields.some((field) => field.name === name)) return { kind: "stored", name, column: name };
  if (known.fields.some((field) => field.name === name) && isSystemColumn(schema, name)) {
    return { kind: "system", name, column: name };
  }
  const path = parseFieldPath(name);
  findField(schema, path?.[0] ?? name, name);
  const bound = bindValue({ kind: "column", path: path!, quoted: true, position: 0 }, known);
  if (bound.kind === "column") return { kind: "stored", name, column: bound.name };
  return { kind: "computed", name, bound, value: compileValue(bound) };
}

function resolveExpression(known: LanceSchema, schema: LanceSchema, name: string, sql: string): OutputColumn {
  // A column of this very name comes before what the text means as SQL, as in native.
  const exact = known.fields.find((field) => field.name === sql)?.name;
  const bound = exact === undefined ? bindValue(parseExpression(sql), known) : undefined;
  const column = exact ?? (bound?.kind === "column" ? bound.name : undefined);
  if (column === undefined) return { kind: "computed", name, bound: bound!, value: compileValue(bound!) };
  return isSystemColumn(schema, column) ? { kind: "system", name, column } : { kind: "stored", name, column };
}

function checkSelection(columns: unknown): void {
  if (columns === undefined) return;
  const values = Array.isArray(columns) ? columns : isRecord(columns) ? Object.values(columns) : [null];
  if (values.every((value) => typeof value === "string")) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `columns: expected an array of names, or an object of output names and SQL expressions, received ${JSON.stringify(columns)}`,
    { received: columns },
  );
}

function findField(schema: LanceSchema, name: string, shown = name): LanceField {
  const field = schema.fields.find((candidate) => candidate.name === name);
  if (field) return field;
  const known = schema.fields.map((candidate) => candidate.name);
  throw new LanceError(
    "INVALID_ARGUMENT",
    `no column "${shown}"; the table has ${known.join(", ")} (an expression goes into an object: { name: "sql" })`,
    { column: shown, known },
  );
}
