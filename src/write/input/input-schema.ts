import { type DataType, Field, LargeBinary, Schema } from "apache-arrow";
import { toArrowField, toArrowType } from "../../format/arrow-schema.ts";
import { blobVersion } from "../../format/blob-field.ts";
import type { LanceField } from "../../format/schema.ts";

/** The type that values of a field are given in: blobs as bytes, whatever the table keeps of them. */
export function toInputType(field: LanceField): DataType {
  return blobVersion(field) === undefined ? toArrowType(field) : new LargeBinary();
}

/** The schema rows of these fields are converted to. */
export function toInputSchema(fields: readonly LanceField[]): Schema {
  return new Schema(
    fields.map((field) =>
      blobVersion(field) === undefined ? toArrowField(field) : new Field(field.name, new LargeBinary(), field.nullable),
    ),
  );
}
