import { type DataType, type Field, Precision, type Schema, TimeUnit, Type } from "apache-arrow";
import type { LanceSchema } from "../../src/format/schema.ts";

const UNITS: Readonly<Record<number, string>> = {
  [TimeUnit.SECOND]: "s",
  [TimeUnit.MILLISECOND]: "ms",
  [TimeUnit.MICROSECOND]: "us",
  [TimeUnit.NANOSECOND]: "ns",
};

/** Lance's logical type of the Arrow types these tests use; others get a name no filter can compare. */
export function logicalTypeOf(type: DataType): string {
  const anyType = type as DataType & Record<string, unknown>;
  switch (type.typeId) {
    case Type.Null:
      return "null";
    case Type.Bool:
      return "bool";
    case Type.Utf8:
      return "string";
    case Type.LargeUtf8:
      return "large_string";
    case Type.Int:
      return `${anyType.isSigned ? "" : "u"}int${anyType.bitWidth}`;
    case Type.Float:
      return { [Precision.HALF]: "halffloat", [Precision.SINGLE]: "float", [Precision.DOUBLE]: "double" }[
        anyType.precision as Precision
      ]!;
    case Type.Date:
      return anyType.unit === 0 ? "date32:day" : "date64:ms";
    case Type.Timestamp:
      return `timestamp:${UNITS[anyType.unit as number]}:${(anyType.timezone as string | null | undefined) || "-"}`;
    default:
      return String(type).toLowerCase();
  }
}

/** A Lance schema of an Arrow schema's top-level fields. */
export function toSchema(schema: Schema): LanceSchema {
  return {
    metadata: {},
    fields: schema.fields.map((field: Field, id) => ({
      id,
      parentId: -1,
      name: field.name,
      logicalType: logicalTypeOf(field.type),
      nullable: field.nullable,
      metadata: {},
      children: [],
    })),
  };
}

/** A Lance schema of names and logical types. */
export function schemaOf(types: Readonly<Record<string, string>>): LanceSchema {
  return {
    metadata: {},
    fields: Object.entries(types).map(([name, logicalType], id) => ({
      id,
      parentId: -1,
      name,
      logicalType,
      nullable: true,
      metadata: {},
      children: [],
    })),
  };
}
