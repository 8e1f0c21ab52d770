import { type DataType, Field, type RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { bindValue } from "../../expr/bind.ts";
import { columnsOf } from "../../expr/bound.ts";
import { type CompiledValue, compileValue } from "../../expr/compile/value.ts";
import { parseExpression } from "../../expr/parse.ts";
import { fromArrowSchema } from "../../format/from-arrow-schema.ts";
import type { LanceField } from "../../format/schema.ts";
import { checkOptionNames } from "../../query/check-options.ts";
import { commitFiles } from "../../table/commit/commit-files.ts";
import { requireWritable } from "../../table/commit/publish.ts";
import { checkWriterFlags } from "../../table/manifest/feature-flags.ts";
import { nextFieldId } from "../../table/manifest/field-ids.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { callGuarded } from "../../tasks/guard-callback.ts";
import { commitMerge } from "../columns/commit-columns.ts";
import { type Computation, computeColumns } from "../columns/compute-columns.ts";
import { resolveFieldPath } from "../columns/field-path.ts";
import { type ColumnFunctionResult, readFunctionResult } from "../columns/udf-result.ts";
import { writeColumns } from "../columns/write-columns.ts";
import { toPlainSchema } from "../input/plain-schema.ts";
import { CONFLICT_KEYS, type ConflictOptions, retryConflicts } from "../retry-conflicts.ts";
import { checkColumnNames } from "./check-column-names.ts";

/** A function from some live rows to the values of new columns for them, in the same order. */
export type ColumnFunction = (batch: RecordBatch) => ColumnFunctionResult | Promise<ColumnFunctionResult>;

/**
 * The columns to add: SQL expressions by name; Arrow fields, which are null in every row and cost no data; or a function
 * over batches.
 */
export type NewColumns = Readonly<Record<string, string>> | Field | readonly Field[] | Schema | ColumnFunction;

/** How columns are added. */
export interface AddColumnsOptions extends ConflictOptions {
  /** With a function: the columns it is given. Default all. */
  readonly readColumns?: readonly string[] | undefined;
  /** With a function: the columns it gives. Told from its first result where it is left out. */
  readonly schema?: Schema | undefined;
  /** With a function: most rows it is given at once. Default 8,192. */
  readonly batchSize?: number | undefined;
  readonly onProgress?:
    | ((progress: { readonly fragments: number; readonly totalFragments: number }) => void)
    | undefined;
}

const OPTION_KEYS = new Set<string>([
  ...CONFLICT_KEYS,
  ...(["readColumns", "schema", "batchSize", "onProgress"] satisfies (keyof AddColumnsOptions)[]),
]);

/**
 * Adds columns. Null columns change the schema only; others are written to new files beside the old ones, one per
 * fragment, streaming. Expressions and functions see live rows only; a function sees them in order. When another writer changed data meanwhile, the
 * columns are computed again.
 *
 * @throws INVALID_ARGUMENT (a name there is, a null column that may not be null, an expression), SCHEMA_MISMATCH,
 * UNSUPPORTED, COMMIT_CONFLICT, QUOTA_EXCEEDED, IO, ABORTED, and what the function throws; the table is then as it was
 */
export async function addColumns(
  snapshot: Snapshot,
  columns: NewColumns,
  options: AddColumnsOptions = {},
): Promise<Snapshot> {
  checkOptionNames(options, OPTION_KEYS, "addColumns");
  const attempt = (current: Snapshot): Promise<Snapshot> => {
    checkWriterFlags(current.manifest);
    requireWritable(current.store, current.uri);
    if (typeof columns === "function") return addComputed(current, planFunction(current, columns, options), options);
    if (typeof columns !== "object" || columns === null) throw unknownSpec(columns);
    const fields = listFields(columns);
    if (fields !== null) return addNulls(current, fields, options);
    return addComputed(
      current,
      planExpressions(current, columns as Readonly<Record<string, string>>, options),
      options,
    );
  };
  return retryConflicts(snapshot, attempt, options);
}

async function addNulls(snapshot: Snapshot, fields: readonly Field[], options: AddColumnsOptions): Promise<Snapshot> {
  const added = makeFields(snapshot, new Schema([...fields]));
  const required = added.find((field) => !field.nullable);
  if (required !== undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `addColumns: column "${required.name}" would be null in every row, and may not be null; make it nullable, or give it a value by an expression`,
      { column: required.name },
    );
  }
  const fragments = snapshot.fragments.map((fragment) => fragment.proto);
  const { signal } = options;
  const change = { fields: [...snapshot.schema.fields, ...added], fragments };
  return commitMerge(snapshot, change, { preservesNullability: true, signal });
}

