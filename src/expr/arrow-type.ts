import {
  Binary,
  Bool,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
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
  Null,
  Schema,
  Struct,
  Time,
  Timestamp,
  Utf8,
} from "apache-arrow";
import { LanceError } from "../errors.ts";
import { toArrowField, toArrowUnit } from "../format/arrow-schema.ts";
import { fromArrowSchema } from "../format/from-arrow-schema.ts";
import { type BoundExpression, typeOf } from "./bound.ts";
import { readFieldType, timeBits, type ValueType } from "./value-type.ts";

/** The Arrow type of an expression's result. A column or a field keeps the type it is stored in, dictionaries too. */
export function arrowTypeOf(bound: BoundExpression): DataType {
  if (bound.kind === "column" || bound.kind === "field") return toArrowField(bound.field).type;
  return toArrowValueType(typeOf(bound));
}

/** The Arrow type of a value type. @throws UNSUPPORTED for what no expression makes */
export function toArrowValueType(type: ValueType): DataType {
  switch (type.kind) {
    case "null":
      return new Null();
    case "boolean":
      return new Bool();
    case "int":
      return new Int(type.signed, type.bits);
    case "float":
      return type.bits === 16 ? new Float16() : type.bits === 32 ? new Float32() : new Float64();
    case "utf8":
      return type.large ? new LargeUtf8() : new Utf8();
    case "binary":
      return type.large ? new LargeBinary() : new Binary();
    case "fixedBinary":
      return new FixedSizeBinary(type.width);
    case "date":
      return type.unit === "day" ? new DateDay() : new DateMillisecond();
    case "time":
      return new Time(toArrowUnit(type.unit), timeBits(type.unit));
    case "timestamp":
      return new Timestamp(toArrowUnit(type.unit), type.timezone);
    case "duration":
      return new Duration(toArrowUnit(type.unit));
    case "decimal":
      return new Decimal(type.scale, type.precision, type.bits);
    case "list": {
      const item = new Field("item", toArrowValueType(type.item), true);
      if (typeof type.form === "number") return new FixedSizeList(type.form, item);
      return type.form === "list" ? new List(item) : new LargeList(item);
    }
    case "struct":
      return new Struct(type.fields.map(toArrowField));
    case "other":
      throw new LanceError("UNSUPPORTED", `an expression cannot compute a value of type ${type.logicalType}`, {
        received: type.logicalType,
      });
  }
}

/** The value type of an Arrow type. @throws UNSUPPORTED for a type Lance does not store */
export function fromArrowType(type: DataType): ValueType {
  return readFieldType(fromArrowSchema(new Schema([new Field("value", type, true)])).fields[0]!);
}
