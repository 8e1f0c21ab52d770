import type { DataType } from "apache-arrow";
import type { ArrowType } from "../format/write/arrow-data.ts";
import type { BuildRules, Values } from "./fill-values.ts";

/** Values of one child column, and how to refuse one. */
export interface ChildValues {
  readonly type: DataType;
  readonly values: Values;
  readonly rules: BuildRules;
}

interface ChildField {
  readonly name: string;
  readonly type: ArrowType;
  readonly nullable: boolean;
}

/**
 * Takes objects apart into the fields of a struct. A field that is left out is null.
 * @throws what `rules.fail` throws, for what is no object or has a field the struct lacks
 */
export function splitStructs(type: ArrowType, values: Values, rules: BuildRules): ChildValues[] {
  const fields = type.children as unknown as readonly ChildField[];
  const known = new Set(fields.map((field) => field.name));
  const objects = values.map((value, i) => {
    if (value == null) return undefined;
    if (typeof value !== "object" || Array.isArray(value) || ArrayBuffer.isView(value)) {
      return rules.fail(i, `an object with the fields ${[...known].join(", ")}`);
    }
    // A row of an Arrow struct gives its fields this way.
    const { toJSON } = value as { toJSON?: () => unknown };
    const object = (typeof toJSON === "function" ? toJSON.call(value) : value) as Record<string, unknown>;
    const odd = Object.keys(object).find((name) => !known.has(name));
    if (odd !== undefined) return rules.fail(i, `an object with the fields ${[...known].join(", ")}, not "${odd}"`);
    return object;
  });
  return fields.map((field) => ({
    type: field.type as unknown as DataType,
    values: objects.map((object) =>
      // What lies under a null is nobody's: a plain value keeps a field that may not be null whole.
      object === undefined && !field.nullable ? plainValueOf(field.type) : object?.[field.name],
    ),
    rules: {
      nullable: field.nullable,
      fail: (index, expected, code) => rules.fail(index, `an object whose "${field.name}" is ${expected}`, code),
    },
  }));
}

/**
 * Takes maps apart into keys and values, row after row. A map is a `Map`, an array of pairs or an object.
 * @throws what `rules.fail` throws, for what is none of these
 */
export function splitMaps(
  type: ArrowType,
  values: Values,
  rules: BuildRules,
): { readonly valueOffsets: Int32Array; readonly keys: ChildValues; readonly values: ChildValues } {
  const [keyField, valueField] = type.children![0]!.type.children as unknown as readonly [ChildField, ChildField];
  const valueOffsets = new Int32Array(values.length + 1);
  const keys: unknown[] = [];
  const items: unknown[] = [];
  const rows: number[] = [];
  for (let i = 0; i < values.length; i++) {
    for (const [key, item] of readPairs(values[i], () =>
      rules.fail(i, "a Map, an array of [key, value], or an object"),
    )) {
      keys.push(key);
      items.push(item);
      rows.push(i);
    }
    valueOffsets[i + 1] = keys.length;
  }
  const child = (field: ChildField, held: Values, what: string): ChildValues => ({
    type: field.type as unknown as DataType,
    values: held,
    rules: {
      nullable: field.nullable,
      fail: (index, expected, code) => rules.fail(rows[index] ?? 0, `a map whose ${what} are each ${expected}`, code),
    },
  });
  return { valueOffsets, keys: child(keyField, keys, "keys"), values: child(valueField, items, "values") };
}

function readPairs(value: unknown, fail: () => never): Iterable<readonly [unknown, unknown]> {
  if (value == null) return [];
  if (typeof value !== "object" || ArrayBuffer.isView(value)) return fail();
  if (!(Symbol.iterator in value)) return Object.entries(value);
  const pairs = [...(value as Iterable<unknown>)];
  return pairs.every((pair) => Array.isArray(pair) && pair.length === 2)
    ? (pairs as (readonly [unknown, unknown])[])
    : fail();
}

function plainValueOf(type: ArrowType): unknown {
  switch (type.typeId) {
    case 2:
    case 8:
    case 9:
    case 10:
    case 18:
      return type.typeId === 2 && type.bitWidth === 64 ? 0n : 0;
    case 3:
      return 0;
    case 5:
    case 20:
      return "";
    case 6:
      return false;
    case 7:
      return 0n;
    case 4:
    case 19:
      return new Uint8Array(0);
    case 15:
      return new Uint8Array(type.byteWidth!);
    case 12:
    case 21:
    case 17:
      return [];
    case 13:
      return Object.fromEntries(
        (type.children as unknown as readonly ChildField[]).map((field) => [
          field.name,
          field.nullable ? null : plainValueOf(field.type),
        ]),
      );
    default:
      return null;
  }
}
