import { Field, FixedSizeList, Float32, Int32 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { decodeBase64 } from "../../src/index/base64.ts";
import { openBTreeFiles } from "../../src/index/btree/reader.ts";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { describeSegment, writeSegment } from "../../src/index/build-segment.ts";
import { commitExistingIndexSegments, commitIndices } from "../../src/index/commit.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { listSegments } from "../../src/index/metadata.ts";
import { locateSegment } from "../../src/index/open-segment.ts";
import { getFamily } from "../../src/index/registry.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, SegmentQuery } from "../../src/index/segment.ts";
import { createSegmentWriter } from "../../src/index/segment-writer.ts";
import { Scanner } from "../../src/query/scanner.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { drawUuid } from "../../src/store/uuid.ts";
import { NO_ROW } from "../../src/table/row-ids/row-addresses.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, getCommittedSegments, inlinePool, makeBatch, type Value } from "./support.ts";

useTestRuntime();

const VECTORS = new FixedSizeList(2, new Field("item", new Float32(), true));
const FAMILIES = [
  {
    indexType: "BTREE",
    type: new Int32(),
    makeValue: (i: number): Value => i % 10,
    query: { kind: "equals", value: 3 } as SegmentQuery,
    matches: (i: number) => i % 10 === 3,
  },
  {
    indexType: "IVF_FLAT",
    type: VECTORS,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 0),
    query: {
      kind: "vector",
      q: Float32Array.of(3, 0),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 0.5],
    } as SegmentQuery,
    matches: (i: number) => i % 10 === 3,
  },
  {
    indexType: "IVF_SQ",
    type: VECTORS,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 0),
    query: {
      kind: "vector",
      q: Float32Array.of(3, 0),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 0.5],
    } as SegmentQuery,
    matches: (i: number) => i % 10 === 3,
  },
  {
    indexType: "IVF_PQ",
    type: VECTORS,
    makeValue: (i: number): Value => Float32Array.of(i % 10, 0),
    query: {
      kind: "vector",
      q: Float32Array.of(3, 0),
      k: 1000,
      minimumNprobes: 9,
      maximumNprobes: null,
      distanceRange: [null, 0.5],
    } as SegmentQuery,
    matches: (i: number) => i % 10 === 3,
  },
];

async function search(snapshot: Snapshot, segments: readonly IndexSegment[], query: SegmentQuery): Promise<bigint[]> {
  const answer = await searchSegments(snapshot, segments, query);
  return "trueRows" in answer ? [...answer.trueRows.ids()] : [...answer.rowIds];
}

const range = (count: number) => Array.from({ length: count }, (_, i) => i);
const address = (fragmentId: number, offset: number) => (BigInt(fragmentId) << 32n) | BigInt(offset);

test("a merge and a remap keep the page size of a BTREE: that of the segment with most rows", async () => {
  const store = createMemoryStore();
  const snapshot = await createFragments(store, new Int32(), [range(30), range(50), range(50)]);
  const build = (fragmentId: number, zoneSize: number) =>
    createIndexUncommitted(snapshot, "v", "BTREE", {
      pool: inlinePool,
      fragmentIds: [fragmentId],
      params: { zoneSize },
    });
  const segments = [await build(0, 5), await build(1, 7), await build(2, 11)];
  const countPages = async (segment: IndexSegment): Promise<[unknown, unknown]> => {
    const { lookup } = await openBTreeFiles(locateSegment(snapshot, segment));
    return [lookup.metadata.batch_size, lookup.numRows];
  };
  const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
  expect(await countPages(merged)).toEqual(["7", Math.ceil(130 / 7)]);
  const family = await getFamily(merged);
  const writer = createSegmentWriter(store, drawUuid());
  const context = { memoryBudgetBytes: 1 << 20 };
  const remap = () => family.remap(locateSegment(snapshot, segments[2]!), (rowIds) => rowIds, writer, context);
  const files = await writeSegment(writer, remap);
  expect(await countPages({ ...merged, uuid: writer.uuid, files })).toEqual(["11", 5]);
});

