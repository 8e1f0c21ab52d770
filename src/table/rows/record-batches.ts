import { type Data, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { toArrowField } from "../../format/arrow-schema.ts";
import { toScanField } from "../../format/blob-field.ts";
import type { LanceField } from "../../format/schema.ts";

/** Arrow schema of some fields as scans give them, in their order. */
export function arrowSchemaOf(fields: readonly LanceField[]): Schema {
  return new Schema(fields.map((field) => toArrowField(toScanField(field))));
}

/** A record batch over columns of `numRows` rows each; `schema` may be without fields. */
export function makeBatch(schema: Schema, columns: readonly Data[], numRows: number): RecordBatch {
  const data = makeData({
    type: new Struct(schema.fields),
    length: numRows,
    nullCount: 0,
    children: columns as Data[],
  });
  return new RecordBatch(schema, data);
}
