import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  DurationMicrosecond,
  Field,
  FixedSizeBinary,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  LargeBinary,
  LargeList,
  LargeUtf8,
  List,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  TimeMillisecond,
  TimeNanosecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import type { LanceField, LanceSchema } from "../../src/format/schema.ts";
import { type ArrowType, describeArrowType } from "../../src/format/write/arrow-data.ts";

/** Deterministic numbers in [0, 1). */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let x = Math.imul(state ^ (state >>> 15), 1 | state);
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x;
    return ((x ^ (x >>> 14)) >>> 0) / 4294967296;
  };
}

const item = (type: DataType, nullable = true) => new Field("item", type, nullable);

/** Every type the writer takes. */
export const ALL_TYPES: Readonly<Record<string, DataType>> = {
  i8: new Int8(),
  i16: new Int16(),
  i32: new Int32(),
  i64: new Int64(),
  u8: new Uint8(),
  u16: new Uint16(),
  u32: new Uint32(),
  u64: new Uint64(),
  f16: new Float16(),
  f32: new Float32(),
  f64: new Float64(),
  bool: new Bool(),
  utf8: new Utf8(),
  large_utf8: new LargeUtf8(),
  binary: new Binary(),
  large_binary: new LargeBinary(),
  date32: new DateDay(),
  date64: new DateMillisecond(),
  time32: new TimeMillisecond(),
  time64: new TimeNanosecond(),
  ts_us: new TimestampMicrosecond(),
  ts_ms_utc: new TimestampMillisecond("UTC"),
  duration: new DurationMicrosecond(),
  fsb5: new FixedSizeBinary(5),
  fsb300: new FixedSizeBinary(300),
  dec128: new Decimal(4, 30, 128),
  dec256: new Decimal(4, 60, 256),
  nothing: new Null(),
  list_utf8: new List(item(new Utf8())),
  list_u32: new List(item(new Uint32())),
  list_binary: new List(item(new Binary())),
  list_bool: new List(item(new Bool())),
  large_list_i64: new LargeList(item(new Int64())),
  list_u8_required: new List(item(new Uint8(), false)),
  list_fsl: new List(item(new FixedSizeList(100, item(new Float32())))),
  fsl_small: new FixedSizeList(3, item(new Int16())),
  fsl_f32_128: new FixedSizeList(128, item(new Float32())),
  fsl_required: new FixedSizeList(16, item(new Float32(), false)),
  fsl_f16: new FixedSizeList(9, item(new Float16())),
};

export type NullPattern = "none" | "some" | "most" | "all" | "runs";
export const NULL_PATTERNS: readonly NullPattern[] = ["none", "some", "most", "all", "runs"];

interface Shape {
  random: () => number;
  pattern: NullPattern;
  /** Longest string. */
  maxLength: number;
}

/** A column of random values, sliced out of a longer one so that every offset counts. */
export function makeColumn(type: DataType, numRows: number, shape: Shape): Data {
  const lead = Math.floor(shape.random() * 20);
  const data = makeWhole(type, numRows + lead, shape);
  return lead === 0 ? data : (data.slice(lead, numRows) as Data);
}

function makeNulls(numRows: number, { random, pattern }: Shape): { nullBitmap?: Uint8Array; nullCount?: number } {
  if (pattern === "none") return random() < 0.5 ? {} : { nullBitmap: new Uint8Array((numRows >> 3) + 8).fill(255) };
  const nullBitmap = new Uint8Array((numRows >> 3) + 1);
  let isNull = false;
  for (let i = 0; i < numRows; i++) {
    if (pattern === "some") isNull = random() < 0.2;
    else if (pattern === "most") isNull = random() < 0.95;
    else if (pattern === "all") isNull = true;
    else if (random() < 0.0005) isNull = !isNull;
    if (!isNull) nullBitmap[i >> 3]! |= 1 << (i & 7);
  }
  return { nullBitmap, nullCount: -1 };
}

