import {
  Binary,
  Bool,
  type DataType,
  Field,
  FixedSizeList,
  Float32,
  Float64,
  Int8,
  Int16,
  Int32,
  Int64,
  List,
  Map_,
  Null,
  Schema,
  Struct,
  TimestampMillisecond,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import { LanceError } from "../../errors.ts";
import type { Row } from "./input.ts";

/** Columns of these names hold vectors, whatever their lengths say. */
const VECTOR_NAMES: ReadonlySet<string> = new Set(["vector", "embedding"]);

/** A value that is there, and the row it stands in. */
interface Sample {
  readonly value: unknown;
  readonly row: number;
}

/**
 * Types for rows without a schema; see `toRecordBatches` for the rules. Every column is nullable. Cost: a pass over all
 * values.
 * @throws SCHEMA_MISMATCH (values of two kinds in a column), UNSUPPORTED (a value no type stands for)
 */
export function inferSchema(rows: readonly Row[]): Schema {
  return new Schema(
    inferFields(
      rows.map((value, row) => ({ value, row })),
      "",
    ),
  );
}

/** Fields of objects: every name that occurs. */
function inferFields(objects: readonly Sample[], parent: string): Field[] {
  const columns = new Map<string, Sample[]>();
  for (const { value, row } of objects) {
    for (const [name, item] of Object.entries(value as Row)) {
      const samples = columns.get(name) ?? [];
      if (samples.length === 0) columns.set(name, samples);
      if (item !== null && item !== undefined) samples.push({ value: item, row });
    }
  }
  return Array.from(columns, ([name, samples]) => {
    const path = parent === "" ? name : `${parent}.${name}`;
    return new Field(name, inferType(samples, path), true);
  });
}

function inferType(samples: readonly Sample[], path: string): DataType {
  const [first] = samples;
  if (!first) return new Null();
  const kind = classify(first, path);
  for (const sample of samples) {
    const found = classify(sample, path);
    if (found !== kind) mismatch(path, sample.row, `${kind}, as in row ${first.row}`, found);
  }
  if (kind === "object") return new Struct(inferFields(samples, path));
  if (kind === "map") return inferMap(samples, path);
  return kind === "array" || ELEMENTS[kind] ? inferList(samples, path, kind) : SCALARS[kind]!();
}

function inferList(samples: readonly Sample[], path: string, kind: string): DataType {
  const isNumeric = kind !== "array" || holdNumbers(samples);
  const lengthOf = ({ value }: Sample) => lengthOfList(value);
  const length = lengthOf(samples[0]!);
  const uneven = samples.find((sample) => lengthOf(sample) !== length);
  const name = path.slice(path.lastIndexOf(".") + 1);
  if (uneven && isNumeric && VECTOR_NAMES.has(name)) {
    const received = lengthOf(uneven);
    throw new LanceError(
      "DIMENSION_MISMATCH",
      `row ${uneven.row}, column "${path}": expected a vector of ${length} numbers as in the rows before, received ${received}`,
      { row: uneven.row, column: path, expected: length, received },
    );
  }
  const element = ELEMENTS[kind]?.();
  if (isNumeric && !uneven && length > 0) return new FixedSizeList(length, item(element ?? new Float32()));
  if (element || isNumeric) return new List(item(element ?? new Float64()));
  const items = samples.flatMap(({ value, row }) => listItems(value, row));
  return new List(item(inferType(items, `${path}.item`)));
}

function inferMap(samples: readonly Sample[], path: string): DataType {
  const pairs = samples.flatMap(({ value, row }) =>
    Array.from(value as Iterable<[unknown, unknown]>, (pair) => ({ pair, row })),
  );
  const keys = pairs.map(({ pair, row }) => ({ value: pair[0], row }));
  const items = pairs.map(({ pair, row }) => ({ value: pair[1], row })).filter(({ value }) => value != null);
  const key = new Field("key", keys.length === 0 ? new Utf8() : inferType(keys, `${path}.key`), false);
  const value = new Field("value", inferType(items, `${path}.value`), true);
  return new Map_(new Field("entries", new Struct([key, value]), false) as never);
}

const item = (type: DataType) => new Field("item", type, true);

const SCALARS: Readonly<Record<string, () => DataType>> = {
  number: () => new Float64(),
  bigint: () => new Int64(),
  string: () => new Utf8(),
  boolean: () => new Bool(),
  Date: () => new TimestampMillisecond(),
  bytes: () => new Binary(),
};

const ELEMENTS: Readonly<Record<string, () => DataType>> = {
  Float32Array: () => new Float32(),
  Float64Array: () => new Float64(),
  Int8Array: () => new Int8(),
  Int16Array: () => new Int16(),
  Int32Array: () => new Int32(),
  BigInt64Array: () => new Int64(),
  Uint16Array: () => new Uint16(),
  Uint32Array: () => new Uint32(),
  BigUint64Array: () => new Uint64(),
};

function classify({ value, row }: Sample, path: string): string {
  if (Array.isArray(value) || isVector(value)) return "array";
  if (value instanceof Date) return "Date";
  if (value instanceof Map) return "map";
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return "bytes";
  const tag = Object.prototype.toString.call(value);
  if (ArrayBuffer.isView(value)) {
    const kind = tag.slice(8, -1);
    if (ELEMENTS[kind]) return kind;
  }
  // Rows that Arrow reads: only those of maps tell how many they are.
  if (tag === "[object Row]" && typeof (value as { size?: unknown }).size === "number") return "map";
  if (tag === "[object Object]" || tag === "[object Row]") return "object";
  if (SCALARS[typeof value]) return typeof value;
  throw new LanceError("UNSUPPORTED", `row ${row}, column "${path}": no column type stands for ${tag}`, {
    row,
    column: path,
  });
}

/** Lists read from a table, of whichever copy of Arrow. */
function isVector(value: unknown): value is Iterable<unknown> & { length: number } {
  const vector = value as { toArray?: unknown; nullCount?: unknown } | null;
  return typeof vector?.toArray === "function" && typeof vector.nullCount === "number";
}

function listItems(value: unknown, row: number): Sample[] {
  return Array.from(value as Iterable<unknown>, (item) => ({ value: item, row })).filter(({ value }) => value != null);
}

/** Whether lists hold numbers and nulls, and a number at all. */
function holdNumbers(samples: readonly Sample[]): boolean {
  let found = false;
  for (const { value } of samples) {
    for (const item of value as Iterable<unknown>) {
      if (item === null || item === undefined) continue;
      if (typeof item !== "number") return false;
      found = true;
    }
  }
  return found;
}

function lengthOfList(value: unknown): number {
  return (value as ArrayLike<unknown>).length;
}

function mismatch(column: string, row: number, expected: string, received: string): never {
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `row ${row}, column "${column}": expected ${expected}, received ${received}; give a schema, or one kind of value per column`,
    { row, column, expected, received },
  );
}
