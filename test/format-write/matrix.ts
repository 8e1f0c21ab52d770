import {
  Binary,
  Bool,
  type Data,
  type DataType,
  DateDay,
  DateMillisecond,
  Decimal,
  Dictionary,
  DurationMicrosecond,
  DurationNanosecond,
  DurationSecond,
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
  Map_,
  makeData,
  Null,
  RecordBatch,
  Schema,
  Struct,
  TimeMicrosecond,
  TimeMillisecond,
  TimeNanosecond,
  TimeSecond,
  TimestampMicrosecond,
  TimestampMillisecond,
  TimestampNanosecond,
  TimestampSecond,
  Type,
  Uint8,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
  Vector,
} from "apache-arrow";
import { createRandom } from "./random-tables.ts";

/** What values look like: the encodings of a page are chosen by it. */
export type ValueShape = "constant" | "runs" | "few" | "random" | "long" | "empty";
export const VALUE_SHAPES: readonly ValueShape[] = ["constant", "runs", "few", "random", "long", "empty"];

/** Where nulls are, at every level of a type that may hold them. */
export type Nulls = "none" | "some" | "most" | "all";
export const NULLS: readonly Nulls[] = ["none", "some", "most", "all"];

const item = (type: DataType, nullable = true) => new Field("item", type, nullable);
const struct = (fields: Record<string, DataType>) =>
  new Struct(Object.entries(fields).map(([name, type]) => new Field(name, type, true)));
const map = (key: DataType, value: DataType) =>
  new Map_(
    new Field("entries", new Struct([new Field("key", key, false), new Field("value", value, true)]), false) as never,
  );
const point = struct({ x: new Int32(), label: new Utf8() });
const deep = struct({ a: struct({ b: struct({ c: new Int16(), d: new Utf8() }), e: new Bool() }), f: new Float64() });

/** Types both file versions hold. */
export const TYPES_21: Readonly<Record<string, DataType>> = {
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
  time32_s: new TimeSecond(),
  time32_ms: new TimeMillisecond(),
  time64_us: new TimeMicrosecond(),
  time64_ns: new TimeNanosecond(),
  ts_s: new TimestampSecond(),
  ts_ms: new TimestampMillisecond("Europe/Vienna"),
  ts_us: new TimestampMicrosecond("UTC"),
  ts_ns: new TimestampNanosecond(),
  duration_s: new DurationSecond(),
  duration_us: new DurationMicrosecond(),
  duration_ns: new DurationNanosecond(),
  fsb5: new FixedSizeBinary(5),
  fsb300: new FixedSizeBinary(300),
  dec128: new Decimal(4, 30, 128),
  dec256: new Decimal(4, 60, 256),
  nothing: new Null(),
  dict_utf8: new Dictionary(new Utf8(), new Int32()),
  dict_i8_utf8: new Dictionary(new Utf8(), new Int8()),
  dict_u16_i64: new Dictionary(new Int64(), new Uint16()),
  dict_u8_binary: new Dictionary(new Binary(), new Uint8()),
  dict_f32: new Dictionary(new Float32(), new Int16()),
  list_i64: new List(item(new Int64())),
  list_utf8: new List(item(new Utf8())),
  list_bool: new List(item(new Bool())),
  large_list_f32: new LargeList(item(new Float32())),
  list_list: new List(item(new List(item(new Int32())))),
  list_list_list: new List(item(new LargeList(item(new List(item(new Utf8())))))),
  list_required: new List(item(new Uint8(), false)),
  list_nothing: new List(item(new Null())),
  list_dict: new List(item(new Dictionary(new Utf8(), new Int32()))),
  list_fsl: new List(item(new FixedSizeList(4, item(new Float32())))),
  list_fsl_wide: new List(item(new FixedSizeList(100, item(new Float32())))),
  struct: point,
  struct_deep: deep,
  struct_list: struct({ l: new List(item(new Int32())), s: new Utf8(), n: new Null() }),
  struct_fsl: struct({ v: new FixedSizeList(8, item(new Float32())), d: new Dictionary(new Utf8(), new Int8()) }),
  list_struct: new List(item(point)),
  list_struct_list: new List(item(struct({ l: new List(item(point)), i: new Int64() }))),
  list_list_struct: new List(item(new List(item(deep)))),
  fsl_i16: new FixedSizeList(3, item(new Int16())),
  fsl_f32_128: new FixedSizeList(128, item(new Float32())),
  fsl_required: new FixedSizeList(16, item(new Float32(), false)),
  fsl_f16: new FixedSizeList(9, item(new Float16())),
  fsl_bool: new FixedSizeList(5, item(new Bool())),
  fsl_bool8: new FixedSizeList(8, item(new Bool())),
  fsl_fsb: new FixedSizeList(3, item(new FixedSizeBinary(5))),
  fsl_ts: new FixedSizeList(2, item(new TimestampMicrosecond("UTC"))),
  fsl_fsl: new FixedSizeList(3, item(new FixedSizeList(2, item(new Float32())))),
  fsl_nothing: new FixedSizeList(3, item(new Null())),
};

