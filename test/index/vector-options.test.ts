import { Field, FixedSizeList, Float16, Float32, Float64, Uint8, vectorFromArray } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { encodeBase64 } from "../../src/index/base64.ts";
import { commitIndices } from "../../src/index/commit.ts";
import { openIvfHeader } from "../../src/index/ivf/header.ts";
import { flatStorage } from "../../src/index/ivf/storage/flat.ts";
import { flatSubIndex } from "../../src/index/ivf/sub-index/flat.ts";
import { toIndexMetadata } from "../../src/index/metadata.ts";
import { locateSegment } from "../../src/index/open-segment.ts";
import { planIndexMerge } from "../../src/index/plan-build.ts";
import { getFamilyByType, listIndexTypes } from "../../src/index/registry.ts";
import type { IndexSegment } from "../../src/index/segment.ts";
import { fromHalf, toHalf } from "../../src/kernels/element.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, expectError, listPaths, URI, type Value } from "./support.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 16;
const listOf = (item: Float16 | Float32 | Float64 | Uint8) =>
  new FixedSizeList(DIMENSION, new Field("item", item, true));
const VECTORS = listOf(new Float32());
const random = createRandom(8);
const makeVector = (): Float32Array => Float32Array.from({ length: DIMENSION }, () => Math.fround(random() * 2 - 1));
const makeValues = (count: number): Value[] => Array.from({ length: count }, makeVector);

/** Every vector index type there is. */
const TYPES = listIndexTypes().filter((indexType) => indexType.startsWith("IVF_"));

async function prepare(fragments: readonly (readonly Value[])[], type = VECTORS) {
  const store = createMemoryStore();
  await createFragments(store, type, fragments);
  return { store, dataset: await openDataset(store) };
}

const centroidsOf = async (store: Store, segment: IndexSegment): Promise<number[]> => {
  const kind = { indexType: "IVF_FLAT", subIndex: flatSubIndex, storage: flatStorage };
  const snapshot = await openSnapshot(store, { uri: URI });
  const { model } = await openIvfHeader(kind, locateSegment(snapshot, segment));
  return [...model.centroids];
};

