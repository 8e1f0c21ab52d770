import {
  Binary,
  Bool,
  Data,
  DataType,
  Date_,
  Decimal,
  Dictionary,
  Duration,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float,
  Int,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  Map_,
  Null,
  RecordBatch,
  Schema,
  Struct,
  Time,
  Timestamp,
  Type,
  Utf8,
  Vector,
} from "apache-arrow";

/**
 * A schema made of this copy of apache-arrow: arrays cannot be built of the types of another. One of this copy is given
 * back as it is. Types without a counterpart here stay, and are refused by what meets them.
 */
export function adoptSchema(schema: Schema): Schema {
  if (isOwn(Schema, schema) && schema.fields.every(({ type }) => isOwn(DataType, type))) return schema;
  return new Schema(schema.fields.map(adoptField), new Map(schema.metadata));
}

/** A batch made of this copy of apache-arrow. No value is copied. */
export function adoptBatch(batch: RecordBatch): RecordBatch {
  const { data } = batch;
  if (isOwn(RecordBatch, batch) && data.children.every(({ type }) => isOwn(DataType, type))) return batch;
  const schema = adoptSchema(batch.schema);
  const children = data.children.map((child, i) => adoptData(child, schema.fields[i]!.type));
  const type = new Struct(schema.fields);
  return new RecordBatch(schema, new Data(type, 0, batch.numRows, 0, undefined, children) as Data<Struct>);
}

/** `instanceof` of apache-arrow goes by shape, and says yes to every copy. */
function isOwn(Class: { readonly prototype: object }, value: object): boolean {
  return Object.prototype.isPrototypeOf.call(Class.prototype, value);
}

function adoptField(field: Field): Field {
  return new Field(field.name, adoptType(field.type), field.nullable, new Map(field.metadata));
}

function adoptData(data: Data, type: DataType = adoptType(data.type)): Data {
  const { valueOffsets, values, nullBitmap, typeIds } = data;
  const children = data.children.map((child, i) => adoptData(child, type.children?.[i]?.type));
  const dictionary = data.dictionary && new Vector(data.dictionary.data.map((chunk) => adoptData(chunk as Data)));
  const buffers = [valueOffsets, values, nullBitmap, typeIds] as never;
  return new Data(type, data.offset, data.length, data.nullCount, buffers, children, dictionary);
}

/** The properties types differ in, read by shape. */
interface TypeParts {
  readonly isSigned: boolean;
  readonly bitWidth: never;
  readonly precision: never;
  readonly scale: number;
  readonly unit: never;
  readonly timezone: string | null;
  readonly byteWidth: number;
  readonly listSize: number;
  readonly keysSorted: boolean;
  readonly dictionary: DataType;
  readonly indices: DataType;
  readonly id: number;
  readonly isOrdered: boolean;
}

function adoptType(foreign: DataType): DataType {
  if (isOwn(DataType, foreign)) return foreign;
  const type = foreign as DataType & TypeParts;
  const children = (type.children ?? []).map(adoptField);
  switch (foreign.typeId as Type) {
    case Type.Null:
      return new Null();
    case Type.Bool:
      return new Bool();
    case Type.Int:
      return new Int(type.isSigned, type.bitWidth);
    case Type.Float:
      return new Float(type.precision);
    case Type.Decimal:
      return new Decimal(type.scale, type.precision, type.bitWidth);
    case Type.Utf8:
      return new Utf8();
    case Type.LargeUtf8:
      return new LargeUtf8();
    case Type.Binary:
      return new Binary();
    case Type.LargeBinary:
      return new LargeBinary();
    case Type.FixedSizeBinary:
      return new FixedSizeBinary(type.byteWidth);
    case Type.Date:
      return new Date_(type.unit);
    case Type.Time:
      return new Time(type.unit, type.bitWidth);
    case Type.Timestamp:
      return new Timestamp(type.unit, type.timezone);
    case Type.Duration:
      return new Duration(type.unit);
    case Type.List:
      return new List(children[0]!);
    case Type.LargeList:
      return new LargeList(children[0]!);
    case Type.FixedSizeList:
      return new FixedSizeList(type.listSize, children[0]!);
    case Type.Map:
      return new Map_(children[0] as never, type.keysSorted);
    case Type.Struct:
      return new Struct(children);
    case Type.Dictionary:
      return new Dictionary(adoptType(type.dictionary), adoptType(type.indices) as never, type.id, type.isOrdered);
    default:
      return foreign;
  }
}
