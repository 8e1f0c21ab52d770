import { create } from "@bufbuild/protobuf";
import { Field, FixedSizeList, Float32, Int32, Utf8 } from "apache-arrow";
import { beforeAll, describe, expect, test } from "vitest";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { createUntrainedIndex } from "../../src/index/create-untrained.ts";
import { describeIndices, getIndexStatistics } from "../../src/index/describe.ts";
import { dropIndex } from "../../src/index/drop-index.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { DataFragmentSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { compactFiles } from "../../src/write/compact/compact-files.ts";
import { restoreVersion } from "../../src/write/restore-version.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
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

const VECTORS = new FixedSizeList(4, new Field("item", new Float32(), true));
const numbers = (count: number): Value[] => Array.from({ length: count }, (_, i) => i % 17);
const vectors = (count: number): Value[] =>
  Array.from({ length: count }, (_, i) => Float32Array.of(i % 5, i % 3, 1, i % 7));

/** A table of four fragments, and a segment for each. */
async function prepare(values: (count: number) => Value[] = numbers, objects: MemoryObjects = new Map()) {
  const type = values === numbers ? new Int32() : VECTORS;
  const store = createMemoryStore(objects);
  const snapshot = await createFragments(store, type, [30, 20, 25, 10].map(values));
  const indexType = values === numbers ? "BTREE" : "IVF_FLAT";
  const build = (fragmentIds: readonly number[], params: object = {}): Promise<IndexSegment> =>
    createIndexUncommitted(snapshot, "v", indexType, {
      pool: inlinePool,
      name: "x",
      fragmentIds,
      params: { ...params },
    });
  return { store, snapshot, build };
}

const commit = (snapshot: Snapshot, segments: readonly IndexSegment[], name = "x", column = "v") =>
  commitExistingIndexSegments(snapshot, name, column, segments);
const coverageOf = async (snapshot: Snapshot, name = "x") =>
  (await getCommittedSegments(snapshot, name)).map(({ fragmentIds }) => fragmentIds);