describe("ivfCentroids", () => {
  const centroids = [makeVector(), makeVector(), makeVector()];

  test.each<[string, unknown]>([
    ["arrays", centroids.map((vector) => [...vector])],
    ["typed arrays", centroids],
    ["one typed array", Float32Array.from(centroids.flatMap((vector) => [...vector]))],
    [
      "an Arrow vector",
      vectorFromArray(
        centroids.map((vector) => [...vector]),
        VECTORS,
      ),
    ],
  ])("as %s: the partitions are those, in every segment, and nothing else is left", async (_title, ivfCentroids) => {
    const { store, dataset } = await prepare([makeValues(60), makeValues(70)]);
    const segments = await dataset.createIndex("v", "IVF_FLAT", { ivfCentroids: ivfCentroids as never, numWorkers: 1 });
    const expected = centroids.flatMap((vector) => [...vector]);
    for (const segment of segments) expect(await centroidsOf(store, segment)).toEqual(expected);
    const { segments: facts } = await dataset.indexStatistics("v_idx");
    expect(facts[0]).toMatchObject({ num_partitions: 3 });
    expect((await listPaths(store, "_indices/")).filter((path) => path.endsWith(".json"))).toEqual([]);
    const q = makeVector();
    const nearest = { column: "v", q, k: 20, minimumNprobes: 3 };
    const read = async (more: object) => [
      ...(await dataset.toTable({ columns: ["id"], nearest: { ...nearest, ...more } })).getChild("id")!,
    ];
    expect(await read({})).toEqual(await read({ useIndex: false }));
  });

  test.each(TYPES)("%s: segments built apart with the same centroids are one index", async (indexType) => {
    const { store, dataset } = await prepare([makeValues(300), makeValues(300)]);
    const build = (id: number) =>
      dataset.createIndexUncommitted("v", indexType, { fragmentIds: [id], ivfCentroids: centroids });
    await dataset.commitExistingIndexSegments("v_idx", "v", [await build(0), await build(1)]);
    const { numSegments, numIndexedRows } = await dataset.indexStatistics("v_idx");
    expect([numSegments, numIndexedRows]).toEqual([2, 600]);
    const { segments } = await dataset.indexStatistics("v_idx");
    expect(segments.map((facts) => facts.num_partitions)).toEqual([3, 3]);
    expect((await listPaths(store, "_indices/")).filter((path) => path.endsWith(".json"))).toEqual([]);
  });

  test("a model made of them merges what is built with it", async () => {
    const { dataset } = await prepare([makeValues(50), makeValues(60)]);
    const model = await dataset.trainIndexModel("v", "IVF_FLAT", { ivfCentroids: centroids });
    const tasks = await dataset.planIndexBuild("v", "IVF_FLAT", { numWorkers: 2, model });
    const segments = await Promise.all(
      tasks.map(({ fragmentIds }) => dataset.createIndexUncommitted("v", "IVF_FLAT", { fragmentIds, model })),
    );
    const merged = await dataset.mergeExistingIndexSegments(segments);
    expect(merged.fragmentIds).toEqual([0, 1]);
  });

  test.each<[string, FixedSizeList, (vector: Float32Array) => number[]]>([
    [
      "halffloat",
      listOf(new Float16()),
      (vector) => [...Float32Array.from(vector, (value) => fromHalf(toHalf(value)))],
    ],
    ["double", listOf(new Float64()), (vector) => [...vector]],
    ["uint8", listOf(new Uint8()), (vector) => [...vector].flatMap((byte) => toBits(byte))],
  ])("for columns of %s", async (title, type, read) => {
    const make =
      title === "uint8" ? () => Float32Array.from(makeVector(), (value) => Math.floor((value + 1) * 127)) : makeVector;
    const { store, dataset } = await prepare([Array.from({ length: 40 }, make)], type);
    const given = [make(), make()];
    const [segment] = await dataset.createIndex("v", "IVF_FLAT", { ivfCentroids: given });
    expect(await centroidsOf(store, segment!)).toEqual(given.flatMap(read));
  });

  test.each<[string, object, string]>([
    ["of another dimension", { ivfCentroids: [[1, 2, 3]] }, "DIMENSION_MISMATCH"],
    ["none", { ivfCentroids: [] }, "DIMENSION_MISMATCH"],
    ["of part of a vector", { ivfCentroids: new Float32Array(DIMENSION + 1) }, "DIMENSION_MISMATCH"],
    ["not finite", { ivfCentroids: [new Float32Array(DIMENSION).fill(Number.NaN)] }, "INVALID_ARGUMENT"],
    ["of words", { ivfCentroids: [Array.from({ length: DIMENSION }, () => "1")] }, "INVALID_ARGUMENT"],
    ["NULL", { ivfCentroids: [null] }, "DIMENSION_MISMATCH"],
    ["no list", { ivfCentroids: "all" }, "INVALID_ARGUMENT"],
    ["other than numPartitions says", { ivfCentroids: centroids, numPartitions: 4 }, "INVALID_ARGUMENT"],
    ["beside targetPartitionSize", { ivfCentroids: centroids, targetPartitionSize: 40 }, "INVALID_ARGUMENT"],
    ["with a codebook nobody takes", { ivfCentroids: centroids, pqCodebook: centroids }, "INVALID_ARGUMENT"],
    ["beside train: false", { ivfCentroids: centroids, train: false }, "INVALID_ARGUMENT"],
  ])("%s: refused, and nothing is left", async (_title, options, code) => {
    const { store, dataset } = await prepare([makeValues(20)]);
    const before = await listPaths(store);
    await expectError(dataset.createIndex("v", "IVF_FLAT", options as never), code as never);
    expect(await listPaths(store)).toEqual(before);
  });

  test("tasks, scalar indexes and builds with a model do not take them", async () => {
    const { dataset } = await prepare([makeValues(20)]);
    const given = { ivfCentroids: centroids };
    await expectError(dataset.planIndexBuild("v", "IVF_FLAT", { ...given, numWorkers: 1 }), "INVALID_ARGUMENT");
    await expectError(dataset.createScalarIndex("id", "BTREE", given), "INVALID_ARGUMENT");
    const model = await dataset.trainIndexModel("v", "IVF_FLAT", { numPartitions: 2 });
    const both = dataset.createIndexUncommitted("v", "IVF_FLAT", { ...given, model, fragmentIds: [0] });
    await expectError(both, "INVALID_ARGUMENT");
  });
});

test("pqCodebook: segments built apart with it merge", async () => {
  const { dataset } = await prepare([makeValues(200), makeValues(200)]);
  const given = {
    numSubVectors: 4,
    numBits: 4,
    ivfCentroids: [makeVector(), makeVector()],
    // 4 parts of 16 codewords of 4 values.
    pqCodebook: Array.from({ length: 4 }, () => Array.from({ length: 16 }, () => makeVector().subarray(0, 4))),
  };
  const build = (id: number) => dataset.createIndexUncommitted("v", "IVF_PQ", { ...given, fragmentIds: [id] } as never);
  const merged = await dataset.mergeExistingIndexSegments([await build(0), await build(1)]);
  await dataset.commitExistingIndexSegments("v_idx", "v", [merged]);
  expect(await dataset.indexStatistics("v_idx")).toMatchObject({ numIndexedRows: 400, indexType: "IVF_PQ" });
  const short = { ...given, pqCodebook: given.pqCodebook.slice(1) };
  await expectError(dataset.createIndex("v", "IVF_PQ", short as never), "INVALID_ARGUMENT");
  await expectError(
    dataset.createIndex("v", "IVF_PQ", { ...given, ivfCentroids: undefined } as never),
    "INVALID_ARGUMENT",
  );
});

