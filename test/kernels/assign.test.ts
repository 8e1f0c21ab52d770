import { expect, test } from "vitest";
import { loadBuildKernels, UNASSIGNED_PARTITION } from "../../src/kernels/build.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceAssign } from "./reference/k-means.ts";
import { createRandom, dimensions, randomVector } from "./support.ts";

useTestRuntime();
const build = await loadBuildKernels();

/** The distance of row `row` to centroid `partition` in f64. */
function distanceTo(
  metric: "l2" | "dot",
  vectors: Float32Array,
  centroids: Float32Array,
  dimension: number,
  [row, partition]: readonly [number, number],
): number {
  const vector = vectors.subarray(row * dimension, (row + 1) * dimension);
  const centroid = centroids.subarray(partition * dimension, (partition + 1) * dimension);
  return referenceAssign(metric, vector, centroid, dimension).distances[0]!;
}

test("the partition chosen is the nearest, within 1e-5 × √dimension of the terms compared", () => {
  const cases = fc.record({
    metric: fc.constantFrom("l2" as const, "dot" as const),
    dimension: dimensions,
    numRows: fc.integer({ min: 0, max: 30 }),
    k: fc.integer({ min: 1, max: 11 }),
    seed: fc.integer(),
    /** Far from zero, where ‖c‖² − 2x·c would cancel. */
    offset: fc.constantFrom(0, 1000),
  });
  fc.assert(
    fc.property(cases, ({ metric, dimension, numRows, k, seed, offset }) => {
      const random = createRandom(seed);
      const shift = metric === "l2" ? offset : 0;
      const vectors = randomVector(numRows * dimension, random).map((v) => v + shift);
      const centroids = randomVector(k * dimension, random).map((v) => v + shift);
      const found = build.assignPartitions({ vectors, dimension, centroids, metric });
      const expected = referenceAssign(metric, vectors, centroids, dimension);
      const scale = metric === "l2" ? 4 * dimension : 1 + 3 * dimension;
      const budget = 1e-5 * Math.sqrt(dimension) * scale;
      expect(found.partitions.length).toBe(numRows);
      for (let row = 0; row < numRows; row++) {
        const chosen = distanceTo(metric, vectors, centroids, dimension, [row, found.partitions[row]!]);
        expect(chosen - expected.distances[row]!).toBeLessThanOrEqual(budget);
        expect(Math.abs(found.distances[row]! - chosen)).toBeLessThanOrEqual(budget);
      }
    }),
    { numRuns: 200 },
  );
});

test("ties go to the lowest partition", () => {
  const centroids = Float32Array.of(5, 1, 1, 1, 1, 1, 1);
  const { partitions } = build.assignPartitions({
    vectors: Float32Array.of(1, 1, 1, 9, 3),
    dimension: 1,
    centroids,
    metric: "l2",
  });
  expect([...partitions]).toEqual([1, 1, 1, 0, 0]);
});

test("vectors with NaN or infinity are not placed, and spoil no other", () => {
  const vectors = Float32Array.of(1, 1, Number.NaN, 1, 9, 9, 1, Number.POSITIVE_INFINITY, 8, 8);
  const found = build.assignPartitions({
    vectors,
    dimension: 2,
    centroids: Float32Array.of(0, 0, 10, 10),
    metric: "l2",
  });
  expect([...found.partitions]).toEqual([0, UNASSIGNED_PARTITION, 1, UNASSIGNED_PARTITION, 1]);
  expect([...found.distances]).toEqual([2, Number.NaN, 2, Number.NaN, 8]);
});

test("finite vectors near the largest f32 still have a partition", () => {
  const vectors = Float32Array.of(3e38, -3e38);
  const { partitions } = build.assignPartitions({
    vectors,
    dimension: 1,
    centroids: Float32Array.of(-1, 1),
    metric: "dot",
  });
  expect([...partitions]).toEqual([1, 0]);
  const far = build.assignPartitions({
    vectors,
    dimension: 1,
    centroids: Float32Array.of(-3e38, 3e38),
    metric: "l2",
  });
  for (const partition of far.partitions) expect(partition).toBeLessThan(2);
});

test("wrong shapes are coded errors", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const base = { vectors: new Float32Array(4), dimension: 2, centroids: new Float32Array(2), metric: "l2" as const };
  for (const options of [
    { ...base, vectors: new Float32Array(3) },
    { ...base, centroids: new Float32Array(3) },
    { ...base, centroids: new Float32Array(0) },
    { ...base, dimension: 0 },
    { ...base, metric: "cosine" as "l2" },
  ]) {
    expect(() => build.assignPartitions(options)).toThrow(invalid);
  }
});
