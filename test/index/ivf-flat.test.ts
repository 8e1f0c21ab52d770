import { type DataType, Field, FixedSizeList, Float16, Float32, Float64, Uint8 } from "apache-arrow";
import type { SegmentQuery, VectorQuery } from "../../src/index/segment.ts";
import { toQueryVector } from "../../src/kernels/element.ts";
import { describeIndexFamily, type FamilyCase } from "../conformance/index-family-suite.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import type { Value } from "./support.ts";

useTestRuntime();

const DIMENSION = 12;
const ALL = 1 << 20;
const listOf = (item: DataType) => new FixedSizeList(DIMENSION, new Field("item", item, true));

function measure(metric: string, q: ArrayLike<number>, v: ArrayLike<number>): number {
  let [dot, qq, vv, squares] = [0, 0, 0, 0];
  for (let i = 0; i < DIMENSION; i++) {
    dot += q[i]! * v[i]!;
    qq += q[i]! ** 2;
    vv += v[i]! ** 2;
    squares += (q[i]! - v[i]!) ** 2;
  }
  if (metric === "hamming") return countBits(q, v);
  return metric === "l2" ? squares : metric === "dot" ? 1 - dot : 1 - dot / Math.sqrt(qq * vv);
}

function countBits(q: ArrayLike<number>, v: ArrayLike<number>): number {
  let count = 0;
  for (let i = 0; i < DIMENSION; i++) for (let bits = q[i]! ^ v[i]!; bits > 0; bits >>= 1) count += bits & 1;
  return count;
}

const makeBytes = (random: () => number) => Float32Array.from({ length: DIMENSION }, () => Math.floor(random() * 256));

function makeVector(random: () => number): Float32Array {
  const at = Math.floor(random() * 60);
  const vector = Float32Array.from({ length: DIMENSION }, () => (random() - 0.5) * 6);
  // Not indexed by any metric, and a zero vector that only cosine leaves out.
  if (at === 0) vector[3] = Number.NaN;
  if (at === 1) vector[5] = Number.POSITIVE_INFINITY;
  if (at === 2) vector.fill(0);
  return vector;
}

function ivf(metric: "l2" | "cosine" | "dot" | "hamming", item: DataType): FamilyCase {
  const isBytes = metric === "hamming";
  return {
    title: `IVF_FLAT ${metric} of ${item}`,
    indexType: "IVF_FLAT",
    type: listOf(item),
    params: { metric, numPartitions: 5, maxIterations: 8 },
    sharesModel: true,
    makeValue: isBytes ? makeBytes : makeVector,
    makeQueries(random) {
      const q = () =>
        isBytes
          ? makeBytes(random)
          : (toQueryVector(
              Array.from({ length: DIMENSION }, () => (random() - 0.5) * 6),
              item instanceof Float16 ? "f16" : "f32",
            ) as Float32Array);
      const all = { minimumNprobes: ALL, maximumNprobes: ALL };
      const make = (k: number, more: Partial<VectorQuery> = {}): SegmentQuery => ({
        kind: "vector",
        q: q(),
        k,
        ...all,
        ...more,
      });
      const range = isBytes ? ([40, 50] as const) : metric === "l2" ? ([10, 60] as const) : ([0.2, 1.1] as const);
      return [
        make(1),
        make(10),
        make(10),
        make(37),
        make(5000),
        make(8, { distanceRange: range }),
        make(8, { distanceRange: [range[0], null] }),
        make(8, { distanceRange: [null, range[1]] }),
        // Asked for more than there is, the search goes on past the first partitions.
        make(5000, { minimumNprobes: 1, maximumNprobes: null }),
      ];
    },
    bruteForce(query, rows: ReadonlyMap<bigint, Value>) {
      const { q, k, distanceRange } = query as VectorQuery;
      const [lower, upper] = distanceRange ?? [null, null];
      const nearest = [...rows]
        .filter(([, value]) => value !== null && (value as Float32Array).every(Number.isFinite))
        .map(([rowId, value]) => ({ rowId, distance: measure(metric, q, value as Float32Array) }))
        .filter(({ distance }) => !Number.isNaN(distance))
        .filter(({ distance }) => (lower === null || distance >= lower) && (upper === null || distance < upper))
        .sort((a, b) => a.distance - b.distance || (a.rowId < b.rowId ? -1 : 1));
      return { nearest: nearest.slice(0, k) };
    },
  };
}

for (const metric of ["l2", "cosine", "dot"] as const) describeIndexFamily(ivf(metric, new Float32()));
describeIndexFamily(ivf("l2", new Float16()));
describeIndexFamily(ivf("dot", new Float64()));
describeIndexFamily(ivf("cosine", new Float64()));
describeIndexFamily(ivf("hamming", new Uint8()));
