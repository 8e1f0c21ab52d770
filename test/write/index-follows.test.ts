import { expect, test } from "vitest";
import { type Dataset, writeDataset } from "../../src/index.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { findNearest, idsOf, inlinePool, makeRows, makeVector, SCHEMA } from "../dataset/support.ts";

const NUM_ROWS = 120;
const q = makeVector(() => 0.6);

/** Fragments each index covers, by name. */
async function readCoverage(dataset: Dataset): Promise<Record<string, readonly number[]>> {
  const indices = await dataset.describeIndices();
  return Object.fromEntries(
    indices.map(({ name, segments }) => [name, segments.flatMap(({ fragmentIds }) => fragmentIds ?? []).sort()]),
  );
}

/** Two fragments under an index of row ids and one of row addresses. */
async function createIndexed(): Promise<Dataset> {
  const dataset = await writeDataset(makeRows(0, NUM_ROWS), createMemoryStore(), {
    schema: SCHEMA,
    maxRowsPerFile: NUM_ROWS / 2,
    enableStableRowIds: true,
  });
  await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 2, pool: inlinePool });
  await dataset.createIndex("size", "BTREE", { pool: inlinePool });
  return dataset;
}

async function expectNearest(dataset: Dataset): Promise<void> {
  const found = await dataset.toTable({ columns: ["id"], nearest: { column: "vector", q, k: 9, nprobes: 2 } });
  expect(idsOf(found)).toEqual(findNearest(makeRows(0, NUM_ROWS), q, 9).map(({ id }) => id));
}

test("with stable row ids an index of ids covers rows an update moved, one of addresses does not", async () => {
  const dataset = await createIndexed();
  await dataset.update({ values: { name: "moved" }, where: "id IN (1, 2, 100)" });
  expect(await readCoverage(dataset)).toEqual({ vector_idx: [0, 1, 2], size_idx: [0, 1] });
  await expectNearest(dataset);
});

test("with stable row ids an index of ids covers what a compaction wrote, without being written anew", async () => {
  const dataset = await createIndexed();
  const before = (await dataset.describeIndices()).find(({ name }) => name === "vector_idx");
  await dataset.optimize.compactFiles();
  expect(await readCoverage(dataset)).toEqual({ vector_idx: [2], size_idx: [2] });
  const after = (await dataset.describeIndices()).find(({ name }) => name === "vector_idx");
  expect(after?.segments.map(({ uuid }) => uuid)).toEqual(before?.segments.map(({ uuid }) => uuid));
  await expectNearest(dataset);
});
