import { Field, FixedSizeList, Float32, Int32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { createIndex } from "../../src/index/create-index.ts";
import { dropIndex } from "../../src/index/drop-index.ts";
import { optimizeIndices } from "../../src/index/optimize-indices.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { SegmentQuery } from "../../src/index/segment.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { compactFiles } from "../../src/write/compact/compact-files.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import {
  createFragments,
  expectError,
  getCommittedSegments,
  inlinePool,
  listPaths,
  makeBatch,
  type Value,
} from "./support.ts";

useTestRuntime();

const VECTOR = new FixedSizeList(2, new Field("item", new Float32(), true));
const FAMILIES = [
  {
    indexType: "BTREE",
    type: new Int32(),
    makeValue: (i: number): Value => i % 10,
    query: { kind: "range", lower: { value: 4, inclusive: true }, upper: { value: 6, inclusive: false } },
    hits: (i: number) => i % 10 === 4 || i % 10 === 5,
    default: "merged",
  },
  {
    indexType: "IVF_FLAT",
    type: VECTOR,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 1),
    query: {
      kind: "vector",
      q: Float32Array.of(4.4, 1),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 1],
    },
    hits: (i: number) => i % 10 === 4 || i % 10 === 5,
    default: "appended",
  },
  {
    indexType: "IVF_SQ",
    type: VECTOR,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 1),
    query: {
      kind: "vector",
      q: Float32Array.of(4.4, 1),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 1],
    },
    hits: (i: number) => i % 10 === 4 || i % 10 === 5,
    default: "appended",
  },
  {
    indexType: "IVF_PQ",
    type: VECTOR,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 1),
    query: {
      kind: "vector",
      q: Float32Array.of(4.4, 1),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 1],
    },
    hits: (i: number) => i % 10 === 4 || i % 10 === 5,
    default: "appended",
  },
] as const;

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

