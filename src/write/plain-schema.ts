import { Binary, type DataType, Field, LargeList, List, Schema, Utf8 } from "apache-arrow";
import type { ArrowType } from "../format/write/arrow-data.ts";

/**
 * The schema as it is stored: dictionary columns by the type of their values, views by the plain type. (Arrow's own
 * builders make dictionaries of all strings; Lance chooses dictionaries by page.)
 */
export function toPlainSchema(schema: Schema): Schema {
  return new Schema(schema.fields.map(toPlainField), schema.metadata);
}

function toPlainField(field: Field): Field {
  const type = toPlainType(field.type);
  return type === field.type ? field : new Field(field.name, type, field.nullable, field.metadata);
}

function toPlainType(type: DataType): DataType {
  const shape = type as unknown as ArrowType;
  switch (shape.typeId) {
    case -1:
      return toPlainType(shape.dictionary as unknown as DataType);
    case 23:
      return new Binary();
    case 24:
      return new Utf8();
    case 12:
    case 21: {
      const item = type.children![0]!;
      const plain = toPlainField(item);
      if (plain === item) return type;
      return shape.typeId === 12 ? new List(plain) : new LargeList(plain);
    }
    default:
      return type;
  }
}
