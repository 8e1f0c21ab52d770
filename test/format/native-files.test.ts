import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { fileColumns } from "../../src/format/read/file.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { columnValues, FIXTURES, type Json, listLanceFiles, openFixture, readBatchesOf } from "./support.ts";

useTestRuntime();

interface Expected {
  readonly schema: readonly (readonly [name: string, type: string, nullable: boolean])[];
  readonly fragments: readonly {
    readonly physical_rows: number;
    readonly files: readonly { readonly path: string }[];
  }[];
  readonly rows_json: readonly Record<string, Json>[];
}

async function readExpected(table: string): Promise<Expected> {
  return JSON.parse(await readFile(join(FIXTURES, table, "expected.json"), "utf8"));
}

describe.each(["types_v20.lance", "types_v21.lance", "types_v22.lance"])("%s, written by native", (table) => {
  test("every value of every column equals native's", async () => {
    const expected = await readExpected(table);
    let firstRow = 0;
    for (const fragment of expected.fragments) {
      const file = await openFixture(join(FIXTURES, table, "data", fragment.files[0]!.path));
      expect(file.numRows).toBe(fragment.physical_rows);
      const batches = await readBatchesOf(file, undefined, { kind: "all" }, { batchRows: 17 });
      for (const [name] of expected.schema) {
        const want = expected.rows_json.slice(firstRow, firstRow + file.numRows).map((row) => row[name]!);
        expect(columnValues(batches, name), name).toEqual(want);
      }
      firstRow += file.numRows;
    }
    expect(firstRow).toBe(expected.rows_json.length);
  });

  test("rows taken one by one and in runs are the rows of a scan", async () => {
    const expected = await readExpected(table);
    const file = await openFixture(join(FIXTURES, table, "data", expected.fragments[1]!.files[0]!.path));
    const all = await readBatchesOf(file, undefined);
    const indices = Uint32Array.of(0, 3, 4, 5, 31, 58, 59);
    const taken = await readBatchesOf(file, undefined, { kind: "indices", indices }, { batchRows: 3 });
    const ranges = await readBatchesOf(file, undefined, {
      kind: "ranges",
      ranges: [
        [2, 9],
        [9, 12],
        [40, 60],
      ],
    });
    for (const [name] of expected.schema) {
      const values = columnValues(all, name);
      expect(columnValues(taken, name), name).toEqual(Array.from(indices, (row) => values[row]));
      expect(columnValues(ranges, name), name).toEqual([...values.slice(2, 12), ...values.slice(40, 60)]);
    }
  });
});

test("every data and index file of the fixtures decodes whole", async () => {
  const files = await listLanceFiles(FIXTURES);
  expect(files.length).toBeGreaterThan(60);
  for (const path of files) {
    const file = await openFixture(path);
    const batches = await readBatchesOf(file, undefined);
    expect(
      batches.reduce((sum, batch) => sum + batch.numRows, 0),
      path,
    ).toBe(file.numRows);
    expect(batches[0]?.schema.fields.map((field) => field.name) ?? [], path).toEqual(
      file.numRows === 0 ? [] : fileColumns(file).map(({ field }) => field.name),
    );
    for (let index = 0; index < file.numGlobalBuffers; index++) await file.readGlobalBuffer(index);
    file.close();
  }
});

test("the pages of a BTREE hold each fragment's values in order", async () => {
  const expected = JSON.parse(await readFile(join(FIXTURES, "btree.lance", "expected.json"), "utf8"));
  const index = expected.indices.find((one: { name: string }) => one.name === "bt_i");
  const file = await openFixture(join(FIXTURES, "btree.lance", "_indices", index.segments[0].uuid, "page_data.lance"));
  const batches = await readBatchesOf(file, undefined);
  const values = columnValues(batches, "values");
  const nulls = values.filter((value) => value === null).length;
  expect(values.slice(0, nulls).every((value) => value === null)).toBe(true);
  const rest = values.slice(nulls) as number[];
  expect(rest).toEqual(rest.toSorted((a, b) => a - b));
  expect(new Set(columnValues(batches, "ids")).size).toBe(file.numRows);
});
