import type { RecordBatch, Schema } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { fromArrowSchema } from "../../src/format/from-arrow-schema.ts";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import type { LanceFileVersion } from "../../src/format/write/file-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { makeMatrix, NULLS, TYPES_21, TYPES_22, VALUE_SHAPES } from "./matrix.ts";
import { anyType } from "./random-types.ts";
import { showValue } from "./show-value.ts";

useTestRuntime();

async function readBack(
  { schema, batches }: { schema: Schema; batches: RecordBatch[] },
  options: { version: LanceFileVersion; maxPageBytes?: number },
): Promise<RecordBatch[]> {
  const store = createMemoryStore();
  const writer = await createLanceFileWriter(store, "f.lance", { schema: fromArrowSchema(schema), ...options });
  for (const batch of batches) await writer.write(batch);
  const { sizeBytes } = await writer.finish();
  const file = await openLanceFile(store, "f.lance", { sizeBytes });
  const read: RecordBatch[] = [];
  for await (const batch of file.read(fileColumns(file), { kind: "all" })) read.push(batch);
  return read;
}

function showColumn(batches: readonly RecordBatch[], index: number): string[] {
  return batches.flatMap((batch) => {
    const column = batch.getChildAt(index)!;
    return Array.from({ length: batch.numRows }, (_, row) => showValue(column.get(row)));
  });
}

function expectSame(read: RecordBatch[], data: { schema: Schema; batches: RecordBatch[] }): void {
  for (const [index, { name }] of data.schema.fields.entries()) {
    expect({ name, values: showColumn(read, index) }).toEqual({ name, values: showColumn(data.batches, index) });
  }
}

/** Native's fixed-size lists of nulls are written for those who have them; the reader has no use for them. */
const { fsl_nothing: _, ...READ_21 } = TYPES_21;
const { fsl_nothing: __, ...READ_22 } = TYPES_22;

describe.each(["2.1", "2.2"] as const)("what we write in %s we read", (version) => {
  test.each(VALUE_SHAPES)("every type, values: %s", async (shape) => {
    for (const [i, nulls] of NULLS.entries()) {
      const types = version === "2.1" ? READ_21 : READ_22;
      const data = makeMatrix(types, i % 2 ? [90, 1, 120] : [150], { seed: i + shape.length, shape, nulls });
      expectSame(await readBack(data, { version, ...(i % 2 ? { maxPageBytes: 3000 } : {}) }), data);
    }
  });
});

test("any nested type, any nulls, pages cut anywhere", async () => {
  const run = fc.asyncProperty(
    anyType(),
    fc.constantFrom(...VALUE_SHAPES),
    fc.constantFrom(...NULLS),
    fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 3 }),
    fc.integer({ min: 30, max: 3000 }),
    fc.integer(),
    async (type, shape, nulls, sizes, maxPageBytes, seed) => {
      const data = makeMatrix({ value: type }, sizes, { seed, shape, nulls });
      expectSame(await readBack(data, { version: "2.2", maxPageBytes }), data);
    },
  );
  await fc.assert(run, { numRuns: 400 });
});
