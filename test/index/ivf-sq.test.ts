import { create, toBinary } from "@bufbuild/protobuf";
import { Field, FixedSizeList, Float32 } from "apache-arrow";
import { expect, test } from "vitest";
import type { LanceFile } from "../../src/format/read/file.ts";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { createIndexField } from "../../src/index/file-batch.ts";
import { decodeModel, encodeModel } from "../../src/index/ivf/model.ts";
import { scalarStorage } from "../../src/index/ivf/storage/sq.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { readModel, writeModel } from "../../src/index/model-file.ts";
import { getFamilyByType } from "../../src/index/registry.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { IndexSegment, SegmentQuery, VectorQuery } from "../../src/index/segment.ts";
import {
  VectorIndexDetails_ScalarQuantizationSchema as ScalarQuantizationSchema,
  VectorIndexDetailsSchema,
} from "../../src/proto/gen/lance/index_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, expectError, inlinePool, readRows, type Value } from "./support.ts";

useTestRuntime();

const DIMENSION = 12;
const ALL = 1 << 20;
const type = new FixedSizeList(DIMENSION, new Field("item", new Float32(), true));

/** Whole numbers whose bounds are 0 and 255 whatever rows are taken: each value is then its own code, and exact. */
function makeWhole(random: () => number): Float32Array {
  const vector = Float32Array.from({ length: DIMENSION }, () => Math.floor(random() * 256));
  const at = Math.floor(random() * DIMENSION);
  vector[at] = 0;
  vector[(at + 1) % DIMENSION] = 255;
  return vector;
}

function measure(metric: string, q: ArrayLike<number>, v: ArrayLike<number>): number {
  let [dot, squares] = [0, 0];
  for (let i = 0; i < DIMENSION; i++) {
    dot += q[i]! * v[i]!;
    squares += (q[i]! - v[i]!) ** 2;
  }
  return metric === "l2" ? squares : 1 - dot;
}

function sq(metric: "l2" | "dot"): FamilyCase {
  return {
    title: `IVF_SQ ${metric}`,
    indexType: "IVF_SQ",
    type,
    params: { metric, numPartitions: 5, maxIterations: 8 },
    sharesModel: true,
    makeValue: makeWhole,
    makeQueries(random) {
      const make = (k: number, more: Partial<VectorQuery> = {}): SegmentQuery => ({
        kind: "vector",
        q: makeWhole(random),
        k,
        minimumNprobes: ALL,
        maximumNprobes: ALL,
        ...more,
      });
      const range = metric === "l2" ? ([90_000, 120_000] as const) : ([-200_000, -150_000] as const);
      return [make(1), make(10), make(37), make(5000), make(8, { distanceRange: range })];
    },
    bruteForce(query, rows: ReadonlyMap<bigint, Value>) {
      const { q, k, distanceRange } = query as VectorQuery;
      const [lower, upper] = distanceRange ?? [null, null];
      const nearest = [...rows]
        .filter(([, value]) => value !== null)
        .map(([rowId, value]) => ({ rowId, distance: measure(metric, q, value as Float32Array) }))
        .filter(({ distance }) => (lower === null || distance >= lower) && (upper === null || distance < upper))
        .sort((a, b) => a.distance - b.distance || (a.rowId < b.rowId ? -1 : 1));
      return { nearest: nearest.slice(0, k) };
    },
  };
}

for (const metric of ["l2", "dot"] as const) describeIndexFamily(sq(metric));

test("segments of different bounds are coded anew when they merge: distances stay right", async () => {
  const random = createRandom(4);
  const fragment = (scale: number) =>
    Array.from({ length: 400 }, () => Float32Array.from({ length: DIMENSION }, () => (random() - 0.3) * scale));
  const snapshot = await createFragments(createMemoryStore(), type, [fragment(1), fragment(6), fragment(3)]);
  const options = { pool: inlinePool, name: "v_idx", params: { numPartitions: 3 } };
  const trained = await trainIndexModel(snapshot, "v", "IVF_SQ", options);
  const shared = decodeModel(await readModel(snapshot.store, trained!));
  const segments: IndexSegment[] = [];
  for (const [i, end] of [0.7, 4.2, 2.1].entries()) {
    const bounds = { kind: "SQ", start: (-end * 3) / 7, end };
    const model = await writeModel(snapshot.store as Store, encodeModel({ ...shared, storage: bounds }));
    segments.push(await createIndexUncommitted(snapshot, "v", "IVF_SQ", { ...options, fragmentIds: [i], model }));
  }
  const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
  const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
  const rows = await readRows(committed);
  // Two steps of the wider code a value: one each for the row's two codings, and the query's.
  const step = (4.2 * 10) / 7 / 255;
  for (let i = 0; i < 20; i++) {
    const q = Float32Array.from({ length: DIMENSION }, () => (random() - 0.3) * 3);
    const query = { kind: "vector", q, k: 1200, minimumNprobes: ALL, maximumNprobes: ALL } as const;
    const { rowIds, distances } = await searchSegments(committed, [merged], query);
    expect(rowIds.length).toBe(1200);
    rowIds.forEach((rowId, at) => {
      const exact = Math.sqrt(measure("l2", q, rows.get(rowId) as Float32Array));
      expect(Math.abs(Math.sqrt(distances[at]!) - exact)).toBeLessThanOrEqual(2 * step * Math.sqrt(DIMENSION));
    });
  }
});