describe.each(FAMILIES)("$indexType", ({ indexType, type, makeValue, query, hits, ...rest }) => {
  const options = { pool: inlinePool };
  const make = async (store: Store, stableRowIds = false): Promise<Snapshot> => {
    const table = await createFragments(store, type, [range(0, 30).map(makeValue), range(30, 60).map(makeValue)], {
      stableRowIds,
    });
    return (await createIndex(table, "v", indexType, { ...options, numWorkers: 1 })).snapshot;
  };
  const append = (snapshot: Snapshot, from: number, to: number) =>
    appendRows(snapshot, makeBatch(type, range(from, to).map(makeValue), from));
  /** How many rows the index answers, over all of its segments. */
  const count = async (snapshot: Snapshot): Promise<number> => {
    const answer = await searchSegments(snapshot, await getCommittedSegments(snapshot, "v_idx"), query as SegmentQuery);
    return "trueRows" in answer ? answer.trueRows.count() : answer.rowIds.length;
  };
  const countHits = (to: number) => range(0, to).filter(hits).length;
  const coverage = async (snapshot: Snapshot) =>
    (await getCommittedSegments(snapshot, "v_idx")).map(({ fragmentIds }) => fragmentIds);

  test.each([false, true])(
    "new fragments are covered, by default as native does (stable row ids: %s)",
    async (stable) => {
      const store = createMemoryStore();
      const snapshot = await append(await append(await make(store, stable), 60, 75), 75, 90);
      expect(await count(snapshot)).toBe(countHits(60));
      const done = await optimizeIndices(snapshot, options);
      expect(done.indices).toMatchObject([{ name: "v_idx", action: rest.default, newFragmentIds: [2, 3] }]);
      expect(await count(done.snapshot)).toBe(countHits(90));
      const expected =
        rest.default === "merged"
          ? [[0, 1, 2, 3]]
          : [
              [0, 1],
              [2, 3],
            ];
      expect(await coverage(done.snapshot)).toEqual(expected);
      const again = await optimizeIndices(done.snapshot, options);
      expect(again.indices).toMatchObject([{ action: "unchanged", newFragmentIds: [] }]);
      expect(again.snapshot).toBe(done.snapshot);
    },
  );

  test("a segment of its own for new rows, then all folded into one", async () => {
    const store = createMemoryStore();
    let snapshot = await make(store);
    for (const from of [60, 70, 80]) {
      snapshot = await append(snapshot, from, from + 10);
      const appended = await optimizeIndices(snapshot, { ...options, numIndicesToMerge: 0 });
      expect(appended.indices).toMatchObject([{ action: "appended" }]);
      snapshot = appended.snapshot;
    }
    expect(await coverage(snapshot)).toEqual([[0, 1], [2], [3], [4]]);
    snapshot = (await deleteRows(snapshot, new Map([[2, Uint32Array.of(4)]]), { predicate: "test" })).snapshot;
    const two = await optimizeIndices(snapshot, { ...options, numIndicesToMerge: 2 });
    expect(await coverage(two.snapshot)).toEqual([[0, 1], [2], [3, 4]]);
    const all = await optimizeIndices(two.snapshot, { ...options, numIndicesToMerge: 100 });
    expect(all.indices).toMatchObject([{ action: "merged", numSegments: 1 }]);
    expect(await coverage(all.snapshot)).toEqual([[0, 1, 2, 3, 4]]);
    expect(await count(all.snapshot)).toBe(countHits(90) - 1);
    // no model, no scratch is left of it
    const used = new Set((await getCommittedSegments(all.snapshot, "v_idx")).map(({ uuid }) => uuid));
    const paths = (await listPaths(store, "_indices/")).filter((path) => /model|scratch/.test(path));
    expect([paths, used.size]).toEqual([[], 1]);
  });

  test("built anew", async () => {
    const snapshot = await append(await make(createMemoryStore()), 60, 90);
    const done = await optimizeIndices(snapshot, { ...options, retrain: true });
    expect(done.indices).toMatchObject([{ action: "retrained", newFragmentIds: [2] }]);
    expect(await count(done.snapshot)).toBe(countHits(90));
  });

  test("what another writer made of an index meanwhile is what is brought up to date", async () => {
    const made = await make(createMemoryStore());
    const { snapshot: both } = await createIndex(made, "v", indexType, { ...options, name: "a", numWorkers: 1 });
    const stale = await append(both, 60, 90);
    await optimizeIndices(stale, { ...options, indexNames: ["v_idx"], numIndicesToMerge: 1 });
    const done = await optimizeIndices(stale, { ...options, numIndicesToMerge: 0 });
    expect(done.indices).toMatchObject([
      { name: "a", action: "appended" },
      { name: "v_idx", action: "unchanged" },
    ]);
    expect(await coverage(done.snapshot)).toEqual([[0, 1, 2]]);
  });

  test("a segment that was remapped and lost a fragment since is folded with others", async () => {
    const made = await make(createMemoryStore());
    const two = (await optimizeIndices(await append(made, 60, 90), { ...options, numIndicesToMerge: 0 })).snapshot;
    const some = Uint32Array.from({ length: 10 }, (_, i) => i);
    const thin = new Map([0, 1].map((id): [number, Uint32Array] => [id, some]));
    const { snapshot: holey } = await deleteRows(two, thin, { predicate: "test" });
    const { snapshot: compact } = await compactFiles(holey, { pool: inlinePool, targetRowsPerFragment: 20 });
    expect(await coverage(compact)).toEqual([[3, 4], [2]]);
    const rows = Uint32Array.from({ length: 20 }, (_, i) => i);
    const { snapshot } = await deleteRows(compact, new Map([[3, rows]]), { predicate: "test" });
    const wanted = await count(snapshot);
    const done = await optimizeIndices(snapshot, { ...options, numIndicesToMerge: 10 });
    expect(done.indices).toMatchObject([{ action: "merged", numSegments: 1 }]);
    expect(await coverage(done.snapshot)).toEqual([done.snapshot.fragments.map(({ id }) => id)]);
    expect(await count(done.snapshot)).toBe(wanted);
  });

  test.each([{ numIndicesToMerge: 0 }, { numIndicesToMerge: 1 }, { retrain: true }])(
    "an index that another writer drops meanwhile stays dropped: %o",
    async (chosen) => {
      const stale = await append(await make(createMemoryStore()), 60, 90);
      await dropIndex(stale, "v_idx");
      await expectError(optimizeIndices(stale, { ...options, ...chosen }), "COMMIT_CONFLICT");
      expect((await openVersion(stale)).indices).toEqual([]);
    },
  );

  test("names and numbers are checked; what cannot be built is skipped, or refused where it is named", async () => {
    const snapshot = await make(createMemoryStore());
    await expectError(optimizeIndices(snapshot, { indexNames: ["nothing"] }), "INDEX_NOT_FOUND");
    await expectError(optimizeIndices(snapshot, { numIndicesToMerge: -1 }), "INVALID_ARGUMENT");
    const dropped = await dropIndex(snapshot, "v_idx");
    expect((await optimizeIndices(dropped)).indices).toEqual([]);
  });
});