describe("rules at commit", () => {
  let table: Awaited<ReturnType<typeof prepare>>;
  let one: IndexSegment;
  let two: IndexSegment;
  beforeAll(async () => {
    table = await prepare();
    one = await table.build([0, 1]);
    two = await table.build([2]);
  });

  test("at least one segment", async () => {
    const error = await expectError(commit(table.snapshot, []), "INVALID_ARGUMENT");
    expect(error.message).toContain("at least one index segment is required");
  });

  test("a name", async () => {
    await expectError(commit(table.snapshot, [one], ""), "INVALID_ARGUMENT");
    await expectError(commit(table.snapshot, [one], "__lance_frag_reuse"), "INVALID_ARGUMENT");
  });

  test("a column that exists", async () => {
    const error = await expectError(commit(table.snapshot, [one], "x", "nope"), "INVALID_ARGUMENT");
    expect(error.message).toContain("id, v");
  });

  test("coverage is disjoint: names both segments and the fragments", async () => {
    const other = await table.build([1, 2]);
    const error = await expectError(commit(table.snapshot, [one, other]), "SEGMENT_OVERLAP");
    expect(error.details).toMatchObject({ segments: [one.uuid, other.uuid], fragmentIds: [1] });
    expect(error.message).toContain(one.uuid);
    expect(error.message).toContain(other.uuid);
    expect(error.message).toContain("[1]");
  });

  test("no uuid twice, here or in the table", async () => {
    const error = await expectError(commit(table.snapshot, [one, { ...one, fragmentIds: [3] }]), "SEGMENT_OVERLAP");
    expect(error.message).toContain(one.uuid);
    const committed = await commit(table.snapshot, [two], "other");
    const again = await expectError(commit(committed, [two]), "ALREADY_EXISTS");
    expect(again.details).toEqual({ uuid: two.uuid, name: "other" });
  });

  test("every fragment exists", async () => {
    const error = await expectError(commit(table.snapshot, [one, { ...two, fragmentIds: [2, 99] }]), "NOT_FOUND");
    expect(error.details).toMatchObject({ uuid: two.uuid, fragmentIds: [99] });
    expect(error.message).toContain("[0, 1, 2, 3]");
    await expectError(table.build([99]), "NOT_FOUND");
  });

  test("a fragment dropped since is masked, not refused", async () => {
    const { snapshot, build } = await prepare();
    const segments = [await build([0, 1]), await build([2, 3])];
    const rows = new Map([[1, Uint32Array.from({ length: 20 }, (_, i) => i)]]);
    const { snapshot: dropped } = await deleteRows(snapshot, rows, { predicate: "test" });
    const committed = await commit(dropped, segments);
    expect(await describeIndices(committed)).toMatchObject([{ name: "x", numRowsIndexed: 65 }]);
  });

  test("a column written anew since is refused", async () => {
    const { snapshot, build } = await prepare();
    const segment = await build([0, 1]);
    const rewritten = await appendRows(snapshot, makeBatch(new Int32(), numbers(3), 85));
    const fragments = rewritten.fragments.map((fragment) => {
      if (fragment.id !== 1) return fragment;
      const files = fragment.proto.files.map((file) => ({ ...file, path: "elsewhere.lance" }));
      return { ...fragment, proto: create(DataFragmentSchema, { ...fragment.proto, files }) };
    });
    const error = await expectError(commit({ ...rewritten, fragments }, [segment]), "COMMIT_CONFLICT");
    expect(error.details).toMatchObject({ uuid: segment.uuid, fragmentIds: [1] });
  });

  test("every file exists, with its recorded size", async () => {
    const { store, snapshot, build } = await prepare();
    const [segment, other] = [await build([0]), await build([1])];
    const wrong = { ...segment, files: segment.files!.map((file) => ({ ...file, sizeBytes: file.sizeBytes + 1 })) };
    const size = await expectError(commit(snapshot, [other, wrong]), "CORRUPT");
    expect(size.details).toMatchObject({ uuid: segment.uuid });
    for (const files of [null, []]) {
      await expectError(commit(snapshot, [other, { ...segment, files }]), "SEGMENT_INCOMPATIBLE");
    }
    await store.delete(`_indices/${segment.uuid}/page_data.lance`);
    const missing = await expectError(commit(snapshot, [other, segment]), "NOT_FOUND");
    expect(missing.details).toEqual({ uuid: segment.uuid, path: `_indices/${segment.uuid}/page_data.lance` });
  });

  test("files hold values of the column", async () => {
    const { store, snapshot, build } = await prepare();
    const text = await createFragments(createMemoryStore(), new Utf8(), [["a", "b"]]);
    const foreign = await createIndexUncommitted(text, "v", "BTREE", { pool: inlinePool, fragmentIds: [0] });
    const segment = await build([0]);
    const files = [];
    for (const { path, sizeBytes } of foreign.files!) {
      const { bytes } = (await text.store.get(`_indices/${foreign.uuid}/${path}`))!;
      await store.put(`_indices/${segment.uuid}/${path}`, bytes, { mode: "overwrite" });
      files.push({ path, sizeBytes });
    }
    const error = await expectError(commit(snapshot, [{ ...segment, files }]), "CORRUPT");
    expect(error.details).toMatchObject({ received: "string", expected: "int32" });
  });

  test("built for this column", async () => {
    const error = await expectError(commit(table.snapshot, [one], "x", "id"), "SEGMENT_INCOMPATIBLE");
    expect(error.details).toMatchObject({ uuid: one.uuid, received: [1], expected: [0] });
  });

  test("not from the future", async () => {
    const error = await expectError(commit(table.snapshot, [{ ...one, datasetVersion: 99 }]), "SEGMENT_INCOMPATIBLE");
    expect(error.message).toContain("version 99");
  });

  test("of a version that can be read", async () => {
    const error = await expectError(commit(table.snapshot, [one, { ...two, indexVersion: 9 }]), "SEGMENT_INCOMPATIBLE");
    expect(error.details).toMatchObject({ uuid: two.uuid, received: 9, expected: 1 });
    expect(error.message).toContain("at most 1");
    for (const indexVersion of [-1, 0.5]) {
      await expectError(commit(table.snapshot, [one, { ...two, indexVersion }]), "INVALID_ARGUMENT");
    }
  });

  test.each([numbers, vectors])("every file the family reads is recorded", async (values) => {
    const { snapshot, build } = await prepare(values);
    const segment = await build([0]);
    expect(segment.files).toHaveLength(2);
    for (const { path } of segment.files!) {
      const partial = { ...segment, files: segment.files!.filter((file) => file.path !== path) };
      const error = await expectError(commit(snapshot, [partial]), "SEGMENT_INCOMPATIBLE");
      expect(error.details).toMatchObject({ uuid: segment.uuid, missing: [path] });
      expect(error.message).toContain(path);
    }
  });

  test("one type, known, never without details", async () => {
    const bare = { ...two, indexDetails: { typeUrl: "", value: "" } };
    expect((await expectError(commit(table.snapshot, [one, bare]), "SEGMENT_INCOMPATIBLE")).message).toContain(
      two.uuid,
    );
    const bitmap = { ...two, indexDetails: { typeUrl: "/lance.table.BitmapIndexDetails", value: "" } };
    const mixed = await expectError(commit(table.snapshot, [one, bitmap]), "SEGMENT_INCOMPATIBLE");
    expect(mixed.message).toMatch(/is BTree.*is Bitmap/);
    await expectError(commit(table.snapshot, [bitmap]), "UNSUPPORTED");
  });

  test("one metric", async () => {
    const { snapshot, build } = await prepare(vectors);
    const segments = [await build([0], { metric: "l2" }), await build([1], { metric: "cosine" })];
    const error = await expectError(commit(snapshot, segments), "SEGMENT_INCOMPATIBLE");
    expect(error.message).toContain(`${segments[0]!.uuid} has l2, ${segments[1]!.uuid} has cosine`);
    // Also against segments that stay.
    const committed = await commit(snapshot, [segments[0]!]);
    await expectError(commit(committed, [segments[1]!]), "SEGMENT_INCOMPATIBLE");
  });

  test("of another base is refused", async () => {
    await expectError(commit(table.snapshot, [{ ...one, baseId: 3 }]), "UNSUPPORTED");
  });

  test("not on a read-only store", async () => {
    const { capabilities, get } = table.store;
    const readOnly = { get, capabilities: { ...capabilities, write: false } };
    await expectError(commit({ ...table.snapshot, store: readOnly }, [one]), "UNSUPPORTED");
  });
});

