import { type Data, makeData } from "apache-arrow";
import { isRecord } from "../../is-record.ts";
import type { BuildField, FieldShape } from "../schema/field-shape.ts";
import type { BuildRules, Values } from "./fill-values.ts";

/** How the values inside are built, and refused. */
export interface NestedRules {
  readonly rules: BuildRules;
  readonly build: BuildField;
}

/**
 * Children of a struct column out of objects; a field that an object lacks is null.
 * @throws what `rules.fail` throws, naming the field by its path
 */
export function buildStructs(fields: readonly FieldShape[], values: Values, { rules, build }: NestedRules): Data[] {
  const known = new Set(fields.map((field) => field.name));
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value == null) continue;
    if (!isStruct(value)) rules.fail(i, `an object of the fields ${[...known].join(", ")}`);
    const odd = Object.keys(value).find((name) => !known.has(name));
    if (odd === undefined) continue;
    rules.fail(i, `one of the fields ${[...known].join(", ")}`, "SCHEMA_MISMATCH", {
      path: `.${odd}`,
      value: (value as Record<string, unknown>)[odd],
    });
  }
  return fields.map((field) => {
    const column = values.map((value) => (value == null ? null : (value as Record<string, unknown>)[field.name]));
    return build(field, column, {
      isGone: (index) => values[index] == null,
      fail: (index, expected, code, refused) =>
        rules.fail(index, expected, code, {
          path: `.${field.name}${refused?.path ?? ""}`,
          value: refused ? refused.value : column[index],
        }),
    });
  });
}

/** Objects, and rows of structs as Arrow gives them; not what a list, bytes or a date is. */
function isStruct(value: unknown): value is Record<string, unknown> {
  if (!isRecord(value)) return false;
  return !(value instanceof Date) && !(value instanceof Map) && !(value instanceof ArrayBuffer);
}

/**
 * Offsets and entries of a map column, out of Maps, arrays of pairs, or objects where keys are text.
 * @throws what `rules.fail` throws
 */
export function buildMaps(entries: FieldShape, values: Values, { rules, build }: NestedRules) {
  const [key, item] = (entries.type.children ?? []) as unknown as readonly FieldShape[];
  const keys: unknown[] = [];
  const items: unknown[] = [];
  const rows: number[] = [];
  const valueOffsets = new Int32Array(values.length + 1);
  for (let row = 0; row < values.length; row++) {
    const value = values[row];
    const pairs = value == null ? [] : readPairs(value);
    if (!pairs) return rules.fail(row, "a Map, or an array of pairs of a key and a value");
    for (const pair of pairs) {
      if (!Array.isArray(pair) || pair.length !== 2) return rules.fail(row, "pairs of a key and a value");
      keys.push(pair[0]);
      items.push(pair[1]);
      rows.push(row);
    }
    valueOffsets[row + 1] = keys.length;
  }
  const buildPart = (field: FieldShape, column: Values, part: string) =>
    build(field, column, {
      fail: (index, expected, code, refused) =>
        rules.fail(rows[index] ?? 0, expected, code, {
          path: `.${part}${refused?.path ?? ""}`,
          value: refused ? refused.value : column[index],
        }),
    });
  const children = [buildPart(key!, keys, "key"), buildPart(item!, items, "value")];
  const child = makeData({ type: entries.type as never, length: keys.length, nullCount: 0, children });
  return { valueOffsets, child };
}

function readPairs(value: unknown): Iterable<unknown> | undefined {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return undefined;
  // Rows of maps do not own to it with `in`.
  if (typeof (value as Partial<Iterable<unknown>>)[Symbol.iterator] === "function") return value as Iterable<unknown>;
  return Object.prototype.toString.call(value) === "[object Object]" ? Object.entries(value) : undefined;
}