function randomBytes(length: number, random: () => number): Uint8Array {
  const words = new Uint32Array((length >> 2) + 1);
  for (let i = 0; i < words.length; i++) words[i] = random() * 4294967296;
  return new Uint8Array(words.buffer, 0, length);
}

function makeWhole(type: DataType, numRows: number, shape: Shape): Data {
  const { random } = shape;
  const name = describeArrowType(type as unknown as ArrowType)!;
  const nulls = makeNulls(numRows, shape);
  if (name === "null") return makeData({ type: type as Null, length: numRows });
  if (/^(large_)?list</.test(name)) return makeList(type as List, numRows, shape);
  if (type instanceof FixedSizeList) {
    const child = makeWhole(type.valueType, numRows * type.listSize, {
      ...shape,
      pattern: type.children[0]!.nullable && random() < 0.5 ? "some" : "none",
    });
    return makeData({ type, length: numRows, child, ...nulls });
  }
  if (name.endsWith("string") || name.endsWith("binary")) return makeStrings(type, name, numRows, shape);
  if (name === "bool")
    return makeData({ type: type as Bool, length: numRows, data: randomBytes((numRows >> 3) + 1, random), ...nulls });
  const ArrayType = (
    type as unknown as { ArrayType: new (buffer: ArrayBufferLike, from: number, length: number) => never }
  ).ArrayType;
  const width = widthOf(type, name);
  const bytes = randomBytes(numRows * width, random);
  // Floats: no NaN, whose bit patterns Arrow does not compare. Calendar types: values that exist.
  if (name === "float") fill(new Float32Array(bytes.buffer, 0, numRows), () => (random() - 0.5) * 1e6);
  if (name === "double") fill(new Float64Array(bytes.buffer, 0, numRows), () => (random() - 0.5) * 1e9);
  if (name === "halffloat") for (let i = 1; i < bytes.length; i += 2) bytes[i]! &= 0x3b;
  if (name === "time32:ms") fill(new Int32Array(bytes.buffer, 0, numRows), () => Math.floor(random() * 86400000));
  if (/^(date64|time64|timestamp|duration)/.test(name)) {
    const values = new BigInt64Array(bytes.buffer, 0, numRows);
    const step = name === "date64:ms" ? 86400000 : 1;
    for (let i = 0; i < numRows; i++) values[i] = BigInt(Math.floor(random() * (step > 1 ? 20000 : 8e13)) * step);
  }
  if (name.startsWith("decimal")) for (let i = width - 4; i < bytes.length; i += width) bytes.fill(0, i, i + 4);
  const BYTES = (ArrayType as unknown as { BYTES_PER_ELEMENT: number }).BYTES_PER_ELEMENT;
  return makeData({
    type,
    length: numRows,
    data: new ArrayType(bytes.buffer, 0, bytes.length / BYTES),
    ...nulls,
  } as never);
}

function widthOf(type: DataType, name: string): number {
  if (name.startsWith("fixed_size_binary")) return (type as FixedSizeBinary).byteWidth;
  if (name.startsWith("decimal")) return (type as Decimal).bitWidth / 8;
  const one = makeData({ type, length: 0 } as never) as unknown as { values: Uint8Array; stride: number };
  return one.values.BYTES_PER_ELEMENT * one.stride;
}

function fill(values: Int32Array | Float32Array | Float64Array, next: () => number): void {
  for (let i = 0; i < values.length; i++) values[i] = next();
}

const WORDS = ["chess", "play", "größe", "データ", "lance", "a", "", "segment-native", "🐟"].map((word) =>
  new TextEncoder().encode(word),
);

