import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  Schema,
  Struct,
  Time,
  Timestamp,
  type TimeUnit,
  Utf8,
} from "apache-arrow";
import { LanceError } from "../errors.ts";
import { type LogicalType, parseLogicalType, TIME_UNITS, type TimeUnitName } from "./logical-type.ts";
import type { LanceField, LanceSchema } from "./schema.ts";

/** Arrow's number for a unit. */
export function toArrowUnit(unit: TimeUnitName): TimeUnit {
  return TIME_UNITS.indexOf(unit);
}

/** The Arrow field of a Lance field, children and metadata included. @throws UNSUPPORTED for an unknown type */
export function toArrowField(field: LanceField): Field {
  const metadata = new Map(Object.entries(field.metadata).map(([key, value]) => [key, decodeText(value)]));
  // Stored as JSONB, given as text: Arrow's own extension for that.
  if (field.logicalType === "json") metadata.set("ARROW:extension:name", "arrow.json");
  return new Field(field.name, toArrowType(field), field.nullable, metadata);
}

/** The Arrow schema of a Lance schema. @throws UNSUPPORTED for an unknown type */
export function toArrowSchema(schema: LanceSchema): Schema {
  const metadata = new Map(Object.entries(schema.metadata).map(([key, value]) => [key, decodeText(value)]));
  return new Schema(schema.fields.map(toArrowField), metadata);
}

/** The Arrow type of a Lance field. @throws UNSUPPORTED for an unknown type, CORRUPT for missing children */
export function toArrowType(field: LanceField): DataType {
  const logical = parseLogicalType(field.logicalType);
  switch (logical.kind) {
    case "struct":
      return new Struct(field.children.map(toArrowField));
    case "list":
      return new List(toArrowField(onlyChild(field)));
    case "large_list":
      return new LargeList(toArrowField(onlyChild(field)));
    case "map": {
      const entries = toArrowField(onlyChild(field));
      return new Map_(entries as Field<Struct<{ key: DataType; value: DataType }>>);
    }
    case "blob":
      return field.children.length > 0 ? new Struct(field.children.map(toArrowField)) : new LargeBinary();
    case "fixed_size_list":
      // Lists of structs keep their item as a field of its own.
      if (logical.item.kind === "struct") return new FixedSizeList(logical.size, toArrowField(onlyChild(field)));
      return toLeafType(logical);
    default:
      return toLeafType(logical);
  }
}

function onlyChild(field: LanceField): LanceField {
  const [child] = field.children;
  if (!child || field.children.length !== 1) {
    throw new LanceError(
      "CORRUPT",
      `schema: field "${field.name}" of type ${field.logicalType} has ${field.children.length} children, expected 1`,
      { field: field.name },
    );
  }
  return child;
}

/** Arrow has no bfloat16: its items are two bytes of an extension, which only the item's field can say. */
function itemMetadata(item: LogicalType): Map<string, string> {
  return new Map(item.kind === "bfloat16" ? [["ARROW:extension:name", "lance.bfloat16"]] : []);
}

/** Arrow type of a logical type that needs no child fields. */
function toLeafType(logical: LogicalType): DataType {
  switch (logical.kind) {
    case "null":
      return new Null();
    case "bool":
      return new Bool();
    case "string":
    case "json":
      return new Utf8();
    case "large_string":
      return new LargeUtf8();
    case "binary":
      return new Binary();
    case "large_binary":
    case "blob":
      return new LargeBinary();
    case "int":
      return new Int(logical.signed, logical.bits);
    case "float":
      return logical.bits === 16 ? new Float16() : logical.bits === 32 ? new Float32() : new Float64();
    case "bfloat16":
      return new FixedSizeBinary(2);
    case "fixed_size_binary":
      return new FixedSizeBinary(logical.byteWidth);
    case "date":
      return logical.unit === "day" ? new DateDay() : new DateMillisecond();
    case "time":
      return new Time(toArrowUnit(logical.unit), logical.bits);
    case "duration":
      return new Duration(toArrowUnit(logical.unit));
    case "timestamp":
      return new Timestamp(toArrowUnit(logical.unit), logical.timezone);
    case "decimal":
      return new Decimal(logical.scale, logical.precision, logical.bits);
    case "fixed_size_list":
      return new FixedSizeList(
        logical.size,
        new Field("item", toLeafType(logical.item), true, itemMetadata(logical.item)),
      );
    case "dictionary": {
      const index = toLeafType(logical.index);
      if (!(index instanceof Int)) break;
      return new Dictionary(toLeafType(logical.value), index as never);
    }
  }
  throw new LanceError("UNSUPPORTED", `a ${logical.kind} cannot stand here in a type`, { kind: logical.kind });
}

function decodeText(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
