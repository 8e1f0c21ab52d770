import {
  Binary,
  type DataType,
  Field,
  FixedSizeList,
  LargeList,
  List,
  Map_,
  Schema,
  Struct,
  Type,
  Utf8,
} from "apache-arrow";

/** Values of dictionaries that Lance has a name for. */
const DICTIONARY_VALUES: readonly number[] = [
  Type.Int,
  Type.Float,
  Type.Bool,
  Type.Utf8,
  Type.LargeUtf8,
  Type.Binary,
  Type.LargeBinary,
];

/**
 * The schema as it is stored: views by the plain type, also at any depth; dictionaries of values that Lance has no
 * dictionary type for, dates say, by the type of the values.
 */
export function toPlainSchema(schema: Schema): Schema {
  return new Schema(schema.fields.map(toPlainField), schema.metadata);
}

function toPlainField(field: Field): Field {
  const type = toPlainType(field.type);
  return type === field.type ? field : new Field(field.name, type, field.nullable, field.metadata);
}

// By type id: the schema may be of another copy of Arrow.
function toPlainType(type: DataType): DataType {
  switch (type.typeId as number) {
    case Type.Dictionary: {
      const { dictionary } = type as unknown as { dictionary: DataType };
      return DICTIONARY_VALUES.includes(dictionary.typeId) ? type : toPlainType(dictionary);
    }
    case Type.BinaryView:
      return new Binary();
    case Type.Utf8View:
      return new Utf8();
  }
  const children = type.children ?? [];
  const plain = children.map(toPlainField);
  if (plain.every((child, i) => child === children[i])) return type;
  const [item] = plain;
  switch (type.typeId as number) {
    case Type.List:
      return new List(item!);
    case Type.LargeList:
      return new LargeList(item!);
    case Type.FixedSizeList:
      return new FixedSizeList((type as FixedSizeList).listSize, item!);
    case Type.Map:
      return new Map_(item as never, (type as Map_).keysSorted);
    case Type.Struct:
      return new Struct(plain);
    default:
      return type;
  }
}
