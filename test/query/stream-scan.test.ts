import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, Schema } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { findVectorType } from "../../src/index/vector-type.ts";
import { elementBytes, toQueryVector } from "../../src/kernels/element.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { searchFlat } from "../../src/query/flat-search.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { withCache } from "../../src/store/with-cache.ts";
import { withCoalescing } from "../../src/store/with-coalescing.ts";
import { readLiveRows } from "../../src/table/deletions/deletions.ts";
import { createColumnSource } from "../../src/table/rows/column-source.ts";
import { streamFixedRows } from "../../src/table/rows/stream-fixed.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { expectError } from "../index/support.ts";
import { createRandom } from "../kernels/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 300;
const ROWS = 5000;
const URI = "memory://stream";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "lancelet-stream-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Three fragments, some MB; every ninth row deleted. */
async function createTable(store: Store, { nullAt = -1, maxRowsPerFile = 2000 } = {}): Promise<Store> {
  const random = createRandom(9);
  const schema = new Schema([
    new Field("v", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
  ]);
  const rows = Array.from({ length: ROWS }, (_, i) => ({
    v: i === nullAt ? null : Array.from({ length: DIMENSION }, () => random() - 0.5),
  }));
  const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile });
  await dataset.delete("_rowoffset % 9 = 4");
  return store;
}

function describeScan(snapshot: Snapshot) {
  const field = snapshot.schema.fields[0]!;
  const type = findVectorType(field)!;
  return { field, type, rowBytes: type.dimension * elementBytes(type.element), fragmentIds: [0, 1, 2] };
}

async function search(snapshot: Snapshot, leastStreamBytes: number) {
  const random = createRandom(3);
  const { field, type, fragmentIds } = describeScan(snapshot);
  const queries = Array.from({ length: 2 }, () =>
    toQueryVector(
      Array.from({ length: DIMENSION }, () => random() - 0.5),
      type.element,
    ),
  );
  const query = { field, type, queries, k: 25, metric: "l2", distanceRange: [null, null], fragmentIds } as const;
  return searchFlat(snapshot, query, await readLiveRows(snapshot), { leastStreamBytes });
}

describe.each([
  ["files", () => createNodeFsStore(join(directory, "files"))],
  [
    "files behind a cache",
    () => withCache(withCoalescing(createNodeFsStore(join(directory, "cached"))), { maxBytes: 8 << 20 }),
  ],
  ["a store that reads into memory of its own", () => createMemoryStore()],
])("a scan past the caches, of %s", (_, createStore) => {
  test("answers as one through them", async () => {
    const snapshot = await openSnapshot(await createTable(createStore()), { uri: URI });
    const expected = await search(snapshot, Number.POSITIVE_INFINITY);
    expect(expected.map(({ rowIds }) => rowIds.length)).toEqual([25, 25]);
    expect(await search(snapshot, 0)).toEqual(expected);
    // Nothing of what lay in its buffers is kept anywhere.
    expect(await search(snapshot, Number.POSITIVE_INFINITY)).toEqual(expected);
    expect(await search(snapshot, 0)).toEqual(expected);
  });
});

