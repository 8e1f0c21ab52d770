import { type DataType, Field, FixedSizeList, Float16, Float32, Float64 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { createIndexUncommitted, trainIndexModel } from "../../src/index/build.ts";
import { commitExistingIndexSegments } from "../../src/index/commit.ts";
import { getIndexStatistics } from "../../src/index/describe.ts";
import { mergeExistingIndexSegments } from "../../src/index/merge.ts";
import { searchSegments } from "../../src/index/search.ts";
import type { SegmentQuery, VectorQuery } from "../../src/index/segment.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import type { Snapshot } from "../../src/table/snapshot.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { referenceDecode, referenceDistances } from "../kernels/reference/product.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createFragments, createRandom, expectError, inlinePool, readRows, type Value } from "./support.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const PARTS = 8;
const DIMENSION = 2 * PARTS;
const ALL = 1 << 20;
const listOf = (item: DataType, dimension = DIMENSION) => new FixedSizeList(dimension, new Field("item", item, true));

/**
 * Each pair of values is one of three, all of one length: three partitions leave at most nine residuals a pair, which a
 * codebook of 16 holds exactly, whatever rows it was learned from; and vectors of unit length are as few.
 */
function makeVector(random: () => number): Float32Array {
  return Float32Array.from({ length: DIMENSION }, (_, i) => i).map((_, i, vector) => {
    if (i % 2 === 1) return vector[i]!;
    const angle = Math.floor(random() * 3) * 2 + i;
    vector[i + 1] = Math.sin(angle) * (1 + i / 8);
    return Math.cos(angle) * (1 + i / 8);
  });
}

type Metric = "l2" | "cosine" | "dot";

function measure(metric: Metric, q: ArrayLike<number>, v: ArrayLike<number>): number {
  let [dot, squares, lengths] = [0, 0, [0, 0]];
  for (let i = 0; i < q.length; i++) {
    dot += q[i]! * v[i]!;
    squares += (q[i]! - v[i]!) ** 2;
    lengths = [lengths[0]! + q[i]! ** 2, lengths[1]! + v[i]! ** 2];
  }
  if (metric === "l2") return squares;
  if (metric === "dot") return 1 - dot;
  // Squared l2 of vectors of unit length.
  return 2 - (2 * dot) / Math.sqrt(lengths[0]! * lengths[1]!);
}

function describePq(metric: Metric, numBits: number): FamilyCase {
  return {
    title: `IVF_PQ ${metric}, ${numBits} bits`,
    indexType: "IVF_PQ",
    type: listOf(new Float32()),
    params: { metric, numPartitions: 3, numSubVectors: PARTS, numBits, maxIterations: 12 },
    sharesModel: true,
    makeValue: makeVector,
    makeQueries(random) {
      const make = (k: number, more: Partial<VectorQuery> = {}): SegmentQuery => ({
        kind: "vector",
        q: Float32Array.from({ length: DIMENSION }, () => random() * 4 - 2),
        k,
        minimumNprobes: ALL,
        maximumNprobes: ALL,
        ...more,
      });
      const range = { l2: [20, 40], cosine: [0.8, 1.2], dot: [-2, 3] } as const;
      return [make(1), make(10), make(37), make(5000), make(8, { distanceRange: range[metric] })];
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

describeIndexFamily(describePq("l2", 8));
describeIndexFamily(describePq("cosine", 4));
describeIndexFamily(describePq("dot", 8));
describeIndexFamily(describePq("dot", 4));

/** Values a product quantizer can only come near to. */
function makeClustered(count: number, seed: number, dimension = 32): Float32Array[] {
  const random = createRandom(seed);
  const centres = Array.from({ length: 12 }, () => Float32Array.from({ length: dimension }, () => random() * 6));
  return Array.from({ length: count }, (_, i) => centres[i % 12]!.map((value) => value + random() + random() - 1));
}

const query = (q: Float32Array, k: number) =>
  ({ kind: "vector", q, k, minimumNprobes: ALL, maximumNprobes: ALL }) as const;

async function build(snapshot: Snapshot, params: object, numFragments = 1) {
  const options = { pool: inlinePool, name: "v_idx", params: { numPartitions: 4, maxIterations: 10, ...params } };
  const model = await trainIndexModel(snapshot, "v", "IVF_PQ", options);
  const segments = [];
  for (let i = 0; i < numFragments; i++) {
    segments.push(await createIndexUncommitted(snapshot, "v", "IVF_PQ", { ...options, fragmentIds: [i], model }));
  }
  return segments;
}

describe("distances are near those of the vectors, and refined they are those", () => {
  test.each([
    [new Float32(), 8],
    [new Float32(), 4],
    [new Float16(), 8],
    [new Float64(), 8],
    [new Float64(), 4],
  ])("%s, %i bits", async (item, numBits) => {
    const snapshot = await createFragments(createMemoryStore(), listOf(item, 32), [
      makeClustered(700, 1),
      makeClustered(500, 1).slice(60),
    ]);
    const segments = await build(snapshot, { numSubVectors: 16, numBits }, 2);
    const merged = await mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [merged]);
    const rows = await readRows(committed);
    const error = numBits === 8 ? 1 : 4;
    let found = 0;
    for (const q of makeClustered(20, 1).map((vector) => vector.map((value) => Math.fround(value + 0.25)))) {
      const { rowIds, distances } = await searchSegments(committed, [merged], query(q, 1140));
      expect(rowIds.length).toBe(1140);
      const exact = [...rows].map(([rowId, v]) => ({ rowId, distance: measure("l2", q, v as Float32Array) }));
      exact.sort((a, b) => a.distance - b.distance);
      const best = new Set(exact.slice(0, 10).map(({ rowId }) => rowId));
      for (const rowId of rowIds.subarray(0, 30)) if (best.has(rowId)) found++;
      const distanceOf = new Map(exact.map(({ rowId, distance }) => [rowId, distance]));
      rowIds.forEach((rowId, i) => {
        const difference = Math.sqrt(distances[i]!) - Math.sqrt(distanceOf.get(rowId)!);
        expect(Math.abs(difference)).toBeLessThan(error);
      });
    }
    expect(found / 200).toBeGreaterThan(numBits === 8 ? 0.9 : 0.7);
    const dataset = await openDataset(snapshot.store as Store);
    const q = makeClustered(1, 1)[0]!;
    const nearest = { column: "v", q, k: 5, refineFactor: 10, minimumNprobes: 4 };
    const table = await dataset.scanner({ nearest, withRowId: true }).toTable();
    expect(table.numRows).toBe(5);
    for (const { _rowid, _distance } of table.toArray() as { _rowid: bigint; _distance: number }[]) {
      // A query is compared with halves as one of halves.
      const exact = measure("l2", q, rows.get(_rowid) as Float32Array);
      expect(_distance).toBeCloseTo(exact, item instanceof Float16 ? 1 : 3);
    }
  });
});

test("fewer vectors than codewords make an index whose codes are exact", async () => {
  const values = makeClustered(30, 3, 8);
  const snapshot = await createFragments(createMemoryStore(), listOf(new Float32(), 8), [values]);
  const [segment] = await build(snapshot, { numPartitions: 2, numSubVectors: 2 });
  const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [segment!]);
  const q = values[4]!.map((value) => value + 0.5);
  const { distances } = await searchSegments(committed, [segment!], query(q, 30));
  const exact = values.map((v) => measure("l2", q, v)).sort((a, b) => a - b);
  distances.forEach((distance, i) => {
    expect(distance).toBeCloseTo(exact[i]!, 3);
  });
});

test("segments of other codebooks do not merge, and are told what to do; they answer together all the same", async () => {
  const snapshot = await createFragments(createMemoryStore(), listOf(new Float32(), 32), [
    makeClustered(400, 1),
    makeClustered(400, 2),
  ]);
  const ivfCentroids = makeClustered(4, 9);
  const dataset = await openDataset(snapshot.store as Store);
  const segments = [];
  for (const fragmentId of [0, 1]) {
    segments.push(
      await dataset.createIndexUncommitted("v", "IVF_PQ", {
        ivfCentroids,
        numSubVectors: 8,
        fragmentIds: [fragmentId],
        name: "v_idx",
      }),
    );
  }
  const merging = mergeExistingIndexSegments(snapshot, segments, { pool: inlinePool });
  await expectError(merging, "SEGMENT_INCOMPATIBLE");
  await expect(merging).rejects.toThrow(/codebook.*train once/s);
  const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", segments);
  const { rowIds } = await searchSegments(committed, segments, query(makeClustered(1, 1)[0]!, 800));
  expect(new Set(rowIds).size).toBe(800);
});

test("a codebook that is given is the one used: a row is where its codewords are", async () => {
  const shape = { dimension: 32, numSubVectors: 8, numBits: 8 } as const;
  const random = createRandom(6);
  const pqCodebook = Float32Array.from({ length: 256 * 32 }, () => random() * 10);
  const values = Array.from({ length: 500 }, () => Float32Array.from({ length: 32 }, () => random() * 10));
  const snapshot = await createFragments(createMemoryStore(), listOf(new Float32(), 32), [values]);
  const dataset = await openDataset(snapshot.store as Store);
  const ivfCentroids = [new Float32Array(32), new Float32Array(32).fill(100)];
  const params = { ivfCentroids, numSubVectors: 8 };
  await dataset.createIndex("v", "IVF_PQ", { ...params, pqCodebook });
  for (const row of [0, 77, 499]) {
    const codes = Array.from({ length: 8 }, (_, sub) => {
      const codewords = pqCodebook.subarray(sub * 1024, (sub + 1) * 1024);
      const distances = referenceDistances(values[row]!.subarray(sub * 4, sub * 4 + 4), codewords);
      return distances.indexOf(Math.min(...distances));
    });
    const q = Float32Array.from(referenceDecode(codes, pqCodebook, shape));
    const found = await dataset.scanner({ nearest: { column: "v", q, k: 1 }, withRowId: true }).toTable();
    expect(found.getChild("_rowid")!.get(0)).toBe(BigInt(row));
    expect(found.getChild("_distance")!.get(0)).toBeCloseTo(0, 6);
  }
  const short = dataset.createIndex("v", "IVF_PQ", { ...params, pqCodebook: pqCodebook.subarray(32), replace: true });
  await expectError(short, "INVALID_ARGUMENT");
});

describe("parameters", () => {
  const make = (dimension: number) =>
    createFragments(createMemoryStore(), listOf(new Float32(), dimension), [makeClustered(60, 1, dimension)]);
  const ask = async (dimension: number, params: object) => {
    const snapshot = await make(dimension);
    const [segment] = await build(snapshot, { numPartitions: 1, ...params });
    const committed = await commitExistingIndexSegments(snapshot, "v_idx", "v", [segment!]);
    const { segments } = await getIndexStatistics(committed, "v_idx");
    return (segments[0] as unknown as { sub_index: object }).sub_index;
  };

  test.each([
    [64, {}, 4],
    [24, {}, 3],
    [20, {}, 2],
    [3, {}, 1],
    [17, {}, 17],
    [100, {}, 10],
    [64, { numBits: 4 }, 4],
    [48, { numBits: 4 }, 6],
    [2, { numBits: 4 }, 2],
    [24, { numSubVectors: 12 }, 12],
  ])("vectors of %i values with %j are cut into %i", async (dimension, params, expected) => {
    const numBits = "numBits" in params ? params.numBits : 8;
    expect(await ask(dimension, params)).toMatchObject({
      index_type: "PQ",
      num_sub_vectors: expected,
      nbits: numBits,
      dimension,
      transposed: false,
    });
  });

  test.each([
    [{ numSubVectors: 5 }, /a divisor of the dimension 24: 1, 2, 3, 4, 6, 8, 12, 24; received 5/],
    [{ numSubVectors: 3, numBits: 4 }, /an even divisor of the dimension 24: 2, 4, 6, 8, 12, 24; received 3/],
    [{ numSubVectors: 0 }, /numSubVectors/],
    [{ numBits: 5 }, /4 or 8 bits; received 5/],
    [{ numBits: 16 }, /numBits/],
    [{ metric: "hamming" }, /hamming/],
  ])("%j is refused", async (params, message) => {
    const building = build(await make(24), params);
    await expectError(building, "INVALID_ARGUMENT");
    await expect(building).rejects.toThrow(message);
  });

  test("4 bits of an odd number of values have no even part", async () => {
    await expectError(build(await make(17), { numBits: 4 }), "INVALID_ARGUMENT");
  });
});
