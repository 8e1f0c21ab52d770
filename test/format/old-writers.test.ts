import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Table } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { columnValues, type Json } from "./support.ts";

useTestRuntime();

const FOLDER = fileURLToPath(new URL("../fixtures/old-writers/", import.meta.url));
const TABLES = readdirSync(FOLDER, { withFileTypes: true }).flatMap((entry) => (entry.isDirectory() ? entry.name : []));
const EXPECTED = JSON.parse(readFileSync(join(FOLDER, "expected.json"), "utf8")) as Record<string, Json>[];
const NAMES = Object.keys(EXPECTED[0]!);

const open = (name: string) => openDataset(createNodeFsStore(join(FOLDER, name)));
const valuesOf = (table: Table, name: string) => columnValues(table.batches, name);

test("there are tables of every generation of writers", () => {
  expect(TABLES).toHaveLength(15);
});

describe.each(TABLES)("a table written by pylance %s", (name) => {
  test("holds every value, deleted rows left out", async () => {
    const dataset = await open(name);
    expect(await dataset.countRows()).toBe(EXPECTED.length);
    const table = await dataset.toTable();
    for (const column of NAMES.filter((one) => one !== "blob")) {
      const want = EXPECTED.map((row) => row[column]!);
      expect(valuesOf(table, column), column).toEqual(want);
    }
  });

  test("gives rows by position, in any order", async () => {
    const dataset = await open(name);
    const indices = [EXPECTED.length - 1, 0, 57, 57, 3, 110];
    const table = await dataset.take(indices);
    for (const column of NAMES.filter((one) => one !== "blob")) {
      const want = indices.map((index) => EXPECTED[index]![column]!);
      expect(valuesOf(table, column), column).toEqual(want);
    }
  });

  test("gives its blobs", async () => {
    const dataset = await open(name);
    const want = EXPECTED.map((row) => row.blob!);
    const type = dataset.schema.fields.find((field) => field.name === "blob")!;
    // Where the writer refused blobs the column is plain bytes.
    if (!type.metadata.has("lance-encoding:blob") && !type.metadata.has("ARROW:extension:name")) {
      expect(valuesOf(await dataset.toTable({ columns: ["blob"] }), "blob")).toEqual(want);
      return;
    }
    const blobs = await dataset.takeBlobs("blob", { indices: EXPECTED.map((_, row) => row) });
    const read = await Promise.all(blobs.map((blob) => blob!.read()));
    expect(read.map((bytes) => ({ b64: Buffer.from(bytes).toString("base64") }))).toEqual(want);
  });

  test("answers filters", async () => {
    const dataset = await open(name);
    expect(await dataset.countRows("id >= 100 AND few IS NOT NULL")).toBe(
      EXPECTED.filter((row) => Number(row.id) >= 100 && row.few !== null).length,
    );
  });
});
