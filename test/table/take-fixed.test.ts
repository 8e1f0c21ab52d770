import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import {
  type Data,
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int32,
  Schema,
  Uint8,
} from "apache-arrow";
import { describe, expect, test } from "vitest";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { findVectors } from "../../src/index/vector-rule.ts";
import { findVectorType } from "../../src/index/vector-type.ts";
import { elementBytes } from "../../src/kernels/element.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createNodeFsStore } from "../../src/store/node-fs.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { planRuns } from "../../src/table/rows/plan-runs.ts";
import { RowCache } from "../../src/table/rows/row-cache.ts";
import { takeAddresses } from "../../src/table/rows/take.ts";
import { getKeptRowBytes, takeFixedRows } from "../../src/table/rows/take-fixed.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { expectError } from "../index/support.ts";
import { createRandom } from "../kernels/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const URI = "memory://take-fixed";
const DIMENSION = 100;
const ROWS = 900;
const PER_FRAGMENT = 300;
const MAX_BYTES = 64 << 20;

/** Three fragments. Value j of row i is (i × 3 + j) mod 251; `nullAt` rows are NULL. */
async function createTable(item: DataType, options: { nullAt?: number; version?: string; store?: Store } = {}) {
  const { nullAt, version, store = createMemoryStore() } = options;
  const schema = new Schema([
    new Field("id", new Int32(), false),
    new Field("v", new FixedSizeList(DIMENSION, new Field("item", item, true)), true),
  ]);
  const rows = Array.from({ length: ROWS }, (_, id) => ({
    id,
    v: id === nullAt ? null : Array.from({ length: DIMENSION }, (_, j) => (id * 3 + j) % 251),
  }));
  const more = version === undefined ? {} : { dataStorageVersion: version };
  await writeDataset(rows, store, { schema, maxRowsPerFile: PER_FRAGMENT, ...more });
  return store;
}

const addressOf = (row: number) => toRowAddress(Math.floor(row / PER_FRAGMENT), row % PER_FRAGMENT);

const ALL = Array.from({ length: ROWS }, (_, row) => addressOf(row));

async function take(snapshot: Snapshot, addresses: readonly bigint[], maxBytes = MAX_BYTES, name = "v") {
  const field = snapshot.schema.fields.find((each) => each.name === name)!;
  const { element, dimension } = findVectorType(field)!;
  const findValid = (values: Data) => findVectors(values, dimension);
  const rowBytes = dimension * elementBytes(element);
  const taken = await takeFixedRows(snapshot, BigUint64Array.from(addresses), { field, rowBytes, maxBytes, findValid });
  return { bytes: taken.bytes, invalid: taken.invalid };
}

/** The same rows by the general way. */
async function takePlainly(snapshot: Snapshot, addresses: readonly bigint[], name = "v") {
  const field = snapshot.schema.fields.find((each) => each.name === name)!;
  const batch = await takeAddresses(snapshot, BigUint64Array.from(addresses), [field]);
  const data = batch.data.children[0]!;
  const { dimension } = findVectorType(field)!;
  const values = data.children[0]!.values.subarray(0, addresses.length * dimension) as Uint8Array;
  const invalid = addresses.map((_, i) => i).filter((i) => !data.getValid(i));
  return { bytes: new Uint8Array(values.buffer, values.byteOffset, values.byteLength), invalid: new Set(invalid) };
}

/** Pages with levels or in chunks are decoded, and kept like the others. */
const COLUMNS = [
  ["halffloat, in chunks", new Float16(), {}],
  ["float", new Float32(), {}],
  ["double", new Float64(), {}],
  ["uint8, in chunks", new Uint8(), {}],
  ["float of a file 2.2", new Float32(), { version: "2.2" }],
  ["float with a NULL", new Float32(), { nullAt: 310 }],
] as const;

describe.each(COLUMNS)("rows of %s", (_, item, options) => {
  test("are as the general way gives them, in any order, repeats included, read or kept", async () => {
    const snapshot = await openSnapshot(await createTable(item, options), { uri: URI });
    const random = createRandom(3);
    for (let round = 0; round < 8; round++) {
      const rows = Array.from({ length: 1 + round * 40 }, () => addressOf(Math.floor(random() * ROWS)));
      const asked = [...rows, ...rows.slice(0, 3), addressOf(310), addressOf(0), addressOf(ROWS - 1)];
      expect(await take(snapshot, asked)).toEqual(await takePlainly(snapshot, asked));
    }
    expect(await take(snapshot, [])).toEqual({ bytes: new Uint8Array(0), invalid: new Set() });
  });
});

