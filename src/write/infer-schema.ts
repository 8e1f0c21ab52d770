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
  Null,
  Schema,
  TimestampMillisecond,
  Uint16,
  Uint32,
  Uint64,
  Utf8,
} from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { Row } from "./input.ts";

/** Columns of these names hold vectors, whatever their lengths say. */
const VECTOR_NAMES: ReadonlySet<string> = new Set(["vector", "embedding"]);

/**
 * Types for rows without a schema; see `toRecordBatches` for the rules. Every column is nullable. Cost: a pass over all
 * values.
 * @throws SCHEMA_MISMATCH (values of two kinds in a column), UNSUPPORTED (a value no type stands for)
 */
export function inferSchema(rows: readonly Row[]): Schema {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return new Schema([...names].map((name) => new Field(name, inferColumn(name, rows), true)));
}

function inferColumn(name: string, rows: readonly Row[]): DataType {
  let kind: string | undefined;
  let kindRow = 0;
  let itemKind: string | undefined;
  let length = -1;
  let evenLengths = true;
  for (let row = 0; row < rows.length; row++) {
    const value = rows[row]![name];
    if (value === null || value === undefined) continue;
    const found = classify(value, name, row);
    if (kind === undefined) {
      kind = found;
      kindRow = row;
    } else if (kind !== found) mismatch(name, row, `${kind}, as in row ${kindRow}`, found);
    if (kind !== "array" && !kind.endsWith("Array")) continue;
    const values = value as ArrayLike<unknown>;
    if (length < 0) length = values.length;
    else if (length !== values.length) evenLengths = false;
    if (kind === "array") itemKind = classifyItems(values, itemKind, name, row);
  }
  if (kind === undefined) return new Null();
  if (kind !== "array" && !kind.endsWith("Array")) return SCALARS[kind]!();
  const isVector = VECTOR_NAMES.has(name);
  const isNumeric = kind !== "array" || itemKind === "number";
  if (isVector && isNumeric && !evenLengths) checkLengths(name, rows, length);
  const element = kind === "array" ? undefined : ELEMENTS[kind]!();
  if (isNumeric && evenLengths && length > 0) return new FixedSizeList(length, item(element ?? new Float32()));
  return new List(item(element ?? (itemKind === undefined ? new Null() : SCALARS[itemKind]!())));
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

function classify(value: unknown, name: string, row: number): string {
  if (Array.isArray(value)) return "array";
  if (value instanceof Date) return "Date";
  if (value instanceof Uint8Array || value instanceof ArrayBuffer) return "bytes";
  if (ArrayBuffer.isView(value)) {
    const kind = Object.prototype.toString.call(value).slice(8, -1);
    if (ELEMENTS[kind]) return kind;
  }
  if (SCALARS[typeof value]) return typeof value;
  throw new LanceError(
    "UNSUPPORTED",
    `row ${row}, column "${name}": no column type stands for ${Object.prototype.toString.call(value)}; give a schema that says what it is, or spread its fields into columns`,
    { row, column: name },
  );
}

function classifyItems(values: ArrayLike<unknown>, known: string | undefined, name: string, row: number) {
  let kind = known;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === null || value === undefined) continue;
    const found = classify(value, name, row);
    if (found === "array" || found.endsWith("Array")) {
      throw new LanceError(
        "UNSUPPORTED",
        `row ${row}, column "${name}": arrays of arrays need a schema that says what they are`,
        {
          row,
          column: name,
        },
      );
    }
    kind ??= found;
    if (kind !== found) mismatch(name, row, `items of kind ${kind}`, found);
  }
  return kind;
}

function checkLengths(name: string, rows: readonly Row[], expected: number): void {
  const row = rows.findIndex((row) => row[name] != null && (row[name] as ArrayLike<unknown>).length !== expected);
  const received = (rows[row]![name] as ArrayLike<unknown>).length;
  throw new LanceError(
    "DIMENSION_MISMATCH",
    `row ${row}, column "${name}": expected a vector of ${expected} numbers as in the rows before, received ${received}`,
    { row, column: name, expected, received },
  );
}

function mismatch(column: string, row: number, expected: string, received: string): never {
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `row ${row}, column "${column}": expected ${expected}, received ${received}; give a schema, or one kind of value per column`,
    { row, column, expected, received },
  );
}
