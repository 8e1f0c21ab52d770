import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { type ArrowData, describeArrowType, offsetAt, validityOf } from "./arrow-data.ts";
import { decodeColumn } from "./decode-column.ts";
import { foldLargeType, type LeafColumn } from "./leaf-column.ts";

/**
 * The columns of a batch in the order of the file's, matched by name; `null` for a nullable column the batch lacks.
 * Nothing is written when a check fails.
 * @throws SCHEMA_MISMATCH naming the field, what was expected and what was received
 */
export function readBatchColumns(batch: RecordBatch, columns: readonly LeafColumn[]): (ArrowData | null)[] {
  const names = batch.schema.fields.map((field) => field.name);
  for (const [i, name] of names.entries()) {
    if (names.indexOf(name) !== i) fail(name, "one column of that name", "two of them");
    if (!columns.some((column) => column.field.name === name)) {
      const known = columns.map((column) => column.field.name);
      fail(
        name,
        `one of the fields ${known.map((known) => `"${known}"`).join(", ")}`,
        "a column the schema does not have",
      );
    }
  }
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

function readColumn(data: ArrowData, column: LeafColumn, numRows: number): ArrowData {
  const { name } = column.field;
  const received = describeArrowType(data.type);
  if (received === undefined || foldLargeType(received) !== column.typeName) {
    fail(name, column.typeName, received ?? String(data.type));
  }
  if (data.length !== numRows) fail(name, `${numRows} rows, as the batch says`, `${data.length}`);
  const decoded = decodeColumn(data, column.item);
  const isNull = column.item.kind === "null" && !column.isList;
  const numNulls = isNull ? numRows : validityOf(decoded) ? decoded.nullCount : 0;
  if (numNulls > 0 && !column.field.nullable) fail(name, "no nulls (the field is not nullable)", `${numNulls} of them`);
  if (column.isList && !column.leaf.nullable) checkItems(decoded, column);
  return decoded;
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
