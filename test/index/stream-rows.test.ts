import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { type LanceFile, openLanceFile } from "../../src/format/read/file.ts";
import { createLanceFileWriter } from "../../src/format/write/create-file-writer.ts";
import { flatStorage } from "../../src/index/ivf/storage/flat.ts";
import type { RowRanges } from "../../src/index/ivf/storage/storage.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { withCache } from "../../src/store/with-cache.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom, expectError } from "./support.ts";

useTestRuntime();

const DIMENSION = 300;
const ROWS = 5000;
const ROW_BYTES = DIMENSION * 4;
const PATH = "_indices/one/auxiliary.idx";
/** Whole, across pieces, several at once of which one is empty, and too few to be streamed. */
const RANGES: readonly RowRanges[] = [
  [[0, ROWS]],
  [[817, 3000]],
  [
    [3, 900],
    [900, 900],
    [1900, 1901],
    [4990, ROWS],
  ],
  [[7, 9]],
];

const storage = flatStorage.open(
  { type: { element: "f32", dimension: DIMENSION }, metric: "l2", centroids: new Float32Array(DIMENSION) },
  null,
);

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-stream-rows-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

async function writeRows(store: Store): Promise<void> {
  const random = createRandom(4);
  const values = new Uint8Array(Float32Array.from({ length: ROWS * DIMENSION }, () => random() - 0.5).buffer);
  const rowIds = BigUint64Array.from({ length: ROWS }, (_, i) => BigInt(i * 3));
  const writer = await createLanceFileWriter(store, PATH, { schema: storage.schema, version: "2.1" });
  for (let row = 0; row < ROWS; row += 1250) {
    const end = row + 1250;
    await writer.write(
      storage.createBatch({
        values: values.slice(row * ROW_BYTES, end * ROW_BYTES),
        rowIds: rowIds.slice(row, end),
      }),
    );
  }
  await writer.finish();
}

/** A digest of the values, which are valid until the next batch only, and the row ids. */
async function readAll(file: LanceFile, ranges: RowRanges, signal?: AbortSignal) {
  const hash = createHash("sha256");
  const rowIds: bigint[] = [];
  for await (const part of storage.readBatches(file, ranges, signal)) {
    expect(part.values.byteLength).toBe(part.rowIds.length * ROW_BYTES);
    hash.update(part.values);
    rowIds.push(...part.rowIds);
  }
  return { values: hash.digest("hex"), rowIds };
}

/** A store that says so, and may. */
const readingInto = (store: Store): Store =>
  overrideStore(store, { capabilities: { ...store.capabilities, readsInto: true } });

describe.each([
  ["files", () => createNodeFsStore(directory)],
  ["a store that reads into memory of its own now and then", () => readingInto(createMemoryStore())],
])("rows of %s", (_, createStore) => {
  test("come piece by piece as they would in batches, also when several read at once", async () => {
    const store = createCountingStore(createStore());
    await writeRows(store);
    const far = overrideStore(store, { capabilities: { ...store.capabilities!, gapBytes: 9 } });
    const [near, batched] = [await openLanceFile(store, PATH), await openLanceFile(far, PATH)];
    const expected = await Promise.all(RANGES.map((ranges) => readAll(batched, ranges)));
    expect(expected.map(({ rowIds }) => rowIds.length)).toEqual([ROWS, 2183, 908, 2]);
    for (let round = 0; round < 2; round++) {
      expect(await Promise.all(RANGES.map((ranges) => readAll(near, ranges)))).toEqual(expected);
    }
    store.reset();
    await readAll(near, RANGES[0]!);
    expect(Math.max(...store.gets(PATH).map(({ bytes }) => bytes))).toBeLessThanOrEqual(1 << 20);
    expect(store.bytesRead(PATH)).toBeGreaterThanOrEqual(ROWS * ROW_BYTES);
  });
});

test("rows of stores that give new memory come in batches, which caches keep", async () => {
  const counted = createCountingStore(createMemoryStore());
  const store = withCache(counted, { maxBytes: 64 << 20 });
  await writeRows(store);
  const file = await openLanceFile(store, PATH);
  const first = await readAll(file, RANGES[0]!);
  counted.reset();
  expect(await readAll(file, RANGES[0]!)).toEqual(first);
  expect(counted.gets(PATH)).toEqual([]);
});

test("a file that became shorter is CORRUPT, an abort ends it, and what was left behind harms nobody", async () => {
  const store = readingInto(createMemoryStore());
  await writeRows(store);
  const file = await openLanceFile(store, PATH);
  const expected = await readAll(file, [[0, ROWS]]);
  for await (const _ of storage.readBatches(file, [[0, ROWS]])) break;
  await expectError(readAll(file, [[0, ROWS]], AbortSignal.abort()), "ABORTED");
  expect(await readAll(file, [[0, ROWS]])).toEqual(expected);
  const { bytes } = (await store.get(PATH))!;
  await store.put(PATH, bytes.slice(0, 4 << 20), { mode: "overwrite" });
  await expectError(readAll(file, [[0, ROWS]]), "CORRUPT");
});