function makeStrings(type: DataType, name: string, numRows: number, shape: Shape): Data {
  const { random, maxLength } = shape;
  const isText = name.endsWith("string");
  const lengths = new Uint32Array(numRows);
  const chunks: Uint8Array[] = [];
  let total = 0;
  for (let i = 0; i < numRows; i++) {
    const wanted = random() < 0.1 ? 0 : Math.floor(random() ** 3 * maxLength);
    if (isText) {
      while (lengths[i]! < wanted) {
        const word = WORDS[Math.floor(random() * WORDS.length)]!;
        if (word.length === 0) break;
        chunks.push(word);
        lengths[i]! += word.length;
      }
    } else {
      chunks.push(randomBytes(wanted, random));
      lengths[i] = wanted;
    }
    total += lengths[i]!;
  }
  const data = new Uint8Array(total);
  let at = 0;
  for (const chunk of chunks) {
    data.set(chunk, at);
    at += chunk.length;
  }
  const large = name.startsWith("large");
  const valueOffsets = large ? new BigInt64Array(numRows + 1) : new Int32Array(numRows + 1);
  for (let i = 0; i < numRows; i++) {
    if (valueOffsets instanceof Int32Array) valueOffsets[i + 1] = valueOffsets[i]! + lengths[i]!;
    else valueOffsets[i + 1] = valueOffsets[i]! + BigInt(lengths[i]!);
  }
  return makeData({ type, length: numRows, data, valueOffsets, ...makeNulls(numRows, shape) } as never);
}

function makeList(type: List, numRows: number, shape: Shape): Data {
  const { random } = shape;
  const valueOffsets = new Int32Array(numRows + 1);
  const emptyShare = [0, 0.1, 0.995][Math.floor(random() * 3)]!;
  const most = random() < 0.1 ? 3000 : 6;
  valueOffsets[0] = 3;
  let total = 3;
  for (let i = 0; i < numRows; i++) {
    const room = total < numRows * 4;
    total += random() < emptyShare || !room ? 0 : 1 + Math.floor(random() * most);
    valueOffsets[i + 1] = total;
  }
  const pattern = type.children[0]!.nullable ? NULL_PATTERNS[Math.floor(random() * NULL_PATTERNS.length)]! : "none";
  const child = makeWhole(type.valueType, total + 2, { ...shape, pattern });
  const offsets = (type as DataType) instanceof LargeList ? BigInt64Array.from(valueOffsets, BigInt) : valueOffsets;
  return makeData({ type, length: numRows, valueOffsets: offsets, child, ...makeNulls(numRows, shape) } as never);
}

/** Record batches of one schema. */
export function makeBatches(
  types: Readonly<Record<string, DataType>>,
  sizes: readonly number[],
  options: { seed: number; nullable?: boolean; maxLength?: number; pattern?: NullPattern },
): { schema: Schema; batches: RecordBatch[] } {
  const random = createRandom(options.seed);
  const nullable = options.nullable ?? true;
  const schema = new Schema(
    Object.entries(types).map(([name, type]) => new Field(name, type, nullable || name === "nothing")),
  );
  const batches = sizes.map((numRows) => {
    const children = schema.fields.map((field) => {
      const pattern = nullable ? (options.pattern ?? NULL_PATTERNS[Math.floor(random() * 5)]!) : "none";
      return makeColumn(field.type, numRows, { random, pattern, maxLength: options.maxLength ?? 60 });
    });
    return new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length: numRows, children, nullCount: 0 }),
    );
  });
  return { schema, batches };
}

/** A Lance schema of plain and list fields, ids in pre-order. */
export function makeLanceSchema(schema: Schema): LanceSchema {
  let id = 0;
  const makeField = (field: Field, parentId: number): LanceField => {
    const own = id++;
    const name = describeArrowType(field.type as unknown as ArrowType)!;
    const isList = /^(large_)?list</.test(name);
    return {
      id: own,
      parentId,
      name: field.name,
      logicalType: isList ? name.slice(0, name.indexOf("<")) : name,
      nullable: field.nullable,
      metadata: {},
      children: isList ? [makeField(field.type.children![0]! as Field, own)] : [],
    };
  };
  return { fields: schema.fields.map((field) => makeField(field, -1)), metadata: {} };
}
