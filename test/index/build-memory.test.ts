import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createIndex } from "../../src/index/create-index.ts";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { createTable } from "../../src/write/create-table.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom, inlinePool } from "./support.ts";

useTestRuntime();

const DIMENSION = 128;
const ROWS = 110_000;
const MIB = 2 ** 20;

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-build-memory-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function* drawBatches(schema: Schema): AsyncGenerator<RecordBatch> {
  const random = createRandom(11);
  const { type } = schema.fields[0]!;
  for (let row = 0; row < ROWS; row += 10_000) {
    const length = Math.min(10_000, ROWS - row);
    const data = Float32Array.from({ length: length * DIMENSION }, () => random() - 0.5);
    const items = makeData({ type: new Float32(), length: data.length, nullCount: 0, data });
    const lists = makeData({ type: type as FixedSizeList, length, nullCount: 0, child: items });
    yield new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [lists] }),
    );
  }
}

test("a build reads a column of 54 MiB into a few buffers of its own, and its pages take twice their bytes", async () => {
  let [fresh, borrowed] = [0, 0];
  const files = createNodeFsStore(directory);
  const store = overrideStore(files, {
    async get(path, range, options) {
      const result = await files.get(path, range, options);
      const isBorrowed = options?.into !== undefined && result?.bytes.buffer === options.into.buffer;
      if (isBorrowed) borrowed += result!.bytes.byteLength;
      else fresh += result?.bytes.byteLength ?? 0;
      return result;
    },
  });
  const schema = new Schema([
    new Field("v", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
  ]);
  const snapshot = await createTable(store, { schema, batches: drawBatches(schema) }, { uri: directory });
  const kernels = await loadBuildKernels();
  [fresh, borrowed] = [0, 0];
  const params = { numPartitions: 16, numSubVectors: 64, maxIterations: 2 };
  await createIndex(snapshot, "v", "IVF_PQ", { params, pool: inlinePool, memoryBudgetBytes: 64 * MIB });
  // One row in 13 is sampled, so that once is to find them, once to code all.
  expect(borrowed).toBeGreaterThan(1.5 * ROWS * DIMENSION * 4);
  expect(fresh).toBeLessThan(2 * MIB);
  // It never shrinks. Of the table a page of 8 MiB and what it becomes; of the index one of 6.7 MiB, where the sample was.
  expect(kernels.memoryBytes()).toBeLessThan(19 * MIB);
});
