import {
  type Data,
  type DataType,
  Dictionary,
  Field,
  Int8,
  makeData,
  Struct,
  Utf8,
  Vector,
  vectorFromArray,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { gatherData } from "../../src/table/rows/gather-data.ts";
import { createNullData } from "../../src/table/rows/null-data.ts";
import { ALL_TYPES, createRandom, makeColumn, NULL_PATTERNS } from "../format-write/random-tables.ts";
import fc from "../support/fast-check.ts";

/** Values in a form that compares by content: bigint, bytes, nested lists, NaN and −0 included. */
function plain(value: unknown): unknown {
  if (value === null || typeof value !== "object") return value;
  if (ArrayBuffer.isView(value)) return [...(value as Uint8Array)];
  if (value instanceof Vector) return [...value].map(plain);
  const row = value as { toJSON?: () => object };
  return row.toJSON === undefined ? value : Object.entries(row.toJSON()).map(([key, inner]) => [key, plain(inner)]);
}

const valueAt = (data: Data, row: number) => plain(new Vector([data]).get(row));

const STRUCT = new Struct([new Field("x", new Int8(), true), new Field("s", new Utf8(), true)]);

function makeSource(type: DataType, rows: number, seed: number): Data {
  const random = createRandom(seed);
  const shape = { random, pattern: NULL_PATTERNS[seed % NULL_PATTERNS.length]!, maxLength: 40 };
  if (type !== STRUCT) return makeColumn(type, rows, shape);
  const children = STRUCT.children.map((child) => makeColumn(child.type, rows + 3, shape));
  return makeData({ type: STRUCT, length: rows + 3, children }).slice(3, rows) as Data;
}

describe.each([...Object.entries(ALL_TYPES), ["struct", STRUCT] as const])("%s", (_, type) => {
  test("rows of several sliced arrays, in any order, with repeats", () => {
    fc.assert(
      fc.property(fc.nat(1000), fc.array(fc.tuple(fc.nat(2), fc.nat(29)), { maxLength: 60 }), (seed, picked) => {
        const data = [0, 1, 2].map((i) => makeSource(type, 30, seed + i));
        const picks = {
          rows: Uint32Array.from(picked, ([, row]) => row),
          sources: Uint32Array.from(picked, ([source]) => source),
        };
        const gathered = gatherData(data, picks);
        expect(gathered.length).toBe(picked.length);
        picked.forEach(([source, row], i) => {
          expect(valueAt(gathered, i)).toEqual(valueAt(data[source]!, row));
        });
        const nulls = picked.filter(([source, row]) => !data[source]!.getValid(row)).length;
        if (type.typeId !== 1) expect(gathered.nullCount).toBe(nulls);
      }),
      { numRuns: 25 },
    );
  });

  test("one source, and a gathered array gathered again", () => {
    const data = makeSource(type, 64, 5);
    const once = gatherData([data], { rows: Uint32Array.from({ length: 64 }, (_, i) => 63 - i) });
    const twice = gatherData([once], { rows: Uint32Array.from({ length: 64 }, (_, i) => 63 - i) });
    for (let i = 0; i < 64; i++) expect(valueAt(twice, i)).toEqual(valueAt(data, i));
  });

  test("an array of nulls is null throughout, and can be sliced and gathered", () => {
    const nulls = createNullData(type, 10);
    expect(nulls.length).toBe(10);
    const gathered = gatherData([nulls.slice(2, 5) as Data, makeSource(type, 3, 0)], {
      rows: Uint32Array.of(4, 0, 1),
      sources: Uint32Array.of(0, 0, 1),
    });
    for (let i = 0; i < 10; i++) expect(valueAt(nulls, i)).toBeNull();
    expect(valueAt(gathered, 0)).toBeNull();
    expect(valueAt(gathered, 1)).toBeNull();
  });
});

test("dictionaries of several pages are joined", () => {
  const type = new Dictionary(new Utf8(), new Int8());
  const [left, right] = [vectorFromArray(["a", null, "b"], type), vectorFromArray(["c", "a", null], type)];
  const gathered = gatherData([left.data[0]!, right.data[0]!], {
    rows: Uint32Array.of(2, 0, 1, 1, 0),
    sources: Uint32Array.of(0, 1, 1, 0, 0),
  });
  expect([...new Vector([gathered])]).toEqual(["b", "c", "a", null, "a"]);
});

test("dictionaries that outgrow their index type are refused", () => {
  const type = new Dictionary(new Utf8(), new Int8());
  const words = (prefix: string) =>
    vectorFromArray(
      Array.from({ length: 100 }, (_, i) => `${prefix}${i}`),
      type,
    ).data[0]!;
  const picks = { rows: Uint32Array.of(0, 99), sources: Uint32Array.of(0, 1) };
  expect(() => gatherData([words("a"), words("b")], picks)).toThrow(expect.objectContaining({ code: "UNSUPPORTED" }));
});
