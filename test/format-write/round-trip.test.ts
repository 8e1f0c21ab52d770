import { type Data, type RecordBatch, type Schema, Table, Vector } from "apache-arrow";
import { expect, test } from "vitest";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import type { LanceFileVersion } from "../../src/format/write/file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ALL_TYPES, makeBatches, makeLanceSchema, NULL_PATTERNS } from "./random-tables.ts";

useTestRuntime();

/** A value as text: vectors item by item, bytes and words as numbers. */
function show(value: unknown): string {
  if (value === null || value === undefined) return "null";
  if (value instanceof Vector) return `[${Array.from(value, show).join()}]`;
  if (ArrayBuffer.isView(value)) return `[${Array.from(value as unknown as ArrayLike<number>, String).join()}]`;
  return value instanceof Date ? String(value.getTime()) : String(value);
}

async function readBack(
  data: { schema: Schema; batches: RecordBatch[] },
  options: { version: LanceFileVersion; maxPageBytes?: number },
) {
  const store = createMemoryStore();
  const writer = await createLanceFileWriter(store, "f.lance", { schema: makeLanceSchema(data.schema), ...options });
  for (const batch of data.batches) await writer.write(batch);
  const { sizeBytes } = await writer.finish();
  const file = await openLanceFile(store, "f.lance", { sizeBytes });
  const read: RecordBatch[] = [];
  for await (const batch of file.read(fileColumns(file), { kind: "all" })) read.push(batch);
  return { file, read };
}

const collect = (batches: RecordBatch[], index: number) =>
  new Vector(batches.map((batch) => batch.data.children[index] as Data));

test.each([
  ["2.1", 1],
  ["2.1", 2],
  ["2.2", 3],
  ["2.2", 4],
] as const)("what we write in %s we read, seed %i", async (version, seed) => {
  for (const [i, pattern] of NULL_PATTERNS.entries()) {
    const data = makeBatches(ALL_TYPES, [900, 1, 1200], {
      seed: seed * 10 + i,
      pattern,
      maxLength: seed % 2 ? 40 : 5000,
    });
    const { file, read } = await readBack(data, { version, maxPageBytes: 15_000 * seed });
    expect(file.numRows).toBe(2101);
    for (const [index, field] of data.schema.fields.entries()) {
      const expected = collect(data.batches, index);
      const actual = collect(read, index);
      expect(actual.length).toBe(expected.length);
      for (let row = 0; row < expected.length; row++) {
        const want = show(expected.get(row));
        const got = show(actual.get(row));
        if (want !== got)
          expect({ field: field.name, pattern, row, value: got }).toEqual({
            field: field.name,
            pattern,
            row,
            value: want,
          });
      }
    }
  }
});

test("a file without rows", async () => {
  const { file, read } = await readBack(makeBatches(ALL_TYPES, [0], { seed: 1 }), { version: "2.1" });
  expect([file.numRows, new Table(read).numRows]).toEqual([0, 0]);
});
