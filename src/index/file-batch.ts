import { type Data, makeData, RecordBatch, type Schema, Struct } from "apache-arrow";
import type { LanceField } from "../format/schema.ts";

/** A top-level field of an index file. */
export function createIndexField(id: number, name: string, logicalType: string, nullable: boolean): LanceField {
  return { id, parentId: -1, name, logicalType, nullable, metadata: {}, children: [] };
}

/** Columns of equal length as one record batch. No copy. */
export function createBatch(schema: Schema, length: number, children: Data[]): RecordBatch {
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, nullCount: 0, children }));
}
