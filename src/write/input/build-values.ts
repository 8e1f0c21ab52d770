import { type Data, type DataType, LargeBinary, makeData } from "apache-arrow";
import { type ArrowType, describeArrowType } from "../../format/write/arrow-data.ts";
import { isRecord } from "../../is-record.ts";
import type { BuildField, FieldShape } from "../schema/field-shape.ts";
import { buildMaps, buildStructs } from "./build-structs.ts";
import {
  type BuildRules,
  fillBits,
  fillBrainFloats,
  fillBytes,
  fillDecimals,
  fillFixedBytes,
  fillFloats,
  fillIntegers,
  fillTimes,
  toJsonTexts,
  type Values,
} from "./fill-values.ts";

const EXTENSION_KEY = "ARROW:extension:name";

/** Converts values to a column of a field. @throws what `rules.fail` throws */
export const buildField: BuildField = (field, values, rules) => {
  const extension = field.metadata?.get(EXTENSION_KEY);
  return buildValues(field.type, values, { ...rules, nullable: field.nullable, extension });
};

/**
 * Converts JavaScript values to a column of the given type; `undefined` is null.
 * Numbers and bigints fit integers in range; Dates, dates and timestamps; anything array-like, lists; objects, structs;
 * Maps and arrays of pairs, maps.
 * @throws what `rules.fail` throws
 */
export function buildValues(type: DataType, values: Values, rules: BuildRules): Data {
  const length = values.length;
  if (rules.extension === "arrow.json") return buildText(type, toJsonTexts(values, rules), rules);
  const nulls = buildBitmap(values, rules);
  const shared = {
    type,
    length,
    nullCount: nulls.nullCount,
    nullBitmap: nulls.nullCount > 0 ? nulls.bitmap : undefined,
  };
  const shape = type as unknown as ArrowType;
  switch (shape.typeId) {
    case 1:
      for (let i = 0; i < length; i++) if (values[i] != null) rules.fail(i, "null (the column's type is null)");
      return make({ type, length });
    case 2:
      return make({ ...shared, data: fillIntegers(shape, values, rules) });
    case 3:
      return make({ ...shared, data: fillFloats(shape, values, rules) });
    case 6:
      return make({ ...shared, data: fillBits(values, rules) });
    case 8:
    case 9:
    case 10:
    case 18:
      return make({ ...shared, data: fillTimes(shape, values, rules) });
    case 4:
    case 5:
    case 19:
    case 20:
      return make({ ...shared, ...fillBytes(shape.typeId, values, rules) });
    case 7:
      return make({ ...shared, data: fillDecimals(shape.bitWidth!, values, rules) });
    case 15:
      if (rules.extension === "lance.bfloat16") return make({ ...shared, data: fillBrainFloats(values, rules) });
      return make({ ...shared, data: fillFixedBytes(shape.byteWidth!, values, rules) });
    case 13:
      if (rules.extension === "lance.blob.v2") return buildBlobs(values, rules);
      return make({ ...shared, children: buildStructs(childFields(type), values, { rules, build: buildField }) });
    case 17:
      return make({ ...shared, ...buildMaps(childFields(type)[0]!, values, { rules, build: buildField }) });
    case 12:
    case 21:
      return make({ ...shared, ...buildLists(type, values, rules) });
    case 16:
      return make({ ...shared, child: buildVectors(type, values, rules) });
    case -1:
      return buildValues(shape.dictionary as unknown as DataType, values, rules);
    default:
      return rules.fail(
        0,
        `a type rows can be converted to, not ${describeArrowType(shape) ?? String(type)}`,
        "UNSUPPORTED",
      );
  }
}

function buildText(type: DataType, values: Values, rules: BuildRules): Data {
  return buildValues(type, values, { ...rules, extension: undefined });
}

/** Blobs are given as bytes, or as objects of them, as a table's own type has it. */
function buildBlobs(values: Values, rules: BuildRules): Data {
  const bytes = values.map((value) => (isRecord(value) && "data" in value ? value.data : value));
  return buildValues(new LargeBinary(), bytes, { ...rules, extension: undefined });
}

function childFields(type: DataType): readonly FieldShape[] {
  return (type.children ?? []) as unknown as readonly FieldShape[];
}

function make(props: Record<string, unknown>): Data {
  return makeData(props as never);
}

function buildBitmap(values: Values, rules: BuildRules): { bitmap: Uint8Array; nullCount: number } {
  const bitmap = new Uint8Array((values.length + 7) >> 3);
  let nullCount = 0;
  for (let i = 0; i < values.length; i++) {
    if (values[i] != null) bitmap[i >> 3]! |= 1 << (i & 7);
    else if (rules.nullable || rules.isGone?.(i)) nullCount++;
    else rules.fail(i, "a value (the column is not nullable)");
  }
  return { bitmap, nullCount };
}

