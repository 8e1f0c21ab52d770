import type { DataType } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { openLanceFile } from "../../src/format/read/file.ts";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { getCommittedSegments, getIndexStatistics } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, SegmentQuery } from "../../src/index/segment.ts";
import type { JobProgress } from "../../src/pool/pool.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { RowSet } from "../../src/table/row-set.ts";
import { openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import {
  createFragments,
  createRandom,
  expectError,
  inlinePool,
  listPaths,
  makeBatch,
  readRows,
  readSegmentFiles,
  type Value,
} from "../index/support.ts";
import { createCountingStore } from "../support/counting-store.ts";

/** An answer as the suite compares it: rows of a predicate, or the nearest rows. */
export type Found =
  | { readonly trueRows: readonly bigint[]; readonly nullRows: readonly bigint[] }
  | { readonly nearest: readonly { readonly rowId: bigint; readonly distance: number }[] };

/** One family over one type of column. */
export interface FamilyCase {
  readonly title: string;
  readonly indexType: string;
  readonly type: DataType;
  readonly params?: Readonly<Record<string, unknown>>;
  /** Whether merging needs a model that was trained before. */
  readonly sharesModel: boolean;
  /** Rows that the largest file has for each value, at most; default 1. */
  readonly rowsPerValue?: number;
  /** A value that is not NULL. */
  makeValue(random: () => number): Value;
  /** Queries that touch every path of the family. */
  makeQueries(random: () => number): SegmentQuery[];
  /** What a plain loop over all rows finds. */
  bruteForce(query: SegmentQuery, rows: ReadonlyMap<bigint, Value>): Found;
}

/** Runs what every family must do, whatever it is: build, commit, search, merge, delete, spill, cancel. */
export function describeIndexFamily(family: FamilyCase): void {
  const { indexType, type, params } = family;
  const makeValues = (count: number, seed: number, nullShare = 0.1): Value[] => {
    const random = createRandom(seed);
    return Array.from({ length: count }, () => (random() < nullShare ? null : family.makeValue(random)));
  };
  const options = { pool: inlinePool, name: "v_idx", ...(params ? { params } : {}) };
  const build = (snapshot: Snapshot, fragmentIds: readonly number[], more: object = {}): Promise<IndexSegment> =>
    createIndexUncommitted(snapshot, "v", indexType, { ...options, fragmentIds, ...more });
  const train = (snapshot: Snapshot) => trainIndexModel(snapshot, "v", indexType, options);
  const commit = (snapshot: Snapshot, segments: readonly IndexSegment[]) =>
    commitExistingIndexSegments(snapshot, "v_idx", "v", segments);

  const search = async (snapshot: Snapshot, query: SegmentQuery, mask?: RowSet): Promise<Found> => {
    const segments = await getCommittedSegments(snapshot, "v_idx");
    const answer = await searchSegments<SegmentQuery>(snapshot, segments, query, mask ? { mask } : {});
    return "trueRows" in answer
      ? { trueRows: [...answer.trueRows.ids()], nullRows: [...answer.nullRows.ids()] }
      : { nearest: [...answer.rowIds].map((rowId, i) => ({ rowId, distance: answer.distances[i]! })) };
  };
  /** The index must answer every query as a loop over the rows it covers. */
  const check = async (snapshot: Snapshot, seed = 7): Promise<void> => {
    const segments = await getCommittedSegments(snapshot, "v_idx");
    const rows = await readRows(
      snapshot,
      segments.flatMap((segment) => segment.fragmentIds),
    );
    for (const query of family.makeQueries(createRandom(seed))) {
      expectSame(query, await search(snapshot, query), family.bruteForce(query, rows));
    }
  };

  describe(`${family.title}: family conformance`, () => {
    test("segments per slice, committed together, answer as one scan", async () => {
      const fragments = [makeValues(300, 1), makeValues(120, 2), makeValues(411, 3), makeValues(64, 4)];
      const snapshot = await createFragments(createMemoryStore(), type, fragments);
      const segments = [await build(snapshot, [0, 2]), await build(snapshot, [1]), await build(snapshot, [3])];
      const committed = await commit(snapshot, segments);
      expect(committed.version).toBe(snapshot.version + 1);
      expect((await getCommittedSegments(committed, "v_idx")).map(({ fragmentIds }) => fragmentIds)).toEqual([
        [0, 2],
        [1],
        [3],
      ]);
      await check(committed);
    });

    test("segments of one model merge without reading the table", async () => {
      const inner = createMemoryStore();
      const store = createCountingStore(inner);
      const snapshot = await createFragments(store, type, [makeValues(250, 1), makeValues(90, 2), makeValues(133, 3)]);
      const model = await train(snapshot);
      expect(model !== null).toBe(family.sharesModel);
      const segments = await Promise.all([0, 1, 2].map((id) => build(snapshot, [id], { model })));
      store.reset();
      const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
      expect(store.gets(/^data\//)).toEqual([]);
      expect(merged.fragmentIds).toEqual([0, 1, 2]);
      expect(segments.map(({ uuid }) => uuid)).not.toContain(merged.uuid);
      for (const segment of segments) expect((await readSegmentFiles(snapshot, segment.uuid)).size).toBeGreaterThan(0);
      // What the merged segment answers must not need its sources.
      for (const { uuid } of segments) {
        for (const path of await listPaths(inner, `_indices/${uuid}/`)) await inner.delete(path);
      }
      await check(await commit(snapshot, [merged]));
    });

    test("one segment merges, and takes in rows appended since", async () => {
      const snapshot = await createFragments(createMemoryStore(), type, [makeValues(200, 1), makeValues(50, 2)]);
      const segment = await build(snapshot, [0, 1]);
      const committed = await commit(snapshot, [segment]);
      const appended = await appendRows(committed, makeBatch(type, makeValues(77, 3), 250));
      await check(appended);
      const merged = await mergeExistingIndexSegments(appended, await getCommittedSegments(appended, "v_idx"), {
        pool: inlinePool,
        newFragmentIds: [2],
      });
      expect(merged.fragmentIds).toEqual([0, 1, 2]);
      const replaced = await commit(appended, [merged]);
      expect((await getCommittedSegments(replaced, "v_idx")).map(({ uuid }) => uuid)).toEqual([merged.uuid]);
      await check(replaced);
    });

    test("deleted rows and dropped fragments are masked, and left out by a merge", async () => {
      const snapshot = await createFragments(createMemoryStore(), type, [
        makeValues(200, 1),
        makeValues(60, 2),
        makeValues(80, 3),
      ]);
      const committed = await commit(snapshot, [await build(snapshot, [0, 1, 2])]);
      const all = Uint32Array.from({ length: 60 }, (_, i) => i);
      const some = Uint32Array.from({ length: 90 }, (_, i) => i * 2);
      const rows = new Map([
        [0, some],
        [1, all],
      ]);
      const { snapshot: deleted } = await deleteRows(committed, rows, { predicate: "test" });
      expect(deleted.fragments.map(({ id }) => id)).toEqual([0, 2]);
      await check(deleted);
      const merged = await mergeExistingIndexSegments(deleted, await getCommittedSegments(deleted, "v_idx"), {
        pool: inlinePool,
      });
      await check(await commit(deleted, [merged]));
      const [before, after] = [sizeOf((await getCommittedSegments(deleted, "v_idx"))[0]!), sizeOf(merged)];
      expect(after).toBeLessThan(before);
      const rowCounts = await Promise.all(
        merged.files!.map(
          async ({ path }) => (await openLanceFile(deleted.store, `_indices/${merged.uuid}/${path}`)).numRows,
        ),
      );
      expect(Math.max(...rowCounts)).toBeLessThanOrEqual((await readRows(deleted)).size * (family.rowsPerValue ?? 1));
      // A version before the delete still sees every row.
      await check(await openVersion(deleted, { version: committed.version }));
    });

    test("a mask decides which rows may be answered", async () => {
      const snapshot = await createFragments(createMemoryStore(), type, [makeValues(150, 1), makeValues(150, 2)]);
      const committed = await commit(snapshot, [await build(snapshot, [0]), await build(snapshot, [1])]);
      const domain = new Map(committed.fragments.map(({ id, physicalRows }) => [id, physicalRows]));
      const mask = RowSet.empty(domain);
      for (let i = 0; i < 150; i += 3) mask.add(1, i);
      const rows = new Map(
        [...(await readRows(committed))].filter(([id]) => mask.has(Number(id >> 32n), Number(id & 0xffffffffn))),
      );
      for (const query of family.makeQueries(createRandom(9))) {
        expectSame(query, await search(committed, query, mask), family.bruteForce(query, rows));
      }
    });

    test("nothing to index: no fragment, only NULLs, one row, all the same", async () => {
      const same = family.makeValue(createRandom(5));
      const snapshot = await createFragments(createMemoryStore(), type, [
        Array.from({ length: 40 }, () => null),
        [same],
        Array.from({ length: 70 }, () => same),
      ]);
      const single = { params: { ...params, ...(params && "numPartitions" in params ? { numPartitions: 1 } : {}) } };
      const segments = [
        await build(snapshot, [], single),
        await build(snapshot, [0], single),
        await build(snapshot, [1], single),
        await build(snapshot, [2], single),
      ];
      const committed = await commit(snapshot, segments);
      await check(committed);
      for (const query of family.makeQueries(createRandom(11))) {
        const own = family.bruteForce(query, await readRows(committed));
        expectSame(query, await search(committed, query), own);
      }
    });

    test("a build that spills writes the same bytes as one in memory", async () => {
      const store = createCountingStore(createMemoryStore());
      const snapshot = await createFragments(store, type, [makeValues(9000, 1), makeValues(8000, 2)]);
      const model = await train(snapshot);
      const phases: string[] = [];
      const inMemory = await build(snapshot, [0, 1], { model });
      expect(store.gets(/scratch/)).toEqual([]);
      const spilled = await build(snapshot, [0, 1], {
        model,
        memoryBudgetBytes: 40_000,
        onProgress: (progress: JobProgress) => phases.push(progress.phase),
      });
      expect(store.gets(/scratch/).length).toBeGreaterThan(1);
      const [left, right] = [
        await readSegmentFiles(snapshot, inMemory.uuid),
        await readSegmentFiles(snapshot, spilled.uuid),
      ];
      expect([...right.keys()]).toEqual([...left.keys()]);
      for (const [name, bytes] of left) expect(Buffer.compare(bytes, right.get(name)!), name).toBe(0);
      expect(phases).toContain("write");
    });

    test("a cancelled build is ABORTED, and leaves nothing", async () => {
      const store = createMemoryStore();
      const snapshot = await createFragments(store, type, [makeValues(20000, 1), makeValues(9000, 2)]);
      const before = await listPaths(store);
      const cancel = new AbortController();
      const building = createIndex(snapshot, "v", indexType, {
        ...options,
        memoryBudgetBytes: 400_000,
        signal: cancel.signal,
        onProgress: (progress) => {
          if (progress.kind === "build" && progress.done > 0) cancel.abort();
        },
      });
      await expectError(building, "ABORTED");
      expect(await listPaths(store)).toEqual(before);
    });

    test("createIndex plans, builds and commits; the figures add up", async () => {
      const snapshot = await createFragments(createMemoryStore(), type, [makeValues(130, 1), makeValues(70, 2)]);
      const events: string[] = [];
      const { snapshot: committed, segments } = await createIndex(snapshot, "v", indexType, {
        ...options,
        onProgress: (progress) => events.push(progress.kind),
      });
      expect(committed.version).toBe(snapshot.version + 1);
      expect(new Set(events)).toEqual(new Set([...(family.sharesModel ? ["train"] : []), "build", "commit"]));
      await check(committed);
      const statistics = await getIndexStatistics(committed, "v_idx");
      expect(statistics).toMatchObject({ numSegments: segments.length, numIndexedRows: 200, numUnindexedRows: 0 });
      for (const { indexDetails, files } of segments) {
        expect(indexDetails.typeUrl).not.toBe("");
        expect(files!.every(({ sizeBytes }) => sizeBytes > 0)).toBe(true);
      }
    });
  });
}

function sizeOf(segment: IndexSegment): number {
  return segment.files!.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0);
}

/** Predicates must agree row by row; distances within the kernels' error, rows where distances differ by more. */
function expectSame(query: SegmentQuery, found: Found, expected: Found): void {
  const label = JSON.stringify(query, (_, value) => (typeof value === "bigint" ? `${value}n` : value)).slice(0, 200);
  if (!("nearest" in found) || !("nearest" in expected)) {
    expect(found, label).toEqual(expected);
    return;
  }
  expect(found.nearest.length, label).toBe(expected.nearest.length);
  found.nearest.forEach((row, i) => {
    const other = expected.nearest[i]!;
    const tolerance = 1e-4 * Math.max(1, Math.abs(other.distance));
    expect(Math.abs(row.distance - other.distance), `${label} at ${i}`).toBeLessThanOrEqual(tolerance);
    const tied = expected.nearest.filter(({ distance }) => Math.abs(distance - row.distance) <= 2 * tolerance);
    const isLastTie = Math.abs(expected.nearest.at(-1)!.distance - row.distance) <= 2 * tolerance;
    if (!isLastTie)
      expect(
        tied.map(({ rowId }) => rowId),
        `${label} at ${i}`,
      ).toContain(row.rowId);
  });
}
