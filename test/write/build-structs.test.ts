import { DateDay, Field, FixedSizeBinary, Int32, Int64, List, Map_, Schema, Struct, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { updateRows } from "../../src/write/rows/update-rows.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, readRows } from "./support.ts";

useTestRuntime();

const strict = new Struct([
  new Field("n", new Int64(), false),
  new Field("t", new Utf8(), false),
  new Field("d", new DateDay(), false),
  new Field("b", new FixedSizeBinary(2), false),
  new Field("l", new List(new Field("item", new Utf8(), true)), false),
]);
const point = new Struct([new Field("x", new Int32(), true), new Field("y", new Utf8(), true)]);
const SCHEMA = new Schema([
  new Field("strict", strict, true),
  new Field("points", new List(new Field("item", point, true)), true),
  new Field("grid", new List(new Field("item", new List(new Field("item", new Int32(), true)), true)), true),
  new Field(
    "map",
    new Map_(
      new Field(
        "entries",
        new Struct([new Field("key", new Utf8(), false), new Field("value", new Int32(), true)]),
        false,
      ) as never,
    ),
    true,
  ),
]);

const rows = [
  {
    strict: { n: 1n, t: "a", d: 5, b: Uint8Array.of(1, 2), l: ["q", null] },
    points: [{ x: 1, y: "p" }, null, { x: null }],
    grid: [[1, null], null, []],
    map: new Map([["k", 1]]),
  },
  { strict: null, points: null, grid: null, map: null },
  { points: [], grid: [], map: { a: 2, c: null } },
  { map: [["z", 3]] },
];
const EXPECTED = [
  {
    strict: { n: 1, t: "a", l: ["q", null] },
    points: [{ x: 1, y: "p" }, null, { x: null, y: null }],
    grid: [[1, null], null, []],
    map: { k: 1 },
  },
  { strict: null, points: null, grid: null, map: null },
  { strict: null, points: [], grid: [], map: { a: 2, c: null } },
  { strict: null, points: null, grid: null, map: { z: 3 } },
];

const plain = (value: unknown) =>
  JSON.parse(
    JSON.stringify(value, (key, each) =>
      key === "d" || key === "b" ? undefined : typeof each === "bigint" ? Number(each) : each,
    ),
  );

test("objects, arrays of objects, arrays of arrays and maps are written, appended, read and written back", async () => {
  const source = await toRecordBatches(rows, { schema: SCHEMA });
  const first = await createTable(createMemoryStore(), source, { uri: "memory://t", storageVersion: "2.2" });
  expect(plain(await readRows(first))).toEqual(EXPECTED);
  const read = (await readRows(first)) as object[];
  const second = await appendRows(first, read);
  expect(plain(await readRows(second))).toEqual([...EXPECTED, ...EXPECTED]);
  const { snapshot } = await updateRows(
    second,
    { where: "strict IS NULL", values: { points: [{ y: "new" }], map: { c: 9 } } },
    ENVIRONMENT,
  );
  const changed = plain(await readRows(snapshot)) as Record<string, unknown>[];
  expect(changed.slice(2).map(({ points, map }) => [points, map])).toEqual(
    Array.from({ length: 6 }, () => [[{ x: null, y: "new" }], { c: 9 }]),
  );
});

describe("refusals name row, column and field", () => {
  test.each<[string, object, string]>([
    ["no object", { strict: 5 }, "an object of the fields n, t, d, b, l"],
    ["an unknown field", { points: [{ z: 1 }] }, '"points.item.z"'],
    ["a field of another type", { points: [{ x: "one" }] }, '"points.item.x"'],
    ["a null where none may be", { strict: { n: 1n } }, '"strict.t"'],
    ["no map", { map: 5 }, "a Map"],
    ["no pairs", { map: [1, 2] }, "pairs"],
    ["a value of another type", { map: { a: "x" } }, '"map.value"'],
  ])("%s", async (_, row, expected) => {
    const source = toRecordBatches([{ grid: [] }, row], { schema: SCHEMA });
    await expect(source).rejects.toMatchObject({ code: "SCHEMA_MISMATCH", details: { row: 1 } });
    await expect(source).rejects.toThrow(expected);
  });
});
