import { type DataType, Field, FixedSizeList, Float16, Float32, Float64, Int32, Schema, Uint8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { LanceError } from "../../src/errors.ts";
import { getCachedPartBytes } from "../../src/index/part-budgets.ts";
import { findVectorType } from "../../src/index/vector-type.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { elementBytes, toQueryVector, type VectorElement } from "../../src/kernels/element.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { searchFlat } from "../../src/query/flat-search.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { readLiveRows } from "../../src/table/deletions/deletions.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { expectError } from "../index/support.ts";
import { createRandom } from "../kernels/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

/** Rows long enough to lie in the file as they are, of any type. */
const DIMENSION = 288;
const ROWS = 3000;
const URI = "memory://kept";
const ELEMENTS: readonly (readonly [VectorElement, DataType])[] = [
  ["f32", new Float32()],
  ["f16", new Float16()],
  ["f64", new Float64()],
  ["u8", new Uint8()],
];

/** What nobody has open any more loses its blocks at some time. */
const open: unknown[] = [];

async function openTable(store: Store): Promise<Snapshot> {
  const snapshot = await openSnapshot(store, { uri: URI });
  open.push(snapshot);
  return snapshot;
}

/** Three fragments; every ninth row deleted. */
async function createTable(element: VectorElement, item: DataType, nullAt = -1) {
  const store = createCountingStore(createMemoryStore());
  const random = createRandom(5);
  const schema = new Schema([
    new Field("id", new Int32(), false),
    new Field("v", new FixedSizeList(DIMENSION, new Field("item", item, true)), true),
  ]);
  const draw = () => (element === "u8" ? Math.floor(random() * 256) : Math.floor(random() * 4096) / 4096 - 0.5);
  const rows = Array.from({ length: ROWS }, (_, id) => ({
    id,
    v: id === nullAt ? null : Array.from({ length: DIMENSION }, draw),
  }));
  const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile: 1200 });
  await dataset.delete("_rowoffset % 9 = 4");
  await dataset.close();
  return store;
}

async function search(snapshot: Snapshot, keptBytes: number, { isMasked = true, seed = 3 } = {}) {
  const random = createRandom(seed);
  const field = snapshot.schema.fields[1]!;
  const type = findVectorType(field)!;
  const metric = type.element === "u8" ? "hamming" : "l2";
  const draw = () => (type.element === "u8" ? Math.floor(random() * 256) : random() - 0.5);
  const queries = [0, 1].map(() => toQueryVector(Array.from({ length: DIMENSION }, draw), type.element));
  const fragmentIds = snapshot.fragments.map(({ id }) => id);
  const query = { field, type, queries, k: 25, metric, distanceRange: [null, null], fragmentIds } as const;
  return searchFlat(snapshot, query, isMasked ? await readLiveRows(snapshot) : null, { keptBytes });
}

const dataReads = (store: { gets(path: RegExp): readonly unknown[] }) => store.gets(/^data\//).length;

describe.each(ELEMENTS)("a column of %s that is scanned again", (element, item) => {
  test("is read once, and answers as one that is not kept, whatever rows count", async () => {
    const store = await createTable(element, item);
    const snapshot = await openTable(store);
    const expected = await search(snapshot, 0);
    expect(expected.map(({ rowIds }) => rowIds.length)).toEqual([25, 25]);
    const before = getCachedPartBytes();
    expect(await search(snapshot, 64 << 20)).toEqual(expected);
    const held = getCachedPartBytes() - before;
    expect(held).toBe(ROWS * (DIMENSION * elementBytes(element) + 8));
    store.reset();
    expect(await search(snapshot, 64 << 20)).toEqual(expected);
    expect(dataReads(store)).toBe(0);
    expect(await search(snapshot, 64 << 20, { isMasked: false })).toEqual(
      await search(snapshot, 0, { isMasked: false }),
    );
    expect(getCachedPartBytes() - before).toBe(held);
  });
});

describe("kept columns", () => {
  test("are shared by searches at once, and by versions: rows deleted later are not answered", async () => {
    const store = await createTable("f32", new Float32());
    const dataset = await openDataset(store, { memoryBudgetBytes: 64 << 20 });
    const nearest = { column: "v", q: new Float32Array(DIMENSION), k: 5 };
    const find = async () => Array.from((await dataset.toTable({ columns: ["id"], nearest })).getChild("id")!, Number);
    const [first, ...others] = await Promise.all([find(), find(), find()]);
    for (const other of others) expect(other).toEqual(first);
    await dataset.delete(`id = ${first![0]}`);
    store.reset();
    const next = await find();
    expect(next.slice(0, 4)).toEqual(first!.slice(1));
    expect(dataReads(store)).toBe(0);
    open.push(dataset);
  });

  test("are only those that fit, without a NULL, and not of a store where reading again costs time", async () => {
    const store = await createTable("f32", new Float32());
    const snapshot = await openTable(store);
    const before = getCachedPartBytes();
    const bytes = ROWS * (DIMENSION * 4 + 8);
    const expected = await search(snapshot, 0);
    expect(await search(snapshot, bytes - 1)).toEqual(expected);
    const capabilities = { ...(snapshot.store as Store).capabilities, gapBytes: 9 };
    const far = { ...snapshot, store: overrideStore(snapshot.store, { capabilities }) };
    expect(await search(far, 64 << 20)).toEqual(expected);
    expect(getCachedPartBytes()).toBe(before);
    const holed = await openTable(await createTable("f32", new Float32(), 2100));
    expect(await search(holed, 64 << 20)).toEqual(await search(holed, 0));
    expect(getCachedPartBytes()).toBe(before);
  });

  test("are not kept where WASM memory has no room, and answers are the same", async () => {
    const snapshot = await openTable(await createTable("f32", new Float32()));
    const expected = await search(snapshot, 0);
    const core = await loadCoreKernels();
    const real = core.allocate;
    const before = getCachedPartBytes();
    try {
      let code: "QUOTA_EXCEEDED" | "CORRUPT" = "QUOTA_EXCEEDED";
      core.allocate = (byteLength) => {
        // More than what any scan takes.
        if (byteLength > 300_000) throw new LanceError(code, "no room");
        return real(byteLength);
      };
      expect(await search(snapshot, 64 << 20)).toEqual(expected);
      expect(getCachedPartBytes()).toBe(before);
      code = "CORRUPT";
      await expectError(search(snapshot, 64 << 20), "CORRUPT");
    } finally {
      core.allocate = real;
    }
  });

  test("make room for one another, and what lost its place is read again", async () => {
    const bytes = ROWS * (DIMENSION * 4 + 8);
    const stores = [await createTable("f32", new Float32()), await createTable("f32", new Float32())];
    const [a, b] = await Promise.all(stores.map(openTable));
    const expected = await search(a!, 0);
    const budget = Math.floor(bytes * 1.3);
    for (let i = 0; i < 3; i++) {
      expect(await search(a!, budget)).toEqual(expected);
      expect(await search(b!, budget)).toEqual(expected);
    }
    stores[1]!.reset();
    expect(await search(b!, budget)).toEqual(expected);
    expect(dataReads(stores[1]!)).toBe(0);
  });
});