describe.each(FAMILIES)("$indexType", ({ indexType, type, makeValue, query, matches }) => {
  test("remap moves rows to their new addresses and drops those without", async () => {
    const store = createMemoryStore();
    const snapshot = await createFragments(store, type, [range(40).map(makeValue), range(40).map(makeValue)]);
    const segment = await createIndexUncommitted(snapshot, "v", indexType, { pool: inlinePool, fragmentIds: [0] });
    // As a compaction would: the even rows of fragment 0 become fragment 1, closed up.
    const moved = (rowIds: BigUint64Array) =>
      rowIds.map((rowId) => (rowId % 2n === 0n ? NO_ROW : address(1, Number(rowId) >> 1)));
    const family = await getFamily(segment);
    const writer = createSegmentWriter(store, drawUuid());
    const open = locateSegment(snapshot, segment);
    const files = await writeSegment(writer, () => family.remap(open, moved, writer, { memoryBudgetBytes: 1 << 20 }));
    const remapped = describeSegment(snapshot, family, {
      ...segment,
      uuid: writer.uuid,
      fragmentIds: [1],
      files,
      details: decodeBase64(segment.indexDetails.value, "details"),
    });
    const expected = range(40).filter((i) => i % 2 === 1 && matches(i));
    expect(await search(snapshot, [remapped], query)).toEqual(expected.map((i) => address(1, i >> 1)));
  });

  test("tables with stable row ids: built, masked after a delete, merged", async () => {
    const store = createMemoryStore();
    const table = await createFragments(store, type, [range(30).map(makeValue), range(30).map(makeValue)], {
      stableRowIds: true,
    });
    const { snapshot, segments } = await createIndex(table, "v", indexType, { pool: { ...inlinePool, numWorkers: 2 } });
    expect(segments).toHaveLength(2);
    // BTREE stores addresses there and says so; vectors store the ids, 0 to 59 here.
    const isAddress = indexType === "BTREE";
    expect(segments.map(({ indexVersion }) => indexVersion)).toEqual([1, 1]);
    const name = (i: number) => (isAddress ? address(Math.floor(i / 30), i % 30) : BigInt(i));
    const hits = range(60).filter((i) => matches(i % 30));
    const rows = async (at: Snapshot) => search(at, await getCommittedSegments(at, "v_idx"), query);
    expect(await rows(snapshot)).toEqual(hits.map(name));

    const { snapshot: deleted } = await deleteRows(snapshot, new Map([[1, Uint32Array.of(3, 4)]]), {
      predicate: "test",
    });
    const left = hits.filter((i) => i !== 33);
    expect(await rows(deleted)).toEqual(left.map(name));

    const appended = await appendRows(deleted, makeBatch(type, range(10).map(makeValue), 60));
    const merged = await mergeExistingIndexSegments(appended, await getCommittedSegments(appended, "v_idx"), {
      pool: inlinePool,
      newFragmentIds: [2],
    });
    const replaced = await commitExistingIndexSegments(appended, "v_idx", "v", [merged]);
    expect(await rows(replaced)).toEqual([...left.map(name), isAddress ? address(2, 3) : 63n]);
  });
});

test("a BTREE of before its row addresses is not asked on a table with stable row ids", async () => {
  const store = createMemoryStore();
  const table = await createFragments(store, new Int32(), [range(20), range(20)], { stableRowIds: true });
  const { snapshot } = await createIndex(table, "v", "BTREE", { pool: inlinePool });
  const moved = (await deleteRows(snapshot, new Map([[0, Uint32Array.of(0)]]), { predicate: "test" })).snapshot;
  const [{ metadata }] = (await listSegments(moved)) as [Awaited<ReturnType<typeof listSegments>>[number]];
  const uuid = { ...metadata.uuid!, uuid: crypto.getRandomValues(new Uint8Array(16)) };
  const at = await commitIndices(moved, [{ ...metadata, uuid, indexVersion: 0 }], [metadata]);
  const scanner = new Scanner(
    at,
    { filter: "v = 7", columns: ["id"] },
    { pool: undefined, memoryBudgetBytes: 1 << 26 },
  );
  expect(await scanner.explainPlan()).not.toContain("ScalarIndexQuery");
  expect((await scanner.toTable()).numRows).toBe(2);
});