function isArrayLike(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Items of all rows in one array, and rules that name the row an item stands in. */
function nestRules(type: DataType, rows: Uint32Array, rules: BuildRules): BuildRules {
  const [item] = childFields(type);
  return {
    nullable: item!.nullable,
    extension: item!.metadata?.get(EXTENSION_KEY),
    fail: (index, expected, code, refused) => {
      const row = rows[index] ?? 0;
      if (!refused) return rules.fail(row, `items that are each ${expected}`, code);
      return rules.fail(row, expected, code, { path: `.${item!.name}${refused.path}`, value: refused.value });
    },
  };
}

/** Rows read from a table hold Arrow vectors where a list is expected: by shape, since Arrow may be there twice. */
function openVectors(values: Values): Values {
  return values.some(isVector) ? values.map((value) => (isVector(value) ? openVector(value) : value)) : values;
}

interface VectorLike extends Iterable<unknown> {
  readonly nullCount: number;
  toArray(): ArrayLike<unknown>;
}

function isVector(value: unknown): value is VectorLike {
  const vector = value as Partial<VectorLike> | null | undefined;
  return typeof vector?.toArray === "function" && typeof vector.nullCount === "number";
}

/** `toArray` gives raw numbers, in which nulls are lost. */
function openVector(vector: VectorLike): ArrayLike<unknown> {
  return vector.nullCount === 0 ? vector.toArray() : [...vector];
}

function buildLists(type: DataType, given: Values, rules: BuildRules) {
  const values = openVectors(given);
  const ends = new Float64Array(values.length + 1);
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value != null && !isArrayLike(value)) rules.fail(i, "an array");
    ends[i + 1] = ends[i]! + (value == null ? 0 : (value as ArrayLike<unknown>).length);
  }
  const total = ends[values.length]!;
  const items: unknown[] = new Array(total);
  const rows = new Uint32Array(total);
  for (let i = 0, at = 0; i < values.length; i++) {
    const value = values[i] as ArrayLike<unknown> | null | undefined;
    if (value == null) continue;
    rows.fill(i, at, at + value.length);
    for (let j = 0; j < value.length; j++) items[at++] = value[j];
  }
  const child = buildValues(childFields(type)[0]!.type, items, nestRules(type, rows, rules));
  return {
    child,
    valueOffsets: (type.typeId as number) === 21 ? BigInt64Array.from(ends, BigInt) : Int32Array.from(ends),
  };
}

function buildVectors(type: DataType, given: Values, rules: BuildRules): Data {
  const values = openVectors(given);
  const dimension = (type as unknown as ArrowType).listSize!;
  const element = childFields(type)[0]!.type as unknown as ArrowType;
  const expected = element.typeId === 13 ? `an array of ${dimension} objects` : `a vector of ${dimension} numbers`;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    if (!isArrayLike(value)) return rules.fail(i, expected);
    if (value.length !== dimension) return rules.fail(i, expected, "DIMENSION_MISMATCH");
  }
  const elementType = element as unknown as DataType;
  // Float vectors are the common case, and need no array of boxed values.
  if (element.typeId === 3 && element.precision !== 0) {
    const flat =
      element.precision === 1
        ? new Float32Array(values.length * dimension)
        : new Float64Array(values.length * dimension);
    const isPlain = values.every(
      (value, i) => value == null || copyFloats(flat, i * dimension, value as ArrayLike<unknown>),
    );
    if (isPlain) return make({ type: elementType, length: flat.length, nullCount: 0, data: flat });
  }
  const items: unknown[] = [];
  const rows = new Uint32Array(values.length * dimension);
  const goneRows = values.map((value) => value == null);
  const nested: BuildRules = {
    ...nestRules(type, rows, rules),
    ...(element.typeId === 13 ? { isGone: (index: number) => goneRows[rows[index]!]! } : {}),
  };
  for (let i = 0; i < values.length; i++) {
    const value = values[i] as ArrayLike<unknown> | null | undefined;
    rows.fill(i, i * dimension, (i + 1) * dimension);
    for (let j = 0; j < dimension; j++) {
      // Elements under a null vector are nobody's: a zero keeps a non-nullable element type whole.
      items.push(value == null ? (nested.nullable || nested.isGone ? null : zeroOf(element)) : value[j]);
    }
  }
  return buildValues(elementType, items, nested);
}

function zeroOf(type: ArrowType): unknown {
  return type.typeId === 6 ? false : type.typeId === 2 && type.bitWidth === 64 ? 0n : 0;
}

function copyFloats(target: Float32Array | Float64Array, offset: number, values: ArrayLike<unknown>): boolean {
  if (values instanceof Float32Array || values instanceof Float64Array) {
    target.set(values, offset);
    return true;
  }
  for (let j = 0; j < values.length; j++) {
    const value = values[j];
    if (typeof value !== "number") return false;
    target[offset + j] = value;
  }
  return true;
}