async function addComputed(
  snapshot: Snapshot,
  computation: Computation,
  options: AddColumnsOptions,
): Promise<Snapshot> {
  const store = requireWritable(snapshot.store, snapshot.uri);
  const { signal, onProgress } = options;
  let added: readonly LanceField[] | undefined;
  const fieldsOf = (schema: Schema) => (added ??= makeFields(snapshot, schema));
  const written = await writeColumns(snapshot, store, {
    fields: () => added!,
    async *makeBatches(fragment) {
      for await (const batch of computeColumns(snapshot, fragment, computation)) {
        fieldsOf(batch.schema);
        yield batch;
      }
    },
    // A function hears of rows in their order, one batch at a time.
    inOrder: computation.isOrdered,
    signal,
    onFragment: (fragments) =>
      callGuarded("onProgress", onProgress, { fragments, totalFragments: snapshot.fragments.length }),
  });
  return commitFiles(store, written.paths, () => {
    const fields = fieldsOf(computation.resultSchema());
    const preservesNullability = fields.every((field) => field.nullable);
    const change = { fields: [...snapshot.schema.fields, ...fields], fragments: written.fragments };
    return commitMerge(snapshot, change, { preservesNullability, signal });
  });
}

function planExpressions(
  snapshot: Snapshot,
  expressions: Readonly<Record<string, string>>,
  options: AddColumnsOptions,
): Computation {
  const names = new Set<string>();
  const values: CompiledValue[] = [];
  const fields: Field[] = [];
  for (const [name, sql] of Object.entries(expressions)) {
    if (typeof sql !== "string") throw unknownSpec(sql, name);
    const bound = bindValue(parseExpression(sql), snapshot.schema);
    for (const column of columnsOf(bound)) names.add(column);
    const value = compileValue(bound);
    values.push(value);
    fields.push(new Field(name, value.type, value.nullable));
  }
  if (fields.length === 0) throw unknownSpec(expressions);
  const schema = toPlainSchema(new Schema(fields));
  makeFields(snapshot, schema);
  return {
    readFields: snapshot.schema.fields.filter((field) => names.has(field.name)),
    compute: async (batch) => ({ schema, columns: values.map((value) => value.evaluate(batch)) }),
    resultSchema: () => schema,
    signal: options.signal,
  };
}

function planFunction(snapshot: Snapshot, compute: ColumnFunction, options: AddColumnsOptions): Computation {
  const { readColumns, batchSize, signal } = options;
  const { fields } = snapshot.schema;
  if (batchSize !== undefined && !(Number.isSafeInteger(batchSize) && batchSize >= 1)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `batchSize: expected a whole number of at least 1, received ${batchSize}`,
      {
        batchSize,
      },
    );
  }
  let schema = options.schema;
  if (schema !== undefined) makeFields(snapshot, schema);
  return {
    readFields: readColumns === undefined ? fields : readColumns.map((name) => findTopField(snapshot, name)),
    async compute(batch) {
      const result = await readFunctionResult(await compute(batch), batch.numRows, schema);
      if (schema === undefined) {
        schema = result.schema;
        makeFields(snapshot, schema);
      }
      return { schema: toPlainSchema(result.schema), columns: result.columns };
    },
    resultSchema() {
      if (schema !== undefined) return toPlainSchema(schema);
      throw new LanceError(
        "INVALID_ARGUMENT",
        "addColumns: no row tells what columns the function gives; pass them as schema (an apache-arrow Schema)",
        {},
      );
    },
    batchRows: batchSize,
    isOrdered: true,
    signal,
  };
}

function findTopField(snapshot: Snapshot, name: string): LanceField {
  return resolveFieldPath(snapshot.schema, name)[0]!;
}

/** New fields with ids of their own. @throws INVALID_ARGUMENT for a name that is taken or not allowed */
function makeFields(snapshot: Snapshot, schema: Schema): readonly LanceField[] {
  const { fields } = fromArrowSchema(toPlainSchema(schema), { firstFieldId: nextFieldId(snapshot.manifest) });
  const known = new Set(snapshot.schema.fields.map((field) => field.name));
  const taken = fields.find((field) => known.has(field.name));
  if (taken !== undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `addColumns: the table has a column "${taken.name}"; choose another name, or drop that one first`,
      { column: taken.name },
    );
  }
  checkColumnNames([...snapshot.schema.fields, ...fields]);
  return fields;
}

/** Fields of a null column spec; `null` when it is expressions by name. By shape, since Arrow may be there twice. */
function listFields(columns: object): readonly Field[] | null {
  if (isField(columns)) return [columns];
  if ("fields" in columns && Array.isArray(columns.fields)) return columns.fields as Field[];
  if (!Array.isArray(columns)) return null;
  const odd = columns.find((each) => !isField(each));
  if (odd !== undefined || columns.length === 0) throw unknownSpec(odd);
  return columns;
}

function isField(value: unknown): value is Field {
  const { name, type } = (value ?? {}) as { name?: unknown; type?: Partial<DataType> };
  return typeof name === "string" && typeof type?.typeId === "number";
}

function unknownSpec(received: unknown, column?: string): LanceError {
  const where = column === undefined ? "" : ` for "${column}"`;
  return new LanceError(
    "INVALID_ARGUMENT",
    `addColumns: expected SQL expressions by name ({ twice: "size * 2" }), Arrow fields, or a function over batches; received ${JSON.stringify(received)}${where}`,
    column === undefined ? {} : { column },
  );
}