test.each([
  ["types_v20.lance", ["fsl", "fsl_u8"]],
  ["types_v21.lance", ["fsl", "fsl_u8"]],
  ["ivf_flat_f16_l2.lance", ["vec"]],
  ["ivf_flat_hamming.lance", ["vec"]],
])("native files: vectors of %s equal those of the general way", async (name, columns) => {
  const directory = fileURLToPath(new URL(`../fixtures/lance/${name}`, import.meta.url));
  const snapshot = await openSnapshot(createNodeFsStore(directory), { uri: directory });
  const { id, physicalRows } = snapshot.fragments[0]!;
  const addresses = Array.from({ length: 60 }, (_, i) => toRowAddress(id, (i * 7) % physicalRows));
  for (const column of columns) {
    expect(findVectorType(snapshot.schema.fields.find((field) => field.name === column)!)).toBeDefined();
    for (let round = 0; round < 2; round++) {
      const taken = await take(snapshot, addresses, MAX_BYTES, column);
      const plain = await takePlainly(snapshot, addresses, column);
      expect(taken.invalid).toEqual(plain.invalid);
      const width = taken.bytes.length / addresses.length;
      for (let i = 0; i < addresses.length; i++) {
        if (plain.invalid.has(i)) continue;
        expect(taken.bytes.subarray(i * width, (i + 1) * width)).toEqual(
          plain.bytes.subarray(i * width, (i + 1) * width),
        );
      }
    }
  }
});

test("rows of files are read into memory that is used again, and are their own", async () => {
  const directory = await mkdtemp(join(tmpdir(), "lancelet-take-fixed-"));
  try {
    const buffers = new Set<ArrayBufferLike>();
    let reads = 0;
    const files = createNodeFsStore(directory);
    const store = overrideStore(files, {
      async get(path, range, options) {
        if (!options?.into) return files.get(path, range, options);
        reads++;
        buffers.add(options.into.buffer);
        return files.get(path, range, options);
      },
    });
    await createTable(new Float32(), { store });
    const snapshot = await openSnapshot(store, { uri: URI });
    const expected = await takePlainly(snapshot, ALL);
    for (const first of [0, PER_FRAGMENT, 2 * PER_FRAGMENT]) {
      const [from, to] = [first, first + PER_FRAGMENT].map((row) => row * DIMENSION * 4);
      const taken = await take(snapshot, ALL.slice(first, first + PER_FRAGMENT));
      expect(taken.bytes).toEqual(expected.bytes.subarray(from, to));
    }
    expect([reads, buffers.size]).toEqual([3, 1]);
    // Kept rows do not lie where they were read.
    expect(await take(snapshot, ALL)).toEqual(expected);
    expect(reads).toBe(3);
  } finally {
    await rm(directory, { recursive: true });
  }
});

describe("what is read", () => {
  /** A store of files far away, where a request costs as much as `gapBytes`. */
  async function openFarAway(gapBytes: number | undefined) {
    const store = createCountingStore(await createTable(new Float32()));
    const far = overrideStore(store, {
      capabilities: gapBytes === undefined ? store.capabilities : { ...store.capabilities, gapBytes },
    });
    const snapshot = await openSnapshot(far, { uri: URI });
    await take(snapshot, [addressOf(0), addressOf(PER_FRAGMENT), addressOf(2 * PER_FRAGMENT)]);
    store.reset();
    return { snapshot, store };
  }

  test("rows nearer than a request costs are one read, others their own bytes only; what was read is kept", async () => {
    const { snapshot, store } = await openFarAway(10 * DIMENSION * 4);
    const rows = [5, 290, 10, 100, 400, 405, 899].map(addressOf);
    const read = await take(snapshot, rows);
    const gets = store.gets().map(({ length }) => length! / DIMENSION / 4);
    expect(gets.sort((a, b) => a - b)).toEqual([1, 1, 1, 6, 6]);
    store.reset();
    expect(await take(snapshot, rows)).toEqual(read);
    await take(snapshot, [6, 401].map(addressOf));
    expect(store.gets()).toEqual([]);
  });

  test("from a store where bytes cost little come blocks of neighbours", async () => {
    const { snapshot, store } = await openFarAway(undefined);
    await take(snapshot, [addressOf(170)]);
    // Of 400 bytes a row: those that lie in one piece of 16 KiB.
    expect(store.gets()).toMatchObject([{ length: 40 * DIMENSION * 4 }]);
    await take(snapshot, [160, 171, 199].map(addressOf));
    expect(store.gets().length).toBe(1);
    await take(snapshot, [addressOf(200)]);
    expect(store.gets().length).toBe(2);
  });

  test("what is kept stays within its bound, however many rows are taken", async () => {
    const snapshot = await openSnapshot(await createTable(new Float64()), { uri: URI });
    const bound = 300_000;
    for (let round = 0; round < 4; round++) {
      expect(await take(snapshot, ALL, bound)).toEqual(await takePlainly(snapshot, ALL));
      expect(getKeptRowBytes(snapshot)).toBeLessThanOrEqual(bound);
      expect(getKeptRowBytes(snapshot)).toBeGreaterThan(0);
    }
    expect(await take(snapshot, ALL, 0)).toEqual(await takePlainly(snapshot, ALL));
    expect(getKeptRowBytes(snapshot)).toBe(0);
  });

  test("NULL rows are not kept as if they held a value", async () => {
    const snapshot = await openSnapshot(await createTable(new Float32(), { nullAt: 310 }), { uri: URI });
    for (let round = 0; round < 2; round++) {
      expect((await take(snapshot, [addressOf(309), addressOf(310)])).invalid).toEqual(new Set([1]));
    }
  });
});