describe("what a commit replaces", () => {
  test("wholly covered goes, disjoint stays, partly covered is refused", async () => {
    const { snapshot, build } = await prepare();
    const [a, b, c] = [await build([0, 1]), await build([2]), await build([3])];
    const first = await commit(snapshot, [a, b]);
    const second = await commit(first, [c]);
    expect(await coverageOf(second)).toEqual([[0, 1], [2], [3]]);

    const wide = await build([2, 3]);
    const third = await commit(second, [wide]);
    expect(await coverageOf(third)).toEqual([
      [0, 1],
      [2, 3],
    ]);

    const part = await build([1]);
    const error = await expectError(commit(third, [part]), "SEGMENT_OVERLAP");
    expect(error.details).toMatchObject({ segments: [part.uuid], existing: a.uuid, fragmentIds: [0] });
    expect(error.message).toContain("orphan");
    expect(third.version).toBe(snapshot.version + 3);
  });

  test("commits that race to one name all stand where they are disjoint", async () => {
    const { snapshot, build } = await prepare();
    const segments = await Promise.all([0, 1, 2, 3].map((id) => build([id])));
    const committed = await Promise.all(segments.map((segment) => commit(snapshot, [segment])));
    const last = committed.reduce((a, b) => (a.version > b.version ? a : b));
    expect(last.version).toBe(snapshot.version + 4);
    expect((await coverageOf(last)).flat().sort()).toEqual([0, 1, 2, 3]);
    // Where they are not, the second is told; nothing it did not see is replaced.
    const [one, two] = [await build([0]), await build([0])];
    await commit(last, [one]);
    const error = await expectError(commit(last, [two]), "COMMIT_CONFLICT");
    expect(error.details.retryable).toBe(true);
  });

  test("what another writer did after it took the name is judged too", async () => {
    const { snapshot, build } = await prepare();
    const [mine, theirs] = [await build([0, 1]), await build([2, 3])];
    await compactFiles(await commit(snapshot, [theirs]), { pool: inlinePool });
    const error = await expectError(commit(snapshot, [mine]), "COMMIT_CONFLICT");
    expect(error.details).toMatchObject({ retryable: true, conflictingOperation: "rewrite" });
  });

  test("fragments that are gone leave the coverage, and a segment of nothing else is left out", async () => {
    const { snapshot, build } = await prepare();
    const rows = (count: number) => Uint32Array.from({ length: count }, (_, i) => i);
    const [a, b, c] = [await build([0, 1]), await build([2]), await build([2])];
    const gone = new Map([
      [1, rows(20)],
      [2, rows(25)],
    ]);
    const { snapshot: now } = await deleteRows(snapshot, gone, { predicate: "test" });
    expect(await coverageOf(await commit(now, [a, b]))).toEqual([[0]]);
    const error = await expectError(commit(now, [c]), "COMMIT_CONFLICT");
    expect(error.details).toMatchObject({ retryable: true, segments: [c.uuid] });
  });

  test("fragments that are gone leave the coverage also where a history of moves leads to others", async () => {
    const { snapshot, build } = await prepare();
    const [wide, far, near] = [await build([0, 1, 2]), await build([2, 3]), await build([0, 1])];
    const committed = await commit(await commit(snapshot, [far]), [near], "y");
    const gone = new Map([[2, Uint32Array.from({ length: 25 }, (_, i) => i)]]);
    const { snapshot: left } = await deleteRows(committed, gone, { predicate: "test" });
    const { snapshot: moved } = await compactFiles(left, { pool: inlinePool, deferIndexRemap: true });
    expect(moved.fragments.map(({ id }) => id)).toEqual([3, 4]);
    // Fragment 2 is recorded once, though dead: native refuses a table where it is not.
    expect(await coverageOf(await commit(moved, [wide]))).toEqual([[2, 3], [4]]);
  });

  test("segments built before a compaction that left indexes alone are merged with all of their rows", async () => {
    const { snapshot, build } = await prepare();
    const [mine, held] = [await build([0, 1]), await build([0, 1])];
    const committed = await commit(snapshot, [held], "y");
    const { snapshot: moved } = await compactFiles(committed, { pool: inlinePool, deferIndexRemap: true });
    const merged = await mergeExistingIndexSegments(moved, [mine], { pool: inlinePool });
    const done = await commit(moved, [merged]);
    const query = { kind: "range", lower: { value: 0, inclusive: true }, upper: null } as const;
    for (const name of ["x", "y"]) {
      expect(await coverageOf(done, name)).toEqual([[4]]);
      const answer = await searchSegments(done, await getCommittedSegments(done, name), query);
      expect("trueRows" in answer && answer.trueRows.count(), name).toBe(50);
    }
  });

  test("a segment built without rows that a restore brought back is a conflict", async () => {
    const { snapshot, build } = await prepare();
    const some = new Map([[1, Uint32Array.of(3, 4)]]);
    const { snapshot: deleted } = await deleteRows(snapshot, some, { predicate: "test" });
    const options = { pool: inlinePool, name: "x" };
    const [touched, other] = [
      await createIndexUncommitted(deleted, "v", "BTREE", { ...options, fragmentIds: [1] }),
      await createIndexUncommitted(deleted, "v", "BTREE", { ...options, fragmentIds: [0] }),
    ];
    const { snapshot: more } = await deleteRows(deleted, new Map([[1, Uint32Array.of(9)]]), { predicate: "test" });
    expect(await coverageOf(await commit(more, [touched, await build([2])]))).toEqual([[1], [2]]);
    const restored = await restoreVersion(deleted, { reference: snapshot.version });
    const error = await expectError(commit(restored, [touched]), "COMMIT_CONFLICT");
    expect(error.details).toMatchObject({ uuid: touched.uuid, fragmentIds: [1] });
    expect(await coverageOf(await commit(restored, [other]))).toEqual([[0]]);
  });

  test("a segment that covers part of one that came meanwhile is a conflict, to be built again", async () => {
    const { snapshot, build } = await prepare();
    const [wide, part] = [await build([0, 1]), await build([1])];
    await commit(snapshot, [wide]);
    const error = await expectError(commit(snapshot, [part]), "COMMIT_CONFLICT");
    expect(error.details.retryable).toBe(true);
    expect(error.cause).toMatchObject({ code: "SEGMENT_OVERLAP", details: { existing: wide.uuid } });
  });

  test("other names are left alone; a name stays on its column", async () => {
    const { snapshot, build } = await prepare();
    const first = await commit(snapshot, [await build([0])], "one");
    const second = await commit(first, [await build([0])], "two");
    expect((await describeIndices(second)).map(({ name }) => name)).toEqual(["one", "two"]);
    const ids = await createIndexUncommitted(second, "id", "BTREE", { pool: inlinePool, fragmentIds: [0] });
    const error = await expectError(commit(second, [ids], "one", "id"), "ALREADY_EXISTS");
    expect(error.message).toContain('index "one" already exists on fields [1]');
  });

  test("the type changes only with all fragments", async () => {
    const { snapshot, build } = await prepare(vectors);
    const segment = await build([0, 1]);
    const committed = await commit(snapshot, [segment]);
    const fake = {
      ...committed.indices[0]!,
      indexDetails: { typeUrl: "/lance.table.BitmapIndexDetails", value: new Uint8Array() },
    };
    const other = { ...committed, indices: [fake as never] };
    const error = await expectError(commit(other, [await build([2])]), "SEGMENT_INCOMPATIBLE");
    expect(error.details).toMatchObject({ types: ["Bitmap", "IVF_FLAT"] });
  });
});

