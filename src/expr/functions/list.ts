import { gatherData } from "../../table/rows/gather-data.ts";
import { createBits, hasBit, uniteBits } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { unitePair } from "../common-type.ts";
import { buildVector } from "../compile/build-vector.ts";
import { createReader } from "../compile/read-value.ts";
import { readNulls } from "../compile/read-vector.ts";
import { createNullVector, type Vector } from "../compile/vector.ts";
import { withNulls } from "../compile/with-nulls.ts";
import { compareAny } from "../scalar-order.ts";
import { BOOLEAN, INT64, type ListType, UINT64, type ValueType } from "../value-type.ts";
import { type Call, type FunctionSpec, mapRows, type Signature } from "./spec.ts";

type Items = readonly (Value | null)[];

/** A list whose items can be compared. */
function asList(type: ValueType | undefined): ListType | undefined {
  if (type?.kind === "null") return { kind: "list", item: type, form: "list" };
  return type?.kind === "list" && type.item.kind !== "struct" && type.item.kind !== "other" ? type : undefined;
}

/** The form lists of fixed size are computed in. */
function withItem(list: ListType, item: ValueType): ListType {
  return { kind: "list", item, form: list.form === "large" ? "large" : "list" };
}

function resolvePair(types: readonly ValueType[]): { list: ListType; item: ValueType; other: ValueType } | undefined {
  const list = asList(types[0]);
  if (list === undefined) return undefined;
  const other = types[1]!;
  const item = unitePair(list.item, other.kind === "list" ? other.item : other);
  const isMixed = (list.item.kind === "utf8") !== (item?.kind === "utf8");
  if (item === undefined || (isMixed && list.item.kind !== "null")) return undefined;
  return { list: withItem(list, item), item, other };
}

/** Whether an item is in a list. NULL where either is; a NULL item is never found. */
const arrayHas: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "a list and a value of its items' type",
  resolve: (types) => {
    if (types[1]!.kind === "list") return undefined;
    const pair = resolvePair(types);
    return pair && { parameters: [pair.list, pair.item], result: BOOLEAN };
  },
  evaluate: mapRows(() => (list, item) => hasItem(list as Items, item)),
};

/** Whether two lists share an item, or one holds all of the other. An empty or NULL list holds all of nothing. */
function compareLists(decide: (list: Items, wanted: Items) => boolean): FunctionSpec {
  return {
    minimum: 2,
    maximum: 2,
    expects: "two lists of one item type",
    resolve: (types): Signature | undefined => {
      if (types[1]!.kind !== "list" && types[1]!.kind !== "null") return undefined;
      const pair = resolvePair([types[0]!, types[1]!.kind === "null" ? types[0]! : types[1]!]);
      return pair && { parameters: [pair.list, withItem(pair.list, pair.item)], result: BOOLEAN };
    },
    evaluate: mapRows(() => (list, wanted) => decide(list as Items, wanted as Items)),
  };
}

function hasItem(list: Items, item: Value): boolean {
  return list.some((each) => each !== null && compareAny(each, item) === 0);
}

function hasEntry(list: Items, item: Value | null): boolean {
  return item === null ? list.includes(null) : hasItem(list, item);
}

/** Items of each list; NULL of NULL. */
const cardinality: FunctionSpec = {
  minimum: 1,
  maximum: 1,
  expects: "a list",
  resolve: ([type]) => (type?.kind === "list" ? { parameters: [type], result: UINT64 } : undefined),
  evaluate: ([list], { length }) => {
    if (list?.kind !== "list") return createNullVector(length);
    const values = new BigUint64Array(length);
    for (let row = 0; row < length; row++) values[row] = BigInt(list.offsets[row + 1]! - list.offsets[row]!);
    return { kind: "bigint", length, nulls: list.nulls, values };
  },
};

