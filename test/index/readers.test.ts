import { Field, FixedSizeList, Float32, Int32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { LanceError } from "../../src/errors.ts";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { locateSegment } from "../../src/index/open-segment.ts";
import { getCachedPartBytes } from "../../src/index/part-budgets.ts";
import { getFamily } from "../../src/index/registry.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, VectorQuery } from "../../src/index/segment.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, expectError, getCommittedSegments, inlinePool, makeBatch } from "./support.ts";

useTestRuntime();

const DIMENSION = 8;
const VECTORS = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));
const MIB = 2 ** 20;

/** Four fragments of vectors, a committed segment for each. */
async function prepare(seed: number) {
  const random = createRandom(seed);
  const makeVector = () => Float32Array.from({ length: DIMENSION }, () => random() - 0.5);
  const store = createCountingStore(createMemoryStore());
  const values = () => Array.from({ length: 200 }, makeVector);
  const snapshot = await createFragments(store, VECTORS, [values(), values(), values(), values()]);
  const segments: IndexSegment[] = [];
  for (const { id } of snapshot.fragments) {
    const params = { numPartitions: 5 };
    segments.push(
      await createIndexUncommitted(snapshot, "v", "IVF_FLAT", { pool: inlinePool, fragmentIds: [id], params }),
    );
  }
  const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
  const makeQuery = (): VectorQuery => ({
    kind: "vector",
    q: makeVector(),
    k: 20,
    minimumNprobes: 5,
    maximumNprobes: 5,
  });
  return { snapshot: committed, makeQuery, makeVector, store };
}

async function search(snapshot: Snapshot, query: VectorQuery, memoryBudgetBytes: number) {
  return searchSegments(snapshot, await getCommittedSegments(snapshot, "v_idx"), query, { memoryBudgetBytes });
}

describe("what readers keep", () => {
  test("a handle of a small budget neither keeps more, nor takes what another may keep", async () => {
    const { snapshot, makeQuery } = await prepare(1);
    const query = makeQuery();
    expect((await search(snapshot, query, 8 * MIB)).metrics.partsLoaded).toBeGreaterThan(0);
    const small = (await search(snapshot, query, 1)).metrics.partsLoaded;
    expect((await search(snapshot, query, 1)).metrics.partsLoaded).toBe(small);
    expect((await search(snapshot, query, 8 * MIB)).metrics.partsLoaded).toBe(0);
    // Other tables of the thread too.
    const other = await prepare(2);
    await search(other.snapshot, query, 2);
    expect((await search(snapshot, query, 8 * MIB)).metrics.partsLoaded).toBe(0);
  });

  test("all budgets together stay within the largest", async () => {
    const { snapshot, makeQuery } = await prepare(3);
    const query = makeQuery();
    for (let i = 0; i < 12; i++) {
      await search(snapshot, query, 9 * MIB + i);
      expect(getCachedPartBytes()).toBeLessThanOrEqual(9 * MIB + i);
    }
    const partBytes = 4 * 200 * (8 + 4 * DIMENSION);
    const half = Math.floor(partBytes / 2);
    const before = getCachedPartBytes();
    await search(snapshot, query, half);
    expect(getCachedPartBytes() - before).toBeLessThanOrEqual(half);
  });

  test("a part is whole while it is searched, also when others evict it", async () => {
    const { snapshot, makeQuery } = await prepare(4);
    const queries = Array.from({ length: 8 }, makeQuery);
    const expected = [];
    for (const query of queries) expected.push(await search(snapshot, query, 10 * MIB));
    for (let round = 0; round < 3; round++) {
      const answers = await Promise.all(queries.map((query) => search(snapshot, query, 1)));
      for (const [i, { rowIds, distances }] of answers.entries()) {
        expect([rowIds, distances]).toEqual([expected[i]!.rowIds, expected[i]!.distances]);
      }
    }
  });

  test("a commit elsewhere in the table opens no segment anew", async () => {
    const { snapshot, makeQuery, makeVector, store } = await prepare(5);
    const query = makeQuery();
    const before = await search(snapshot, query, 11 * MIB);
    const appended = await appendRows(snapshot, makeBatch(VECTORS, [makeVector()], 1000));
    const indexReads = () => store.gets(/^_indices/).length;
    const numReads = indexReads();
    const after = await search(appended, query, 11 * MIB);
    expect(indexReads()).toBe(numReads);
    expect(after.rowIds).toEqual(before.rowIds);
  });

  test("what leaves is closed: of more segments than are held open, the parts of the last are kept", async () => {
    const store = createMemoryStore();
    const snapshot = await createFragments(
      store,
      new Int32(),
      Array.from({ length: 70 }, () => [1, 2, 3]),
    );
    const segments = await Promise.all(
      snapshot.fragments.map(({ id }) =>
        createIndexUncommitted(snapshot, "v", "BTREE", { pool: inlinePool, fragmentIds: [id] }),
      ),
    );
    const bytes: number[] = [];
    for (const segment of segments) {
      await searchSegments(snapshot, [segment], { kind: "equals", value: 2 }, { memoryBudgetBytes: 12 * MIB });
      await Promise.resolve();
      bytes.push(getCachedPartBytes());
    }
    const [first, ...more] = bytes.slice(65);
    expect(first).toBeGreaterThan(0);
    expect(more).toEqual(more.map(() => first));
  });
});

test.each(["IVF_FLAT", "BTREE"])("%s: a failed open is told when every read has settled", async (indexType) => {
  const store = createMemoryStore();
  const snapshot =
    indexType === "BTREE" ? await createFragments(store, new Int32(), [[1, 2, 3]]) : (await prepare(6)).snapshot;
  const fragmentIds = [0];
  const segment = await createIndexUncommitted(snapshot, "v", indexType, { pool: inlinePool, fragmentIds });
  const [broken] = segment.files!.map(({ path }) => path);
  let running = 0;
  const slow = overrideStore(snapshot.store as Store, {
    async get(path, range, options) {
      if (path.endsWith(broken!)) throw new LanceError("IO", "broken");
      running++;
      await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return snapshot.store.get(path, range, options);
    },
  });
  const family = await getFamily(segment);
  const open = { ...locateSegment(snapshot, segment), store: slow };
  const failing = family.open(open, { memoryBudgetBytes: MIB, domain: new Map([[0, 200]]) });
  await expectError(failing, "IO");
  expect(running).toBe(0);
});