describe("merge", () => {
  test("needs one model", async () => {
    const { snapshot, build } = await prepare(vectors);
    const segments = [await build([0], { numPartitions: 2 }), await build([1], { numPartitions: 2 })];
    const error = await expectError(
      mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool }),
      "SEGMENT_INCOMPATIBLE",
    );
    expect(error.message).toContain("train once");
    expect(await coverageOf(await commit(snapshot, segments))).toEqual([[0], [1]]);
  });

  test("refuses overlap, an empty group, and new rows that are covered", async () => {
    const { snapshot, build } = await prepare();
    const [a, b] = [await build([0, 1]), await build([1])];
    const merge = (segments: readonly IndexSegment[], newFragmentIds: number[] = []) =>
      mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool, newFragmentIds });
    await expectError(merge([]), "INVALID_ARGUMENT");
    await expectError(merge([a, b]), "SEGMENT_OVERLAP");
    await expectError(merge([a], [1]), "SEGMENT_OVERLAP");
    await expectError(merge([a, a]), "SEGMENT_OVERLAP");
  });

  test("leaves nothing when a write fails", async () => {
    const objects: MemoryObjects = new Map();
    const { snapshot, build } = await prepare(numbers, objects);
    const segments = [await build([0]), await build([1])];
    const before = await listPaths(createMemoryStore(objects));
    for (const [plan, code] of [
      [{ refusePaths: /page_lookup/ }, "IO"],
      [{ quotaBytes: 300 }, "QUOTA_EXCEEDED"],
    ] as const) {
      const failing = createFaultyStore(createMemoryStore(objects), plan);
      await expectError(
        mergeExistingIndexSegments({ ...snapshot, store: failing }, segments, { pool: inlinePool }),
        code,
      );
    }
    expect(await listPaths(createMemoryStore(objects))).toEqual(before);
  });
});