describe.each(TYPES)("%s", (indexType) => {
  const explain = (dataset: Dataset) => dataset.scanner({ nearest: { column: "v", q: makeVector() } }).explainPlan();

  test("train: false records what is to be built; optimizeIndices builds it", async () => {
    const { store, dataset } = await prepare([makeValues(300), makeValues(400)]);
    const options = { metric: "cosine", numPartitions: 3, sampleRate: 100, maxIterations: 7 };
    const [planned] = await dataset.createIndex("v", indexType, { ...options, train: false });
    expect(planned).toMatchObject({ fragmentIds: [], files: [], name: "v_idx" });
    expect(await listPaths(store, "_indices/")).toEqual([]);
    const [described] = await dataset.describeIndices();
    expect(described).toMatchObject({ indexType, numRowsIndexed: 0, details: { metric: "cosine" }, supported: true });
    expect(await dataset.indexStatistics("v_idx")).toMatchObject({
      indexType,
      numSegments: 1,
      numIndexedRows: 0,
      numUnindexedRows: 700,
      segments: [{ uuid: planned!.uuid }],
    });
    await dataset.prewarmIndex("v_idx");
    expect(await explain(dataset)).toContain(
      'KNNVectorDistance: metric=cosine, fragments=[0, 1], reason=index "v_idx"',
    );
    const fast = { nearest: { column: "v", q: makeVector() }, fastSearch: true };
    expect((await dataset.toTable(fast)).numRows).toBe(0);

    expect(await dataset.optimize.optimizeIndices()).toMatchObject([
      { name: "v_idx", action: "trained", newFragmentIds: [0, 1] },
    ]);
    const statistics = await dataset.indexStatistics("v_idx");
    expect(statistics).toMatchObject({ numIndexedRows: 700, numUnindexedRows: 0, indexType });
    for (const facts of statistics.segments) expect(facts).toMatchObject({ metric_type: "cosine", num_partitions: 3 });
    expect(await explain(dataset)).toContain("ANNIvfPartition");
    expect(statistics.segments.map(({ uuid }) => uuid)).not.toContain(planned!.uuid);
  });

  test("train: false on an empty table waits for rows, and takes the place of an index of its name", async () => {
    const { dataset } = await prepare([makeValues(300)]);
    await dataset.createIndex("v", indexType, { numPartitions: 2 });
    await dataset.createIndex("v", indexType, { numPartitions: 2, train: false });
    expect(await dataset.indexStatistics("v_idx")).toMatchObject({ numSegments: 1, numIndexedRows: 0 });
    await dataset.delete("true");
    expect(await dataset.optimize.optimizeIndices()).toMatchObject([{ action: "unchanged" }]);
    await expectError(dataset.createIndex("v", indexType, { train: false, replace: false }), "ALREADY_EXISTS");
    await expectError(dataset.createIndex("v", indexType, { train: false, fragmentIds: [0] }), "INVALID_ARGUMENT");
  });

  test("details tell how it was built, and a new training asks for the same", async () => {
    const { dataset } = await prepare([makeValues(600)]);
    const options = { metric: "dot", targetPartitionSize: 200, sampleRate: 64, maxIterations: 9 };
    await dataset.createIndex("v", indexType, options);
    const details = async () => (await dataset.describeIndices())[0]!.details;
    const before = await details();
    expect(before).toMatchObject({ metric: "dot", targetPartitionSize: 200 });
    const [segment] = await dataset.indexSegments("v_idx");
    const family = await getFamilyByType(indexType);
    const bytes = Uint8Array.from(atob(segment!.indexDetails.value), (char) => char.charCodeAt(0));
    expect(family.readParams!(bytes)).toMatchObject(options);
    await dataset.optimize.optimizeIndices({ retrain: true });
    expect(await details()).toEqual(before);
    expect((await dataset.indexStatistics("v_idx")).segments[0]).toMatchObject({ num_partitions: 3 });
  });

  test.each(["", "/lance.index.pb.VectorIndexDetails"])(
    "segments whose details are empty (type_url %j) are known by their files",
    async (typeUrl) => {
      const { store, dataset } = await prepare([makeValues(300), makeValues(300)]);
      await dataset.createIndex("v", indexType, { metric: "dot", numPartitions: 2, fragmentIds: [0] });
      const snapshot = await openSnapshot(store, { uri: URI });
      const [segment] = await dataset.indexSegments("v_idx");
      const indexDetails = { typeUrl, value: encodeBase64(new Uint8Array(0)) };
      const bare = await toIndexMetadata({ ...segment!, uuid: segment!.uuid, indexDetails });
      await commitIndices(snapshot, [bare], [...snapshot.indices]);
      const opened = await openDataset(store);
      const [described] = await opened.describeIndices();
      expect(described).toMatchObject({ indexType, supported: true, details: { metric: "dot" } });
      expect(await explain(opened)).toContain("ANNIvfPartition");
      expect((await opened.toTable({ nearest: { column: "v", q: makeVector(), k: 5 } })).numRows).toBe(5);
      expect(await opened.optimize.optimizeIndices()).toMatchObject([{ action: "appended", newFragmentIds: [1] }]);
      expect((await opened.describeIndices())[0]).toMatchObject({ indexType, numRowsIndexed: 600 });
    },
  );

  test("its own parameters stand in the details, and serve the next training", async () => {
    const own = {
      ...(indexType.includes("HNSW") ? { m: 8, efConstruction: 40 } : {}),
      ...(indexType.endsWith("_PQ") ? { numBits: 4, numSubVectors: 8 } : {}),
      ...(indexType.endsWith("_RQ") ? { numBits: 3, rotationType: "matrix" } : {}),
    };
    const family = await getFamilyByType(indexType);
    const read = async (dataset: Dataset) => {
      const [segment] = await dataset.indexSegments("v_idx");
      const bytes = Uint8Array.from(atob(segment!.indexDetails.value), (char) => char.charCodeAt(0));
      return {
        read: family.readParams!(bytes),
        facts: (await dataset.indexStatistics("v_idx")).segments[0]?.sub_index,
      };
    };
    const { dataset } = await prepare([makeValues(400)]);
    await dataset.createIndex("v", indexType, own);
    const built = await read(dataset);
    expect(built.read).toMatchObject(own);
    await dataset.optimize.optimizeIndices({ retrain: true });
    expect(await read(dataset)).toEqual(built);
    const { dataset: planned } = await prepare([makeValues(400)]);
    await planned.createIndex("v", indexType, { ...own, train: false });
    await planned.optimize.optimizeIndices();
    expect((await read(planned)).read).toEqual(built.read);
  });

  test("a second segment joins the first", async () => {
    const { dataset } = await prepare([makeValues(300), makeValues(300)]);
    const options = { numPartitions: 2 };
    await dataset.createIndex("v", indexType, { ...options, fragmentIds: [0] });
    await dataset.createIndex("v", indexType, { ...options, fragmentIds: [1] });
    expect(await dataset.indexStatistics("v_idx")).toMatchObject({ numSegments: 2, numIndexedRows: 600, indexType });
  });

  test("a parameter it does not have is refused", async () => {
    const { dataset } = await prepare([makeValues(20)]);
    const error = await expectError(
      dataset.createIndex("v", indexType, { num_partitions: 3 } as never),
      "INVALID_ARGUMENT",
    );
    expect(error.message).toContain("num_partitions");
    await expectError(dataset.createIndex("v", indexType, { zoneSize: 3 }), "INVALID_ARGUMENT");
  });
});