/** Types from 2.2 on. */
export const TYPES_22: Readonly<Record<string, DataType>> = {
  ...TYPES_21,
  map: map(new Utf8(), new Int32()),
  map_struct: map(new Int32(), point),
  map_list: map(new Utf8(), new List(item(new Float64()))),
  map_map: map(new Utf8(), map(new Int16(), new Utf8())),
  list_map: new List(item(map(new Utf8(), new Int32()))),
  struct_map: struct({ m: map(new Utf8(), new Int32()), i: new Int8() }),
  fsl_struct: new FixedSizeList(3, item(point)),
};

interface MakeOptions {
  readonly random: () => number;
  readonly shape: ValueShape;
  readonly nulls: Nulls;
}

/** A column of a type at any depth, values by shape and nulls at every level that may hold them. */
export function makeMatrixColumn(type: DataType, length: number, options: MakeOptions & { nullable: boolean }): Data {
  const bitmap = options.nullable ? makeBitmap(length, options) : {};
  switch (type.typeId) {
    case Type.Null:
      return makeData({ type: type as Null, length });
    case Type.Struct: {
      const children = type.children!.map((child) => makeChild(child as Field, length, options));
      return makeData({ type: type as Struct, length, children, ...bitmap });
    }
    case Type.FixedSizeList: {
      const { listSize } = type as FixedSizeList;
      const child = makeChild(type.children![0] as Field, length * listSize, options);
      return makeData({ type: type as FixedSizeList, length, child, ...bitmap });
    }
    case Type.List:
    case Type.LargeList:
    case Type.Map: {
      const ends = makeOffsets(length, options, "list");
      const child = makeChild(type.children![0] as Field, ends[length]!, options);
      const valueOffsets = type.typeId === Type.LargeList ? BigInt64Array.from(ends, BigInt) : Int32Array.from(ends);
      return makeData({ type, length, valueOffsets, child, ...bitmap } as never);
    }
    case Type.Dictionary: {
      const { dictionary, indices } = type as Dictionary;
      // Native joins the dictionaries of several pages without telling equal values for sure: few, for narrow indices.
      const numValues = options.shape === "constant" ? 1 : 20;
      const values = makeMatrixColumn(dictionary, numValues, { ...options, nulls: "none", nullable: false });
      const keys = new (indices as Int32).ArrayType(length);
      const pick = makePicks(length, numValues, options);
      for (let i = 0; i < length; i++) keys[i] = pick[i]!;
      return makeData({ type, length, data: keys, dictionary: new Vector([values]), ...bitmap } as never);
    }
  }
  return makeLeaf(type, length, { ...options, bitmap });
}

function makeChild(field: Field, length: number, options: MakeOptions): Data {
  return makeMatrixColumn(field.type, length, { ...options, nullable: field.nullable });
}

function makeBitmap(length: number, { random, nulls }: MakeOptions): { nullBitmap?: Uint8Array; nullCount?: number } {
  if (nulls === "none") return {};
  const share = { some: 0.2, most: 0.95, all: 1 }[nulls];
  const nullBitmap = new Uint8Array((length + 7) >> 3);
  for (let i = 0; i < length; i++) if (random() >= share) nullBitmap[i >> 3]! |= 1 << (i & 7);
  return { nullBitmap, nullCount: -1 };
}

/** Which of `numDistinct` values each row has. */
function makePicks(length: number, numDistinct: number, { random, shape }: MakeOptions): Uint32Array {
  const picks = new Uint32Array(length);
  const distinct = Math.min(
    numDistinct,
    { constant: 1, runs: 20, few: 5, random: Infinity, long: Infinity, empty: 1 }[shape],
  );
  let current = 0;
  for (let i = 0; i < length; i++) {
    if (shape !== "runs" || random() < 0.02) current = Math.floor(random() * distinct);
    picks[i] = current;
  }
  return picks;
}

function makeOffsets(length: number, { random, shape }: MakeOptions, kind: "list" | "bytes"): Float64Array {
  const ends = new Float64Array(length + 1);
  const constant = Math.floor(random() * 4) + 1;
  for (let i = 0; i < length; i++) {
    let count = 0;
    if (shape === "constant") count = constant;
    else if (shape === "long") count = random() < 0.02 ? Math.floor(random() * (kind === "list" ? 60 : 40_000)) : 2;
    else if (shape !== "empty") count = Math.floor(random() * (kind === "list" ? 4 : 24));
    ends[i + 1] = ends[i]! + count;
  }
  return ends;
}