const empty: FunctionSpec = {
  ...cardinality,
  resolve: ([type]) => (type?.kind === "list" ? { parameters: [type], result: BOOLEAN } : undefined),
  evaluate: ([list], { length }) => {
    if (list?.kind !== "list") return createNullVector(length);
    const bits = createBits(length);
    for (let row = 0; row < length; row++) {
      if (list.offsets[row + 1] === list.offsets[row]) bits[row >>> 5]! |= 1 << (row & 31);
    }
    return { kind: "boolean", length, nulls: list.nulls, bits };
  },
};

/** The item at a position from 1, or from -1 at the end; NULL outside of the list. */
const arrayElement: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "a list and a whole number",
  resolve: ([list, index]) => {
    if (list?.kind !== "list" || (index?.kind !== "int" && index?.kind !== "null")) return undefined;
    return { parameters: [list, INT64], result: list.item };
  },
  evaluate: ([list, index], call) => {
    if (list?.kind !== "list" || index?.kind !== "bigint") return createNullVector(call.length);
    const nulls = uniteBits(list.nulls, index.nulls);
    const positions = locateItems(list.offsets, index.values, { nulls, length: call.length });
    return pickItems(list.items, positions, call);
  },
};

/** The place of each wanted item among all of them; -1 where there is none. */
function locateItems(
  offsets: ArrayLike<number>,
  indices: ArrayLike<bigint>,
  { nulls, length }: { readonly nulls: Uint32Array | null; readonly length: number },
): Int32Array {
  const positions = new Int32Array(length).fill(-1);
  for (let row = 0; row < length; row++) {
    if (nulls !== null && hasBit(nulls, row)) continue;
    const size = offsets[row + 1]! - offsets[row]!;
    const index = Number(indices[row]);
    const at = index > 0 ? index - 1 : size + index;
    if (index !== 0 && at >= 0 && at < size) positions[row] = offsets[row]! + at;
  }
  return positions;
}

function pickItems(items: Vector, positions: Int32Array, { length, type }: Call): Vector {
  if (items.kind !== "opaque") {
    const read = createReader(items, type);
    return buildVector(type, length, (row) => {
      const at = positions[row]!;
      return at < 0 || (items.nulls !== null && hasBit(items.nulls, at)) ? null : read(at);
    });
  }
  if (items.length === 0) return createNullVector(length);
  const rows = Uint32Array.from(positions, (at) => Math.max(0, at));
  const picked = gatherData([items.data], { rows, sources: new Uint32Array(length) });
  const nulls = readNulls(picked) ?? createBits(length);
  for (let row = 0; row < length; row++) if (positions[row]! < 0) nulls[row >>> 5]! |= 1 << (row & 31);
  return { kind: "opaque", length, nulls, data: withNulls(picked, nulls) };
}

const makeArray: FunctionSpec = {
  minimum: 1,
  maximum: 1024,
  expects: "values of one type",
  resolve: (types) => {
    const item = types.reduce<ValueType | undefined>((a, b) => a && unitePair(a, b), { kind: "null" });
    if (item === undefined || item.kind === "struct" || item.kind === "other") return undefined;
    return { parameters: types.map(() => item), result: { kind: "list", item, form: "list" } };
  },
  evaluate: (args, { length, type }) => {
    const item = type.kind === "list" ? type.item : type;
    const readers = args.map((vector) => ({ nulls: vector.nulls, read: createReader(vector, item) }));
    return buildVector(type, length, (row) =>
      readers.map(({ nulls, read }) => (nulls !== null && hasBit(nulls, row) ? null : read(row))),
    );
  },
};

const hasAny = compareLists((list, wanted) => wanted.some((item) => hasEntry(list, item)));
const hasAll = compareLists((list, wanted) => wanted.every((item) => hasEntry(list, item)));

/** Functions of lists. */
export const LIST_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  array_has: arrayHas,
  array_contains: arrayHas,
  list_has: arrayHas,
  list_contains: arrayHas,
  array_has_any: hasAny,
  list_has_any: hasAny,
  arrays_overlap: hasAny,
  array_has_all: hasAll,
  list_has_all: hasAll,
  array_length: cardinality,
  list_length: cardinality,
  cardinality,
  empty,
  array_element: arrayElement,
  list_element: arrayElement,
  make_array: makeArray,
  make_list: makeArray,
};