test("a column that is borrowed comes in memory used again: the same live rows, in batches as asked for", async () => {
  const store = createNodeFsStore(join(directory, "column"));
  const snapshot = await openSnapshot(await createTable(store, { maxRowsPerFile: ROWS }), { uri: URI });
  const source = createColumnSource(snapshot, "v", [0]);
  const read = async (borrow: boolean, batchRows: number) => {
    const values = new Float32Array(source.numRows * DIMENSION);
    const rowIds: bigint[] = [];
    const buffers = new Set<ArrayBufferLike>();
    let whole = 0;
    for await (const batch of source.batches({ borrow, batchRows })) {
      const items = batch.values.children[0]!.values as Float32Array;
      expect(batch.values.length).toBeLessThanOrEqual(batchRows);
      values.set(items.subarray(0, batch.values.length * DIMENSION), rowIds.length * DIMENSION);
      rowIds.push(...batch.rowIds);
      if (batch.rowIds.length === batchRows) whole++;
      if (batch.values.length === batchRows) buffers.add(items.buffer);
    }
    return { rows: { values, rowIds }, buffers: buffers.size, whole };
  };
  const { rows } = await read(false, 1000);
  expect(rows.rowIds).toHaveLength(source.numRows);
  // Batches of 4 rows: most have none of the deleted ones, and so are views.
  const borrowed = await read(true, 4);
  expect(borrowed.rows).toEqual(rows);
  expect(borrowed.whole).toBeGreaterThan(500);
  expect(borrowed.buffers).toBe(3);
  expect((await read(true, 900)).rows).toEqual(rows);

  // Rows of a sample that are near to each other are read with those between them, others alone: all are the same.
  const known = new Map(rows.rowIds.map((id, i) => [id, rows.values.subarray(i * DIMENSION, (i + 1) * DIMENSION)]));
  const far = overrideStore(snapshot.store, { capabilities: { ...store.capabilities, gapBytes: 9 } });
  const sources = [source, createColumnSource({ ...snapshot, store: far }, "v", [0])];
  for (const [count, each] of [30, 300, 2000, source.numRows].flatMap((n) => sources.map((one) => [n, one] as const))) {
    const seen: bigint[] = [];
    for await (const { values, rowIds } of each.sample(count, { seed: 5 })) {
      const items = values.children[0]!.values as Float32Array;
      expect(values.length).toBe(rowIds.length);
      for (const [i, id] of rowIds.entries()) {
        expect(items.subarray(i * DIMENSION, (i + 1) * DIMENSION)).toEqual(known.get(id));
      }
      seen.push(...rowIds);
    }
    expect(seen).toHaveLength(count);
    expect(seen).toEqual([...new Set(seen)].sort((a, b) => Number(a - b)));
  }
});

describe("what is streamed", () => {
  async function open(nullAt = -1) {
    const store = createCountingStore(createMemoryStore());
    await createTable(store, { nullAt });
    return { store, snapshot: await openSnapshot(store, { uri: URI }) };
  }

  async function stream(snapshot: Snapshot, signal?: AbortSignal) {
    const { field, rowBytes, fragmentIds } = describeScan(snapshot);
    return streamFixedRows(snapshot, fragmentIds, { field, rowBytes, leastBytes: 1, signal });
  }

  test("each row once, in blocks of about 1 MB, at most two ahead of the one in use", async () => {
    const { store, snapshot } = await open();
    const { rowBytes } = describeScan(snapshot);
    const blocks = (await stream(snapshot))!;
    store.reset();
    const seen = [0, 0, 0];
    let used = 0;
    for await (const { fragmentId, firstRow, numRows, bytes } of blocks) {
      used++;
      expect(firstRow).toBe(seen[fragmentId]);
      expect(bytes.byteLength).toBe(numRows * rowBytes);
      expect(bytes.byteLength).toBeLessThanOrEqual(1 << 20);
      seen[fragmentId]! += numRows;
      expect(store.gets().length).toBeLessThanOrEqual(used + 2);
    }
    expect(seen).toEqual([2000, 2000, 1000]);
  });

  test("no small column, none with a NULL, none of a store where reading again costs time", async () => {
    const { snapshot } = await open();
    const { field, rowBytes, fragmentIds } = describeScan(snapshot);
    expect(await streamFixedRows(snapshot, fragmentIds, { field, rowBytes })).toBeUndefined();
    const far = overrideStore(snapshot.store, {
      capabilities: { ...(snapshot.store as Store).capabilities, gapBytes: 9 },
    });
    expect(await stream({ ...snapshot, store: far })).toBeUndefined();
    expect(await stream((await open(2100)).snapshot)).toBeUndefined();
  });

  test("a file that became shorter is CORRUPT, and an abort ends it", async () => {
    const { store, snapshot } = await open();
    const path = `data/${snapshot.fragments[1]!.proto.files[0]!.path}`;
    await stream(snapshot);
    const { bytes } = (await store.get(path))!;
    await store.put(path, bytes.slice(0, 3000), { mode: "overwrite" });
    const readAll = async (signal?: AbortSignal) => {
      for await (const _ of (await stream(snapshot, signal))!);
    };
    expect((await expectError(readAll(), "CORRUPT")).message).toMatch(/cut off/);
    await expectError(readAll(AbortSignal.abort()), "ABORTED");
  });
});
