import { Field, Int32, List, Struct, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import type { LanceField } from "../../src/format/schema.ts";
import { mergeData } from "../../src/table/rows/merge-data.ts";
import { readValue } from "../format/support.ts";

const leaf = (id: number, name: string, logicalType: string): LanceField => ({
  id,
  parentId: 1,
  name,
  logicalType,
  nullable: true,
  metadata: {},
  children: [],
});
const k = leaf(2, "k", "string");
const n = leaf(3, "n", "int32");
const later = leaf(4, "later", "int32");
const listOf = (children: readonly LanceField[]): LanceField => ({
  ...leaf(0, "l", "list.struct"),
  children: [{ ...leaf(1, "item", "struct"), children }],
});
const typeOf = (...fields: Field[]) => new List(new Field("item", new Struct(fields), true));
const kField = new Field("k", new Utf8(), true);
const nField = new Field("n", new Int32(), true);

test("lists of structs whose fields lie in two files become one, rows cut off in front included", () => {
  const rows = [
    [{ k: "dropped", n: 0 }],
    [
      { k: "a", n: 1 },
      { k: "b", n: null },
    ],
    null,
    [],
    [{ k: null, n: 4 }],
  ];
  const texts = vectorFromArray(
    rows.map((row) => row?.map(({ k }) => ({ k })) ?? null),
    typeOf(kField),
  ).data[0]!;
  const numbers = vectorFromArray(
    rows.slice(1).map((row) => row?.map(({ n }) => ({ n })) ?? null),
    typeOf(nField),
  ).data[0]!;
  const field = listOf([k, n, later]);
  const merged = mergeData(field, typeOf(kField, nField, new Field("later", new Int32(), true)), [
    { field: listOf([k]), data: texts.slice(1, 4) },
    { field: listOf([n]), data: numbers },
  ]);
  expect(Array.from({ length: 4 }, (_, row) => readValue(merged, row))).toEqual(
    rows.slice(1).map((row) => row?.map((item) => ({ ...item, later: null })) ?? null),
  );
});

test("files that disagree about the lengths of lists are CORRUPT", () => {
  const one = vectorFromArray([[{ k: "a" }]], typeOf(kField)).data[0]!;
  const two = vectorFromArray([[{ n: 1 }, { n: 2 }]], typeOf(nField)).data[0]!;
  const merge = () =>
    mergeData(listOf([k, n]), typeOf(kField, nField), [
      { field: listOf([k]), data: one },
      { field: listOf([n]), data: two },
    ]);
  expect(merge).toThrow(expect.objectContaining({ code: "CORRUPT" }));
});