test("codes are coded anew as their vectors would have been, up to one step; equal bounds change nothing", () => {
  const old = { kind: "SQ", start: -1, end: 1 };
  const wide = { kind: "SQ", start: -3, end: 2 };
  expect(scalarStorage.createRecoder(old, { ...old })).toBeNull();
  expect(scalarStorage.mergeModels([old, wide, { kind: "SQ", start: 0, end: 2.5 }])).toEqual({
    kind: "SQ",
    start: -3,
    end: 2.5,
  });
  const recode = scalarStorage.createRecoder(old, wide)!;
  for (let value = -1; value <= 1; value += 0.001) {
    const code = Math.min(255, Math.trunc(((value + 1) * 255) / 2));
    const direct = Math.trunc(((value + 3) * 255) / 5);
    expect(Math.abs(recode(Uint8Array.of(code))[0]! - direct)).toBeLessThanOrEqual(1);
  }
});

test("a codes' width other than 8, bytes, and a model of another index type are refused", async () => {
  const bytes = new FixedSizeList(4, new Field("item", new Float32(), true));
  const random = createRandom(1);
  const values = Array.from({ length: 30 }, () => Float32Array.from({ length: 4 }, () => random()));
  const snapshot = await createFragments(createMemoryStore(), bytes, [values]);
  const options = { pool: inlinePool, name: "v_idx", fragmentIds: [0] };
  const build = (indexType: string, more: object) =>
    createIndexUncommitted(snapshot, "v", indexType, { ...options, ...more });
  await expectError(build("IVF_SQ", { params: { numBits: 4 } }), "INVALID_ARGUMENT");
  await expectError(build("IVF_SQ", { params: { metric: "hamming" } }), "INVALID_ARGUMENT");
  const params = { numPartitions: 1 };
  const flat = await trainIndexModel(snapshot, "v", "IVF_FLAT", { pool: inlinePool, params });
  await expectError(build("IVF_SQ", { params, model: flat }), "INVALID_ARGUMENT");
});

test("bounds of many vectors are learned in pieces: a cancel gets in", async () => {
  const cancel = new AbortController();
  const shape = { type: { element: "f32", dimension: 256 }, metric: "l2", centroids: new Float32Array(256) } as const;
  const context = { signal: cancel.signal, memoryBudgetBytes: 2 ** 28 };
  // Every look at this clock is 25 ms after the last: each piece ends with a turn, on a machine however fast.
  let now = performance.now();
  useTestRuntime({ now: () => (now += 25) });
  const training = scalarStorage.train(new Float32Array(2 ** 23), {}, { shape, context });
  setImmediate(() => cancel.abort());
  await expectError(training, "ABORTED");
  useTestRuntime();
});

test("files that tell of other bits hold bytes too; bounds or dimensions of others are CORRUPT", async () => {
  const shape = { type: { element: "f32", dimension: 4 }, metric: "l2" } as const;
  const read = (told: object) => {
    const metadata = { storage_metadata: JSON.stringify([JSON.stringify(told)]) };
    return scalarStorage.readModel({ path: "auxiliary.idx", metadata } as unknown as LanceFile, shape);
  };
  const good = { dim: 4, num_bits: 8, bounds: { start: -1, end: 1 } };
  expect(scalarStorage.acceptsModel(await read(good))).toBe(true);
  expect(await read({ ...good, num_bits: 4 })).toEqual(await read(good));
  for (const change of [{ dim: 8 }, { bounds: null }, { bounds: { start: 0 } }]) {
    await expectError(Promise.resolve(read({ ...good, ...change })), "CORRUPT");
  }
});

test("details that tell of other bits serve the next training", async () => {
  const family = await getFamilyByType("IVF_SQ");
  const compression = { case: "sq", value: create(ScalarQuantizationSchema, { numBits: 4 }) } as const;
  const params = family.readParams!(
    toBinary(VectorIndexDetailsSchema, create(VectorIndexDetailsSchema, { compression })),
  );
  const field = createIndexField(0, "v", "fixed_size_list:float:4", true);
  expect(family.resolveParams(field, params, 100)).toMatchObject({ metric: "l2", numBits: 8 });
});
