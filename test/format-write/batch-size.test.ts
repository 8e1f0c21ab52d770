import { Field, makeData, RecordBatch, Schema, Struct, Utf8, vectorFromArray } from "apache-arrow";
import { expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { makeLanceSchema } from "./random-tables.ts";

useTestRuntime();

const MiB = 1024 * 1024;

function makeTexts(values: readonly string[]): RecordBatch {
  const schema = new Schema([new Field("text", new Utf8(), true)]);
  const children = [vectorFromArray(values, new Utf8()).data[0]!];
  return new RecordBatch(schema, makeData({ type: new Struct(schema.fields), length: values.length, children }));
}

/** @returns bytes of text in each batch of a scan, and rows in all */
async function scan(version: "2.1" | "2.2", textOf: (row: number) => string, numRows: number) {
  const store = createMemoryStore();
  const first = makeTexts([textOf(0)]);
  const writer = await createLanceFileWriter(store, "f.lance", { schema: makeLanceSchema(first.schema), version });
  for (let row = 0; row < numRows; row += 50) {
    await writer.write(makeTexts(Array.from({ length: Math.min(50, numRows - row) }, (_, i) => textOf(row + i))));
  }
  const { sizeBytes } = await writer.finish();
  const file = await openLanceFile(store, "f.lance", { sizeBytes });
  const batchBytes: number[] = [];
  let rows = 0;
  for await (const batch of file.read(fileColumns(file), { kind: "all" })) {
    batchBytes.push((batch.data.children[0]!.values as Uint8Array).byteLength);
    rows += batch.numRows;
  }
  return { sizeBytes, rows, largest: Math.max(...batchBytes) };
}

test.each(["2.1", "2.2"] as const)(
  "texts that compress to nothing do not make batches of hundreds of MiB, %s",
  async (version) => {
    const body = "all work and no play ".repeat(5000);
    const { sizeBytes, rows, largest } = await scan(version, (row) => `${row} ${body}`, 600);
    expect(sizeBytes).toBeLessThan(2 * MiB);
    expect(rows).toBe(600);
    expect(largest).toBeLessThan(20 * MiB);
  },
);

test.each(["2.1", "2.2"] as const)("nor do a few long texts that occur often, %s", async (version) => {
  const body = "all work and no play ".repeat(1200);
  const { sizeBytes, rows, largest } = await scan(version, (row) => `${(row * 7) % 9} ${body}`, 4000);
  expect(sizeBytes).toBeLessThan(16 * MiB);
  expect(rows).toBe(4000);
  expect(largest).toBeLessThan(20 * MiB);
});

test("short texts and small files keep whole batches", async () => {
  const words = ["red", "green", "blue"];
  expect((await scan("2.2", (row) => words[row % 3]!, 9000)).largest).toBeGreaterThan(8000 * 3);
  expect((await scan("2.2", (row) => words[row % 3]!, 40)).rows).toBe(40);
});