test("options of calls are checked by name and value", async () => {
  const { dataset } = await prepare([makeValues(20), makeValues(20)]);
  const create = (options: object) => dataset.createIndex("v", "IVF_FLAT", options);
  for (const options of [
    { numWorkers: 0 },
    { maxAttempts: Number.NaN },
    { replace: 1 },
    { train: "no" },
    { fragmentIds: 0 },
  ]) {
    const error = await expectError(create(options), "INVALID_ARGUMENT");
    expect(error.message).toContain(Object.keys(options)[0]);
  }
  // A fragment that is named twice is one fragment.
  const segments = await create({ numPartitions: 1, fragmentIds: [1, 0, 1] });
  expect(segments.flatMap(({ fragmentIds }) => fragmentIds).sort()).toEqual([0, 1]);
  const misspelt = (options: object): unknown[] => [
    dataset.optimize.optimizeIndices(options),
    dataset.mergeExistingIndexSegments(segments, options),
  ];
  for (const call of misspelt({ numIndexesToMerge: 2 }))
    await expectError(call as Promise<unknown>, "INVALID_ARGUMENT");
  await expectError(dataset.optimize.optimizeIndices({ retrain: "yes" } as never), "INVALID_ARGUMENT");
  expect(() => planIndexMerge(segments, { targetSegmentSize: 5 } as never)).toThrow("targetSegmentSize");
});

function toBits(byte: number): number[] {
  return Array.from({ length: 8 }, (_, i) => (byte >> i) & 1);
}