describe("names and figures", () => {
  test("an unknown index names those there are", async () => {
    const { snapshot, build } = await prepare();
    const committed = await commit(snapshot, [await build([0])], "known");
    for (const call of [dropIndex(committed, "nope"), getIndexStatistics(committed, "nope")]) {
      const error = await expectError(call, "INDEX_NOT_FOUND");
      expect(error.details).toMatchObject({ name: "nope", known: ["known"] });
    }
  });

  test("describeIndices says what pylance says", async () => {
    const { snapshot, build } = await prepare(vectors);
    const segment = await build([0, 2], { metric: "dot" });
    const committed = await commit(snapshot, [segment], "v_idx");
    expect(await describeIndices(committed)).toEqual([
      {
        name: "v_idx",
        typeUrl: "/lance.index.pb.VectorIndexDetails",
        indexType: "IVF_FLAT",
        supported: true,
        numRowsIndexed: 55,
        fields: [1],
        fieldNames: ["v"],
        details: {
          metric: "dot",
          runtimeHints: { "lance.ivf.max_iters": "50", "lance.ivf.sample_rate": "256" },
        },
        totalSizeBytes: segment.files!.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
        segments: [
          {
            uuid: segment.uuid,
            datasetVersionAtLastUpdate: snapshot.version,
            fragmentIds: [0, 2],
            indexVersion: 1,
            createdAt: segment.createdAt,
            sizeBytes: segment.files!.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0),
            baseId: null,
            coveringFields: [],
          },
        ],
      },
    ]);
    expect(await getIndexStatistics(committed, "v_idx")).toMatchObject({
      indexType: "IVF_FLAT",
      numIndexedFragments: 2,
      numIndexedRows: 55,
      numUnindexedFragments: 2,
      numUnindexedRows: 30,
      segments: [{ uuid: segment.uuid, metric_type: "dot", partitions: [{ size: 55 }] }],
    });
  });

  test("dropIndex and what takes an index's place also take segments that a compaction wrote anew", async () => {
    const { snapshot, build } = await prepare();
    const committed = await commit(snapshot, [await build([0, 1]), await build([2, 3])]);
    await compactFiles(committed, { pool: inlinePool });
    const untrained = createUntrainedIndex(committed, "v", "BTREE", { name: "x" });
    expect((await expectError(untrained, "COMMIT_CONFLICT")).details).toMatchObject({ retryable: true });
    expect(await describeIndices(await dropIndex(committed, "x"))).toEqual([]);
    await expectError(dropIndex(committed, "x"), "INDEX_NOT_FOUND");
  });

  test("dropIndex takes all segments out, in one version", async () => {
    const { snapshot, build } = await prepare();
    const committed = await commit(snapshot, [await build([0]), await build([1])]);
    const dropped = await dropIndex(committed, "x");
    expect(dropped.version).toBe(committed.version + 1);
    expect(await describeIndices(dropped)).toEqual([]);
  });
});

