import { type Data, type Field, makeData, RecordBatch, type Schema, Struct } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { buildField } from "./build-values.ts";
import type { Row } from "./input.ts";

/** Rows per batch: a few MB of vectors, so that conversion never holds much. */
const BATCH_ROWS = 8192;

/**
 * Converts rows to record batches of a schema, lazily.
 * @throws SCHEMA_MISMATCH naming row and column, DIMENSION_MISMATCH, UNSUPPORTED (a type rows cannot be converted to)
 */
export function* buildBatches(rows: readonly Row[], schema: Schema): Generator<RecordBatch, undefined, undefined> {
  const known = new Set(schema.fields.map((field) => field.name));
  for (let start = 0; start < rows.length; start += BATCH_ROWS) {
    const slice = rows.slice(start, start + BATCH_ROWS);
    for (const [i, row] of slice.entries()) {
      for (const name of Object.keys(row)) {
        if (known.has(name)) continue;
        throw new LanceError(
          "SCHEMA_MISMATCH",
          `row ${start + i} has a value for "${name}", which is not in the schema; its columns are ${[...known].join(", ")}`,
          { row: start + i, column: name, expected: [...known] },
        );
      }
    }
    const children = schema.fields.map((field) => buildColumn(field, slice, start));
    const type = new Struct(schema.fields);
    yield new RecordBatch(schema, makeData({ type, length: slice.length, nullCount: 0, children }));
  }
}

function buildColumn(field: Field, rows: readonly Row[], firstRow: number): Data {
  const values = rows.map((row) => row[field.name]);
  return buildField(field, values, {
    fail: (index, expected, code = "SCHEMA_MISMATCH", refused) => {
      const value = refused ? refused.value : values[index];
      const received = value == null ? "no value" : describeValue(value);
      const column = `${field.name}${refused?.path ?? ""}`;
      throw new LanceError(
        code,
        `row ${firstRow + index}, column "${column}": expected ${expected}, received ${received}`,
        { row: firstRow + index, column, expected, received },
      );
    },
  });
}

function describeValue(value: unknown): string {
  if (typeof value === "string")
    return `the string ${JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value)}`;
  if (typeof value === "number" || typeof value === "bigint" || typeof value === "boolean")
    return `${typeof value} ${value}`;
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    return `${Object.prototype.toString.call(value).slice(8, -1)} of ${(value as unknown as ArrayLike<unknown>).length}`;
  }
  return Object.prototype.toString.call(value).slice(8, -1);
}
