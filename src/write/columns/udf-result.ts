import type { Data, DataType, Field, RecordBatch, Schema, Table, Vector } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { gatherData } from "../../table/rows/gather-data.ts";
import { type TabularData, toRecordBatches } from "../input/input.ts";

/** What a function over a batch may give: Arrow data, rows, or columns by name. */
export type ColumnFunctionResult =
  | Table
  | RecordBatch
  | readonly object[]
  | Readonly<Record<string, Vector | ArrayLike<unknown>>>;

/** New columns of one batch. */
export interface ComputedColumns {
  readonly schema: Schema;
  readonly columns: readonly Data[];
}

/**
 * Reads what a function over a batch gave.
 *
 * @param schema the types values that are not Arrow's are converted to; told from the values where it is left out
 * @throws INVALID_ARGUMENT (no columns, another number of rows), SCHEMA_MISMATCH (other columns than `schema` has)
 */
export async function readFunctionResult(
  result: ColumnFunctionResult,
  numRows: number,
  schema: Schema | undefined,
): Promise<ComputedColumns> {
  const source = await toRecordBatches(toTabular(result, numRows), { schema });
  const batches: RecordBatch[] = [];
  for await (const batch of source.batches) batches.push(batch);
  const received = batches.reduce((sum, batch) => sum + batch.numRows, 0);
  const found = batches[0]?.schema ?? source.schema;
  if (found.fields.length === 0 || received !== numRows) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `addColumns: the function gave ${received} rows of ${found.fields.length} columns; expected one row for each of the ${numRows} it was given, and at least one column`,
      { expected: numRows, received },
    );
  }
  if (schema !== undefined) checkSameColumns(schema, found);
  const columns = found.fields.map((_, i) => joinColumn(batches.map((batch) => batch.data.children[i]!)));
  return { schema: found, columns };
}

function toTabular(result: ColumnFunctionResult, numRows: number): TabularData {
  if (typeof result !== "object" || result === null) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `addColumns: the function gave ${String(result)}; expected an Arrow table or batch, rows, or columns by name`,
      { received: String(result) },
    );
  }
  if (Array.isArray(result) || "schema" in result) return result as TabularData;
  const columns = Object.entries(result as Readonly<Record<string, Vector | ArrayLike<unknown>>>);
  const odd = columns.find(([, values]) => values?.length !== numRows);
  if (odd !== undefined) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `addColumns: the function gave ${odd[1]?.length ?? "no"} values for "${odd[0]}"; expected ${numRows}, one for each row it was given`,
      { column: odd[0], expected: numRows },
    );
  }
  return Array.from({ length: numRows }, (_, row) =>
    Object.fromEntries(columns.map(([name, values]) => [name, isVector(values) ? values.get(row) : values[row]])),
  );
}

function isVector(values: Vector | ArrayLike<unknown>): values is Vector {
  return typeof (values as Vector).get === "function";
}

function joinColumn(parts: readonly Data[]): Data {
  if (parts.length === 1) return parts[0]!;
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const rows = new Uint32Array(length);
  const sources = new Uint32Array(length);
  let at = 0;
  for (const [source, part] of parts.entries()) {
    for (let row = 0; row < part.length; row++, at++) {
      rows[at] = row;
      sources[at] = source;
    }
  }
  return gatherData(parts, { rows, sources });
}

function checkSameColumns(expected: Schema, received: Schema): void {
  const describe = (schema: Schema) =>
    schema.fields.map((field: Field) => `${field.name}: ${String(field.type as DataType)}`).join(", ");
  if (describe(expected) === describe(received)) return;
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `addColumns: the function gave ${describe(received)}; expected ${describe(expected)}, as before`,
    { expected: describe(expected), received: describe(received) },
  );
}
