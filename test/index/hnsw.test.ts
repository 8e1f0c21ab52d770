import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { beforeAll, describe, expect, test } from "vitest";
import { decodeBase64 } from "../../src/index/base64.ts";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { describeSegment, writeSegment } from "../../src/index/build-segment.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { locateSegment } from "../../src/index/open-segment.ts";
import { getFamily } from "../../src/index/registry.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, VectorQuery } from "../../src/index/segment.ts";
import { createSegmentWriter } from "../../src/index/segment-writer.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { drawUuid } from "../../src/store/uuid.ts";
import { NO_ROW, toRowAddress } from "../../src/table/row-ids/row-addresses.ts";
import { RowSet } from "../../src/table/row-set.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, inlinePool, readRows, readSegmentFiles, type Value } from "./support.ts";

useTestRuntime();

const DIMENSION = 16;
const ALL = 1 << 20;
const FRAGMENTS = [1800, 900, 1300];
const TYPE = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));

/** Vectors around a few centres, as real ones are. */
function makeVectors(count: number, seed: number): Float32Array[] {
  const centres = createRandom(77);
  const all = Array.from({ length: 40 * DIMENSION }, () => (centres() - 0.5) * 4);
  const random = createRandom(seed);
  return Array.from({ length: count }, () => {
    const centre = Math.floor(random() * 40) * DIMENSION;
    return Float32Array.from({ length: DIMENSION }, (_, i) => all[centre + i]! + (random() + random() - 1) * 1.5);
  });
}

const QUERIES = makeVectors(200, 99);
const makeQuery = (q: Float32Array, more: Partial<VectorQuery> = {}): VectorQuery => ({
  kind: "vector",
  q,
  k: 10,
  minimumNprobes: ALL,
  maximumNprobes: ALL,
  ...more,
});

function measure(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += (a[i]! - b[i]!) ** 2;
  return sum;
}

/** Ids of the 10 rows nearest to each query, by a loop over `rows`. */
function findExact(rows: ReadonlyMap<bigint, Value>): Set<bigint>[] {
  const live = [...rows];
  return QUERIES.map((q) => {
    const near = live.map(([id, value]) => [measure(q, value as Float32Array), id] as const);
    near.sort((a, b) => a[0] - b[0]);
    return new Set(near.slice(0, 10).map(([, id]) => id));
  });
}

interface Measured {
  readonly recall: number;
  /** Distances computed for a query. */
  readonly comparisons: number;
}

async function ask(
  snapshot: Snapshot,
  segments: readonly IndexSegment[],
  { exact, mask, ...more }: Partial<VectorQuery> & { readonly exact: readonly Set<bigint>[]; readonly mask?: RowSet },
): Promise<Measured> {
  let [found, comparisons] = [0, 0];
  for (const [i, q] of QUERIES.entries()) {
    const answer = await searchSegments(snapshot, segments, makeQuery(q, more), mask ? { mask } : {});
    expect(answer.rowIds.length).toBe(10);
    found += answer.rowIds.filter((id) => exact[i]!.has(id)).length;
    comparisons += answer.metrics.comparisons;
  }
  return { recall: found / 10 / QUERIES.length, comparisons: comparisons / QUERIES.length };
}