test("reads of any rows are bounded: near ones are joined up to half a MiB, each row in one of them", () => {
  const random = createRandom(8);
  const rowBytes = 1000;
  const starts = Float64Array.of(0, 3000, 3001, 9000);
  const layout = { rowBytes, starts, offsets: Float64Array.of(50, 4_000_000, 5_000_000) };
  for (const gapBytes of [undefined, 0, 20_000]) {
    const wanted = Array.from({ length: 700 }, (_, at) => ({ row: Math.floor(random() * 9000), at }));
    const runs = planRuns(layout, wanted, gapBytes);
    for (const { start, end, offset, rows } of runs) {
      expect((end - start) * rowBytes).toBeLessThanOrEqual(512 * 1024);
      const page = starts.findIndex((first, i) => start >= first && end <= starts[i + 1]!);
      expect(offset).toBe(layout.offsets[page]! + (start - starts[page]!) * rowBytes);
      expect(rows.every(({ row }) => row >= start && row < end)).toBe(true);
    }
    expect(runs.flatMap(({ rows }) => rows.map(({ at }) => at)).sort((a, b) => a - b)).toEqual(
      wanted.map(({ at }) => at),
    );
  }
});

describe("what is not there", () => {
  test("a fragment, a row, a file that became shorter", async () => {
    const store = await createTable(new Float32());
    const snapshot = await openSnapshot(store, { uri: URI });
    await expectError(take(snapshot, [toRowAddress(9, 0)]), "NOT_FOUND");
    const error = await expectError(take(snapshot, [toRowAddress(1, PER_FRAGMENT)]), "NOT_FOUND");
    expect(error.message).toMatch(/fragment 1 has rows 0 to 299; row 300/);
    const path = `data/${snapshot.fragments[1]!.proto.files[0]!.path}`;
    const { bytes } = (await store.get(path))!;
    await store.put(path, bytes.slice(0, 2000), { mode: "overwrite" });
    await expectError(take(snapshot, [toRowAddress(1, 200)]), "CORRUPT");
    await store.delete(path);
    await expectError(take(snapshot, [toRowAddress(1, 200)]), "NOT_FOUND");
  });
});

describe("a cache of rows", () => {
  test("gives what was added, lets the rows used longest ago go, and keeps its bound", () => {
    const cache = new RowCache();
    cache.bound(3 * 300_000);
    const rowBytes = 1000;
    const columns = ["a", "b"].map((key) => cache.open(key, rowBytes));
    const random = createRandom(5);
    const fillOf = (column: number, row: number) => (column * 7 + row * 13) % 256;
    const target = new Uint8Array(rowBytes);
    let hits = 0;
    for (let i = 0; i < 5000; i++) {
      const [column, row] = [i % 2, Math.floor(random() * (i % 3 === 0 ? 20 : 2000))];
      target.fill(255);
      if (columns[column]!.copy(row, target, 0)) {
        hits++;
        expect(target).toEqual(new Uint8Array(rowBytes).fill(fillOf(column, row)));
      } else {
        columns[column]!.add(row, new Uint8Array(rowBytes).fill(fillOf(column, row)));
      }
      expect(cache.bytes).toBeLessThanOrEqual(900_000);
    }
    expect(hits).toBeGreaterThan(1000);
    cache.bound(100);
    expect(cache.bytes).toBe(0);
    expect(columns[0]!.copy(1, target, 0)).toBe(false);
    columns[0]!.add(1, target);
    expect(columns[0]!.copy(1, target, 0)).toBe(false);
  });
});
