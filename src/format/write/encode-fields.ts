import { clone, create } from "@bufbuild/protobuf";
import { type Field as FieldProto, FieldSchema } from "../../proto/gen/lance/file_pb.ts";
import type { LanceField, LanceSchema } from "../schema.ts";

/** A schema tree as the list of the format: parents before children. */
export function encodeFields(schema: LanceSchema): FieldProto[] {
  const list: FieldProto[] = [];
  const visit = (field: LanceField) => {
    const message = field.proto ? clone(FieldSchema, field.proto) : create(FieldSchema);
    const { id, parentId, name, logicalType, nullable } = field;
    list.push(Object.assign(message, { id, parentId, name, logicalType, nullable, metadata: { ...field.metadata } }));
    for (const child of field.children) visit(child);
  };
  for (const field of schema.fields) visit(field);
  return list;
}
