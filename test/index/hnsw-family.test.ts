import { type DataType, Field, FixedSizeList, Float16, Float32, Float64, Uint8 } from "apache-arrow";
import type { SegmentQuery, VectorQuery } from "../../src/index/segment.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import type { Value } from "./support.ts";

useTestRuntime();

const DIMENSION = 12;
const ALL = 1 << 20;

type Metric = "l2" | "cosine" | "dot" | "hamming";

/** Whole numbers whose bounds are 0 and 255 whatever rows are taken: each value is then its own scalar code, and exact. */
function makeWhole(random: () => number): Float32Array {
  const vector = Float32Array.from({ length: DIMENSION }, () => Math.floor(random() * 256));
  const at = Math.floor(random() * DIMENSION);
  vector[at] = 0;
  vector[(at + 1) % DIMENSION] = 255;
  return vector;
}

function measure(metric: Metric, q: ArrayLike<number>, v: ArrayLike<number>): number {
  let [dot, squares, qq, vv, bits] = [0, 0, 0, 0, 0];
  for (let i = 0; i < DIMENSION; i++) {
    dot += q[i]! * v[i]!;
    squares += (q[i]! - v[i]!) ** 2;
    qq += q[i]! ** 2;
    vv += v[i]! ** 2;
    for (let left = q[i]! ^ v[i]!; left > 0; left >>= 1) bits += left & 1;
  }
  if (metric === "cosine") return 1 - dot / Math.sqrt(qq) / Math.sqrt(vv);
  if (metric === "hamming") return bits;
  return metric === "l2" ? squares : 1 - dot;
}

const RANGES: Readonly<Record<Metric, readonly [number, number]>> = {
  l2: [90_000, 120_000],
  cosine: [0.2, 0.4],
  dot: [-200_000, -150_000],
  hamming: [30, 45],
};

function hnsw(storage: "FLAT" | "SQ", metric: Metric, item: DataType): FamilyCase {
  const isBytes = metric === "hamming";
  return {
    title: `IVF_HNSW_${storage} ${metric} of ${item}`,
    indexType: `IVF_HNSW_${storage}`,
    type: new FixedSizeList(DIMENSION, new Field("item", item, true)),
    params: { metric, numPartitions: 3, maxIterations: 8, m: 6, efConstruction: 30 },
    sharesModel: true,
    // A row of each level, of which every higher one has a sixth.
    rowsPerValue: 1.3,
    makeValue: makeWhole,
    makeQueries(random) {
      const make = (k: number, more: Partial<VectorQuery> = {}): SegmentQuery => ({
        kind: "vector",
        q: isBytes ? Uint8Array.from(makeWhole(random)) : makeWhole(random),
        k,
        minimumNprobes: ALL,
        maximumNprobes: ALL,
        // As many as there are rows: then nothing is missed.
        ef: 1000,
        ...more,
      });
      return [make(1), make(10), make(37), make(5000), make(8, { distanceRange: RANGES[metric] })];
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

describeIndexFamily(hnsw("FLAT", "l2", new Float32()));
describeIndexFamily(hnsw("FLAT", "dot", new Float16()));
describeIndexFamily(hnsw("FLAT", "l2", new Float64()));
describeIndexFamily(hnsw("FLAT", "hamming", new Uint8()));
describeIndexFamily(hnsw("SQ", "l2", new Float32()));
describeIndexFamily(hnsw("SQ", "dot", new Float32()));
