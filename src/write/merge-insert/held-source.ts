import { type Data, type RecordBatch, Vector } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { LanceField, LanceSchema } from "../../format/schema.ts";
import { checkArrowSchema } from "../../format/write/check-batch.ts";
import type { LanceFileVersion } from "../../format/write/file-writer.ts";
import { planColumns } from "../../format/write/leaf-column.ts";
import { findFirst } from "../../search-sorted.ts";
import { gatherData } from "../../table/rows/gather-data.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { type TabularData, toRecordBatches } from "../input/input.ts";
import { toInputSchema } from "../input/input-schema.ts";

/** The source of a merge, whole in memory: it is joined with the table, and read again when another writer was first. */
export interface HeldSource {
  readonly batches: readonly RecordBatch[];
  readonly numRows: number;
  /** Names of its columns, in its order. */
  readonly columns: readonly string[];
}

/**
 * Reads a source into memory. Rows given as objects have the columns that any of them names.
 * @throws SCHEMA_MISMATCH naming the columns there are, DIMENSION_MISMATCH, INVALID_ARGUMENT, CORRUPT, ABORTED
 */
export async function holdSource(
  data: TabularData,
  schema: LanceSchema,
  signal: AbortSignal | undefined,
): Promise<HeldSource> {
  const parts = await collectParts(data);
  const named = namesOfRows(parts);
  const fields = named === null ? null : pickFields(schema, named);
  const source = await toRecordBatches(parts as TabularData, {
    schema: toInputSchema(fields ?? schema.fields),
    signal,
  });
  const batches: RecordBatch[] = [];
  const giveWay = createGiveWay(signal);
  let numRows = 0;
  let columns: readonly string[] | undefined;
  for await (const batch of source.batches) {
    await giveWay();
    const names = batch.schema.fields.map((field) => field.name);
    columns ??= names;
    if (names.join("\n") !== columns.join("\n")) {
      throw new LanceError(
        "SCHEMA_MISMATCH",
        `mergeInsert: one part of the source has columns ${columns.join(", ")}, another ${names.join(", ")}; give all parts the same`,
        { expected: columns, received: names },
      );
    }
    batches.push(batch);
    numRows += batch.numRows;
  }
  return { batches, numRows, columns: columns ?? source.schema.fields.map((field) => field.name) };
}

/**
 * The table's fields a source gives, in the source's order.
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH naming the column that does not fit
 */
export function matchSourceFields(source: HeldSource, schema: LanceSchema, version: LanceFileVersion): LanceField[] {
  const fields = pickFields(schema, source.columns);
  const nullable = fields.map((field) => ({ ...field, nullable: true }));
  const { roots } = planColumns({ fields: nullable, metadata: {} }, version);
  for (const batch of source.batches) checkArrowSchema(batch.schema, roots);
  return fields;
}

/** Picks rows of a source by position, out of all its batches. */
export class SourceRows {
  readonly #source: HeldSource;
  /** First row of each batch. */
  readonly #starts: number[] = [];

  constructor(source: HeldSource) {
    this.#source = source;
    let start = 0;
    for (const batch of source.batches) {
      this.#starts.push(start);
      start += batch.numRows;
    }
  }

  /** One column of some rows, in the order given. One copy of the values. */
  gather(column: number, rows: Uint32Array): Data {
    const starts = this.#starts;
    const sources = new Uint32Array(rows.length);
    const local = new Uint32Array(rows.length);
    let at = 0;
    for (let i = 0; i < rows.length; i++) {
      const row = rows[i]!;
      if (row < starts[at]! || row >= (starts[at + 1] ?? Infinity)) at = findPart(starts, row);
      sources[i] = at;
      local[i] = row - starts[at]!;
    }
    return gatherData(
      this.#source.batches.map((batch) => batch.data.children[column]!),
      { rows: local, sources },
    );
  }

  /** One column of some rows as JavaScript values. */
  read(column: number, rows: Uint32Array): unknown[] {
    return [...new Vector([this.gather(column, rows)])];
  }

  /** A row's values of some columns as text, for messages. */
  describe(row: number, columns: readonly string[]): string {
    return columns
      .map((name) => {
        const [value] = this.read(this.#source.columns.indexOf(name), Uint32Array.of(row));
        return `${name} = ${typeof value === "string" ? JSON.stringify(value) : String(value)}`;
      })
      .join(", ");
  }
}

/** The last part that starts at or before a row. */
function findPart(starts: readonly number[], row: number): number {
  return findFirst(starts.length - 1, (i) => starts[i + 1]! > row);
}

/** What can be read once only is read now, so that the columns of all rows are known before any is converted. */
async function collectParts(data: TabularData): Promise<unknown> {
  if (typeof data !== "object" || data === null) return data;
  if (Symbol.asyncIterator in data || "getReader" in data) {
    const parts: unknown[] = [];
    const reader = "getReader" in data ? (data as ReadableStream<unknown>).getReader() : undefined;
    if (reader === undefined) for await (const part of data as AsyncIterable<unknown>) parts.push(part);
    else for (let next = await reader.read(); !next.done; next = await reader.read()) parts.push(next.value);
    return parts;
  }
  if (Array.isArray(data) || ArrayBuffer.isView(data) || !(Symbol.iterator in data) || "batches" in data) return data;
  if ("schema" in data && "data" in data) return data;
  return [...(data as Iterable<unknown>)];
}

/** Columns that rows name, or `null` where the data is Arrow's or there is no row. */
function namesOfRows(parts: unknown): string[] | null {
  const names = new Set<string>();
  const visit = (value: unknown): void => {
    if (!Array.isArray(value)) return;
    for (const item of value) {
      if (Array.isArray(item)) visit(item);
      else if (isRow(item)) for (const name of Object.keys(item)) names.add(name);
    }
  };
  visit(parts);
  return names.size === 0 ? null : [...names];
}

function isRow(value: unknown): value is object {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value) || value instanceof ArrayBuffer)
    return false;
  const { schema } = value as { schema?: { fields?: unknown } };
  return !Array.isArray(schema?.fields);
}

function pickFields(schema: LanceSchema, names: readonly string[]): LanceField[] {
  return names.map((name) => {
    const field = schema.fields.find((candidate) => candidate.name === name);
    if (field !== undefined) return field;
    const known = schema.fields.map((candidate) => candidate.name);
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `mergeInsert: the source has a column "${name}", the table has ${known.join(", ")}; leave it out, or add it to the table first`,
      { column: name, expected: known },
    );
  });
}
