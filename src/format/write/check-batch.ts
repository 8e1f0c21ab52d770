import type { RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { type ArrowData, type ArrowType, describeArrowType, offsetAt, validityOf } from "./arrow-data.ts";
import { decodeColumn } from "./decode-column.ts";
import { foldLargeType, type LeafColumn } from "./leaf-column.ts";

/**
 * The columns of a batch in the order of the file's, matched by name; `null` for a nullable column the batch lacks.
 * Nothing is written when a check fails.
 * @throws SCHEMA_MISMATCH naming the field, what was expected and what was received
 */
export function readBatchColumns(batch: RecordBatch, columns: readonly LeafColumn[]): (ArrowData | null)[] {
  checkArrowSchema(batch.schema, columns);
  const names = batch.schema.fields.map((field) => field.name);
  return columns.map((column) => {
    const index = names.indexOf(column.field.name);
    if (index < 0) {
      if (!column.field.nullable)
        fail(column.field.name, `a ${column.typeName} column (not nullable)`, "no such column");
      return null;
    }
    const data = batch.data.children[index] as unknown as ArrowData;
    return readColumn(data, column, batch.numRows);
  });
}

/**
 * Whether batches of this schema fit the file: every column known, of the right type, once; none missing that may not
 * be null. The order does not matter.
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH naming the field
 */
export function checkArrowSchema(schema: Schema, columns: readonly LeafColumn[]): void {
  const names = schema.fields.map((field) => field.name);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) !== i) fail(name, "one column of that name", "two of them");
    const column = columns.find((column) => column.field.name === name);
    if (!column) {
      const known = columns.map((column) => `"${column.field.name}"`).join(", ");
      fail(name, `one of the fields ${known}`, "a column the schema does not have");
    }
    checkType(column, schema.fields[i]!.type as unknown as ArrowType);
  }
  for (const { field, typeName } of columns) {
    if (field.nullable || names.includes(field.name)) continue;
    fail(field.name, `a ${typeName} column (not nullable)`, "no such column");
  }
}

function readColumn(data: ArrowData, column: LeafColumn, numRows: number): ArrowData {
  const { name } = column.field;
  checkType(column, data.type);
  if (data.length !== numRows) fail(name, `${numRows} rows, as the batch says`, `${data.length}`);
  const decoded = decodeColumn(data, column.item);
  const isNull = column.item.kind === "null" && !column.isList;
  const numNulls = isNull ? numRows : validityOf(decoded) ? decoded.nullCount : 0;
  if (numNulls > 0 && !column.field.nullable) fail(name, "no nulls (the field is not nullable)", `${numNulls} of them`);
  if (column.isList && !column.leaf.nullable) checkItems(decoded, column);
  return decoded;
}

function checkType(column: LeafColumn, type: ArrowType): void {
  const { field, item, typeName } = column;
  const received = describeArrowType(type);
  if (received !== undefined && foldLargeType(received) === typeName) return;
  const vector = /^fixed_size_list:(.+):(\d+)$/.exec(received ?? "");
  if (item.kind === "fixedSizeList" && vector && typeName === `fixed_size_list:${vector[1]}:${item.dimension}`) {
    const dimensions = { expected: item.dimension, received: Number(vector[2]) };
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `column "${field.name}" holds vectors of ${dimensions.expected} numbers, received vectors of ${dimensions.received}`,
      { field: field.name, ...dimensions },
    );
  }
  fail(field.name, typeName, received ?? String(type));
}

function checkItems(data: ArrowData, column: LeafColumn): void {
  const items = data.children[0]!;
  const validity = validityOf(items);
  if (!validity) return;
  const end = offsetAt(data, data.length);
  for (let i = offsetAt(data, 0); i < end; i++) {
    const bit = items.offset + i;
    if (((validity[bit >> 3]! >> (bit & 7)) & 1) === 0) {
      fail(column.field.name, "no null items (its item field is not nullable)", "a null item");
    }
  }
}

function fail(field: string, expected: string, received: string): never {
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `column "${field}" does not fit the schema: expected ${expected}, received ${received}`,
    { field, expected, received },
  );
}