function makeLeaf(type: DataType, length: number, options: MakeOptions & { bitmap: object }): Data {
  const { random, shape, bitmap } = options;
  const numDistinct = Math.min(length, shape === "random" || shape === "long" ? length : 20);
  const isText = type.typeId === Type.Utf8 || type.typeId === Type.LargeUtf8;
  const picks = makePicks(length, numDistinct, options);
  if (isText || type.typeId === Type.Binary || type.typeId === Type.LargeBinary) {
    const poolEnds = makeOffsets(numDistinct, options, "bytes");
    const pool = new Uint8Array(poolEnds[numDistinct]!);
    for (let i = 0; i < pool.length; i++) pool[i] = isText ? 97 + Math.floor(random() ** 2 * 26) : random() * 256;
    const ends = new Float64Array(length + 1);
    const isUnique = shape === "random" || shape === "long";
    for (let i = 0; i < length; i++) {
      const pick = isUnique ? i : picks[i]!;
      ends[i + 1] = ends[i]! + poolEnds[pick + 1]! - poolEnds[pick]!;
    }
    const data = new Uint8Array(ends[length]!);
    for (let i = 0; i < length; i++) {
      const pick = isUnique ? i : picks[i]!;
      data.set(pool.subarray(poolEnds[pick]!, poolEnds[pick + 1]!), ends[i]!);
    }
    const isLarge = type.typeId === Type.LargeUtf8 || type.typeId === Type.LargeBinary;
    const valueOffsets = isLarge ? BigInt64Array.from(ends, BigInt) : Int32Array.from(ends);
    return makeData({ type, length, data, valueOffsets, ...bitmap } as never);
  }
  if (type.typeId === Type.Bool) {
    const data = new Uint8Array((length + 7) >> 3);
    for (let i = 0; i < length; i++) data[i >> 3]! |= (picks[i]! & 1) << (i & 7);
    return makeData({ type: type as Bool, length, data, ...bitmap });
  }
  const { values, bytes, width } = makeFixed(type, length);
  const pool = new Uint8Array(numDistinct * width);
  for (let i = 0; i < numDistinct; i++) writeValue(type, pool.subarray(i * width, (i + 1) * width), options);
  for (let i = 0; i < length; i++) {
    const pick = shape === "random" || shape === "long" ? i : picks[i]!;
    bytes.set(pool.subarray(pick * width, (pick + 1) * width), i * width);
  }
  return makeData({ type, length, data: values, ...bitmap } as never);
}

function makeFixed(type: DataType, length: number) {
  const one = makeData({ type, length: 0 } as never) as unknown as { values: Uint8Array; stride: number };
  const width =
    type.typeId === Type.FixedSizeBinary
      ? (type as FixedSizeBinary).byteWidth
      : one.values.BYTES_PER_ELEMENT * one.stride;
  const bytes = new Uint8Array(length * width);
  const ArrayType = one.values.constructor as new (buffer: ArrayBufferLike) => Uint8Array;
  return { values: new ArrayType(bytes.buffer), bytes, width };
}

/** Values that exist in the type: no NaN, whose bits Arrow does not compare, and times within a day. */
function writeValue(type: DataType, target: Uint8Array, { random, shape }: MakeOptions): void {
  if (shape === "empty") return;
  const view = new DataView(target.buffer, target.byteOffset, target.length);
  const write64 = (value: number) => view.setBigInt64(0, BigInt(Math.floor(value)), true);
  switch (type.typeId) {
    case Type.Float:
      if (target.length === 2) view.setUint16(0, random() * 0x7bff, true);
      else if (target.length === 4) view.setFloat32(0, Math.fround((random() - 0.5) * 1e6), true);
      else view.setFloat64(0, (random() - 0.5) * 1e9, true);
      return;
    case Type.Date:
      if (target.length === 4) view.setInt32(0, random() * 30_000, true);
      else write64(Math.floor(random() * 30_000) * 86_400_000);
      return;
    case Type.Time: {
      const units = [86_400, 86_400_000, 86_400e6, 86_400e9][(type as TimeSecond).unit]!;
      if (target.length === 4) view.setInt32(0, random() * units, true);
      else write64(random() * units);
      return;
    }
    case Type.Timestamp:
    case Type.Duration:
      write64(random() * [2e9, 2e12, 2e15, 2e18][(type as TimestampSecond).unit]!);
      return;
    case Type.Decimal:
      for (let i = 0; i < 8; i++) target[i] = random() * 256;
      return;
    default: {
      const numBytes = random() < 0.5 ? target.length : 1;
      for (let i = 0; i < numBytes; i++) target[i] = random() * 256;
    }
  }
}

/** Batches of named columns; slices of longer ones, so that every offset counts. */
export function makeMatrix(
  types: Readonly<Record<string, DataType>>,
  sizes: readonly number[],
  options: { readonly seed: number; readonly shape: ValueShape; readonly nulls: Nulls },
): { schema: Schema; batches: RecordBatch[] } {
  const random = createRandom(options.seed);
  const schema = new Schema(Object.entries(types).map(([name, type]) => new Field(name, type, true)));
  const batches = sizes.map((length) => {
    const lead = Math.floor(random() * 20);
    const children = schema.fields.map((field) => {
      const whole = makeMatrixColumn(field.type, length + lead, { ...options, random, nullable: true });
      return lead === 0 ? whole : (whole.slice(lead, length) as Data);
    });
    return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length, children, nullCount: 0 }));
  });
  return { schema, batches };
}