describe.each(["IVF_HNSW_FLAT", "IVF_HNSW_SQ", "IVF_HNSW_PQ"])("%s", (indexType) => {
  // Product codes of single values tell vectors apart about as well as scalar ones.
  const params = { numPartitions: 1, ...(indexType === "IVF_HNSW_PQ" ? { numSubVectors: DIMENSION } : {}) };
  const options = { pool: inlinePool, name: "v_idx", params };
  const slack = indexType === "IVF_HNSW_FLAT" ? 0 : 0.05;
  let snapshot: Snapshot;
  let model: Awaited<ReturnType<typeof trainIndexModel>>;
  let exact: Set<bigint>[];
  let whole: IndexSegment;

  beforeAll(async () => {
    const values = FRAGMENTS.map((count, i) => makeVectors(count, i + 1));
    snapshot = await createFragments(createMemoryStore(), TYPE, values);
    model = await trainIndexModel(snapshot, "v", indexType, options);
    exact = findExact(await readRows(snapshot));
    whole = await build([0, 1, 2]);
  });

  const build = (fragmentIds: readonly number[]) =>
    createIndexUncommitted(snapshot, "v", indexType, { ...options, fragmentIds, ...(model ? { model } : {}) });

  test("finds the nearest rows with few comparisons; more with a larger ef; the same bytes again", async () => {
    const [few, some, many] = [
      await ask(snapshot, [whole], { exact }),
      await ask(snapshot, [whole], { exact, ef: 40 }),
      await ask(snapshot, [whole], { exact, ef: 100 }),
    ];
    expect(few.recall).toBeGreaterThan(0.9 - slack);
    expect(some.recall).toBeGreaterThan(0.97 - slack);
    expect(many.recall).toBeGreaterThan(0.99 - slack);
    expect(few.comparisons).toBeLessThan(some.comparisons);
    expect(many.comparisons).toBeLessThan(4000 / 2);
    const again = await build([0, 1, 2]);
    expect(await readSegmentFiles(snapshot, again.uuid)).toEqual(await readSegmentFiles(snapshot, whole.uuid));
  });

  test("masks: many rows are walked, few are scanned; never fewer than k", async () => {
    const domain = new Map(snapshot.fragments.map(({ id, physicalRows }) => [id, physicalRows]));
    const rows = await readRows(snapshot);
    for (const step of [2, 60, 300]) {
      const mask = RowSet.empty(domain);
      const kept = [...rows].filter((_, i) => i % step === 0);
      for (const [id] of kept) mask.add(Number(id >> 32n), Number(id & 0xffffffffn));
      const { recall } = await ask(snapshot, [whole], { exact: findExact(new Map(kept)), mask, ef: 40 });
      expect(recall).toBeGreaterThan((step === 2 ? 0.97 : 0.999) - slack * 2);
    }
  });

  test("ranges of distances, as a scan has them", async () => {
    const rows = [...(await readRows(snapshot))];
    let found = 0;
    for (const q of QUERIES.slice(0, 20)) {
      const all = await searchSegments(snapshot, [whole], makeQuery(q, { k: rows.length }));
      const [lower, upper] = [all.distances[200]!, all.distances[230]!];
      const range = makeQuery(q, { k: 20, ef: 300, distanceRange: [lower, upper] });
      const answer = await searchSegments(snapshot, [whole], range);
      const expected = new Set([...all.rowIds].slice(200, 230));
      expect(answer.distances.every((distance) => distance >= lower && distance < upper)).toBe(true);
      found += answer.rowIds.filter((id) => expected.has(id)).length;
    }
    expect(found).toBeGreaterThan(20 * 20 * 0.95);
  });

  test("a merge keeps the graphs: as good as new, also where rows are gone", async () => {
    const parts = [await build([0]), await build([1]), await build([2])];
    const merged = await mergeExistingIndexSegments(snapshot, parts, { pool: inlinePool });
    for (const ef of [15, 30, 60]) {
      const fresh = await ask(snapshot, [whole], { exact, ef });
      const kept = await ask(snapshot, [merged], { exact, ef });
      expect(kept.recall).toBeGreaterThanOrEqual(fresh.recall - 0.01);
      expect(kept.comparisons).toBeLessThan(fresh.comparisons * 1.3);
    }
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", parts);
    const gone = new Map(FRAGMENTS.map((count, i) => [i, Uint32Array.from({ length: count / 4 }, (_, j) => 4 * j)]));
    const { snapshot: left } = await deleteRows(committed, gone, { predicate: "test" });
    const closed = await mergeExistingIndexSegments(left, parts, { pool: inlinePool });
    const live = findExact(await readRows(left));
    const masked = await ask(left, [whole], { exact: live, ef: 30 });
    expect((await ask(left, [closed], { exact: live, ef: 30 })).recall).toBeGreaterThan(masked.recall - 0.015);
  });

  test("rows that move keep their graph; those without a place are closed up", async () => {
    const family = await getFamily(whole);
    const writer = createSegmentWriter(snapshot.store as never, drawUuid());
    const open = locateSegment(snapshot, whole);
    // As a compaction would: rows of fragment 0 that are not multiples of 3 go to fragment 7, closed up; others stay.
    const move = (id: bigint): bigint => {
      if (id >> 32n !== 0n) return id;
      return id % 3n === 0n ? NO_ROW : toRowAddress(7, Number(id) - Math.ceil((Number(id) + 1) / 3));
    };
    const context = { memoryBudgetBytes: 64 << 20 };
    const files = await writeSegment(writer, () => family.remap(open, (ids) => ids.map(move), writer, context));
    const remapped = describeSegment(snapshot, family, {
      ...whole,
      uuid: writer.uuid,
      files,
      details: decodeBase64(whole.indexDetails.value, "details"),
    });
    const rows = new Map([...(await readRows(snapshot))].map(([id, value]) => [move(id), value]));
    rows.delete(NO_ROW);
    const reader = await family.open(locateSegment(snapshot, remapped), {
      ...context,
      domain: new Map([
        [7, FRAGMENTS[0]!],
        [1, FRAGMENTS[1]!],
        [2, FRAGMENTS[2]!],
      ]),
    });
    const live = findExact(rows);
    let found = 0;
    for (const [i, q] of QUERIES.entries()) {
      const answer = await reader.search(makeQuery(q, { ef: 40 }), {});
      if (answer.kind !== "vector") throw new Error("expected vectors");
      expect(answer.metrics.comparisons).toBeLessThan(2000);
      found += answer.rowIds.filter((id) => live[i]!.has(id)).length;
    }
    reader.close();
    expect(found / 10 / QUERIES.length).toBeGreaterThan(0.97 - slack);
  });
});