describe("createIndex refuses before any work", () => {
  test.each([
    ["an unknown type", "v", "RTREE", {}, "UNSUPPORTED"],
    ["a column of the wrong type", "v", "IVF_FLAT", {}, "SCHEMA_MISMATCH"],
    ["an unknown column", "w", "BTREE", {}, "INVALID_ARGUMENT"],
    ["an unknown parameter", "v", "BTREE", { params: { zonesize: 3 } }, "INVALID_ARGUMENT"],
    ["a parameter out of range", "v", "BTREE", { params: { zoneSize: 0 } }, "INVALID_ARGUMENT"],
    ["an unknown fragment", "v", "BTREE", { fragmentIds: [0, 7] }, "NOT_FOUND"],
    ["no workers", "v", "BTREE", { numWorkers: 0 }, "INVALID_ARGUMENT"],
    ["no memory", "v", "BTREE", { memoryBudgetBytes: 0 }, "INVALID_ARGUMENT"],
  ] as const)("%s", async (_, column, indexType, more, code) => {
    const { store, snapshot } = await prepare();
    const before = await listPaths(store);
    await expectError(createIndex(snapshot, column, indexType, { pool: inlinePool, ...more }), code);
    expect(await listPaths(store)).toEqual(before);
  });

  test("a name that exists, with replace: false; partial coverage, before building", async () => {
    const { store, snapshot } = await prepare();
    const { snapshot: committed } = await createIndex(snapshot, "v", "BTREE", { pool: inlinePool });
    const before = await listPaths(store);
    await expectError(createIndex(committed, "v", "BTREE", { pool: inlinePool, replace: false }), "ALREADY_EXISTS");
    const part = createIndex(committed, "v", "BTREE", { pool: inlinePool, fragmentIds: [0] });
    const refused = await expectError(part, "SEGMENT_OVERLAP");
    expect(refused.message).toMatch(/^index "v_idx": fragments \[0\] cover part of segment [-0-9a-f]{36} and would/);
    const vectorsBeside = createIndex(committed, "v", "IVF_FLAT", { pool: inlinePool, fragmentIds: [0] });
    await expectError(vectorsBeside, "SCHEMA_MISMATCH");
    for (const name of ["", "__lance_mem_wal"]) {
      const named = { pool: inlinePool, name, fragmentIds: [0] };
      await expectError(createIndex(committed, "v", "BTREE", named), "INVALID_ARGUMENT");
      await expectError(createIndexUncommitted(committed, "v", "BTREE", named), "INVALID_ARGUMENT");
    }
    expect(await listPaths(store)).toEqual(before);
    const { snapshot: replaced } = await createIndex(committed, "v", "btree", { pool: inlinePool });
    expect(await coverageOf(replaced, "v_idx")).toEqual([[0, 1, 2, 3]]);
  });

  test("train: false makes an index that covers nothing yet", async () => {
    const { snapshot } = await prepare();
    const { snapshot: committed } = await createIndex(snapshot, "v", "BTREE", { pool: inlinePool, train: false });
    expect(await coverageOf(committed, "v_idx")).toEqual([[]]);
    const text = await createFragments(createMemoryStore(), new Utf8(), [["a"]]);
    await expectError(createIndex(text, "v", "IVF_FLAT", { pool: inlinePool, train: false }), "SCHEMA_MISMATCH");
  });

  test("createIndexUncommitted needs fragmentIds", async () => {
    const { snapshot } = await prepare();
    const build = createIndexUncommitted(snapshot, "v", "BTREE", { pool: inlinePool } as never);
    expect((await expectError(build, "INVALID_ARGUMENT")).message).toContain("fragmentIds");
  });
});
