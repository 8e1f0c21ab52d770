import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import type { KMeansOptions, KMeansProgress } from "../../src/kernels/k-means.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceAssign, referenceLloyd } from "./reference/k-means.ts";
import { createRandom, randomVector } from "./support.ts";

useTestRuntime();
const build = await loadBuildKernels();

function train(options: KMeansOptions): { centroids: Float32Array; iterations: KMeansProgress[] } {
  const kMeans = build.createKMeans(options);
  const iterations: KMeansProgress[] = [];
  try {
    while (!kMeans.done) {
      const progress = kMeans.step();
      if (progress.iteration > iterations.length) iterations.push(progress);
    }
    return { centroids: kMeans.centroids(), iterations };
  } finally {
    kMeans.free();
  }
}

/** Vectors around `groups` random centres. */
function clustered(numRows: number, dimension: number, groups: number, seed: number): Float32Array {
  const random = createRandom(seed);
  const centres = randomVector(groups * dimension, random);
  return Float32Array.from({ length: numRows * dimension }, (_, i) => {
    const group = Math.floor(i / dimension) % groups;
    return centres[group * dimension + (i % dimension)]! * 3 + (random() - 0.5);
  });
}

const lossOf = (vectors: Float32Array, centroids: Float32Array, dimension: number) =>
  referenceAssign("l2", vectors, centroids, dimension).distances.reduce((sum, value) => sum + value, 0);

test("the loss is within 2 % of textbook Lloyd in f64 from the same seeds, and is what the centroids give", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 400 }),
      fc.integer({ min: 1, max: 24 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer(),
      fc.constantFrom(0, 500),
      (numRows, dimension, k, seed, offset) => {
        const vectors = clustered(numRows, dimension, 8, seed).map((v) => v + offset);
        const options = { vectors, dimension, k, metric: "l2" as const, seed: 7, tolerance: 0 };
        const seeds = train({ ...options, iterations: 0 }).centroids;
        const { centroids, iterations } = train({ ...options, iterations: 100 });
        const loss = lossOf(vectors, centroids, dimension);
        const rounding = 1e-5 * numRows * dimension;
        expect(loss).toBeLessThanOrEqual(referenceLloyd(vectors, seeds, dimension, 100) * 1.02 + rounding);
        expect(loss).toBeLessThanOrEqual(iterations.at(-1)!.loss * 1.0001 + rounding);
      },
    ),
    // A vector midway between two centroids may fall to either, and lead elsewhere: the draws are fixed.
    { numRuns: 100, seed: 1 },
  );
});

test("seeds are vectors, and lie apart: most groups get one", () => {
  const vectors = clustered(2000, 16, 10, 3);
  const seeds = train({ vectors, dimension: 16, k: 10, metric: "l2", seed: 5, iterations: 0 }).centroids;
  expect(Math.max(...referenceAssign("l2", seeds, vectors, 16).distances)).toBeLessThan(1e-9);
  const groups = new Set(referenceAssign("l2", seeds, vectors, 16).partitions.map((row) => row % 10));
  expect(groups.size).toBeGreaterThanOrEqual(8);
});

test("finds groups that are there", () => {
  const vectors = clustered(2000, 16, 10, 3);
  const { centroids } = train({ vectors, dimension: 16, k: 10, metric: "l2", seed: 1 });
  // Uniform noise of width 1 in 16 dimensions: 16 / 12 a vector.
  expect(lossOf(vectors, centroids, 16) / 2000).toBeLessThan(1.4);
});

test("no iteration raises the loss, and no more run than were asked for", () => {
  const vectors = randomVector(3000 * 8, createRandom(2));
  const { iterations } = train({ vectors, dimension: 8, k: 40, metric: "l2", seed: 9, tolerance: 0, iterations: 30 });
  expect(iterations.length).toBeGreaterThan(3);
  expect(iterations.length).toBeLessThanOrEqual(30);
  for (let i = 1; i < iterations.length; i++) {
    expect(iterations[i]!.loss).toBeLessThanOrEqual(iterations[i - 1]!.loss * (1 + 1e-6));
  }
});

test("the default tolerance goes on past the first iteration", () => {
  const vectors = randomVector(3000 * 8, createRandom(2));
  const { iterations } = train({ vectors, dimension: 8, k: 40, metric: "l2", seed: 9 });
  expect(iterations.length).toBeGreaterThan(3);
  expect(iterations.at(-1)!.loss).toBeLessThan(iterations[0]!.loss * 0.95);
});

test("one seed gives one answer to the bit, another seed another", () => {
  const options = { vectors: randomVector(500 * 20, createRandom(4)), dimension: 20, k: 16, metric: "l2" as const };
  const first = train({ ...options, seed: 11 }).centroids;
  expect(train({ ...options, seed: 11 }).centroids).toEqual(first);
  expect(train({ ...options, seed: 12 }).centroids).not.toEqual(first);
});

describe("every cluster has members", () => {
  const counts = (vectors: Float32Array, centroids: Float32Array, dimension: number) => {
    const found = new Uint32Array(centroids.length / dimension);
    for (const p of build.assignPartitions({ vectors, dimension, centroids, metric: "l2" }).partitions) found[p]! += 1;
    return found;
  };

  test("also where all but a few vectors are equal", () => {
    const vectors = new Float32Array(1000 * 4);
    vectors.set(randomVector(80, createRandom(1)), 0);
    const { centroids } = train({ vectors, dimension: 4, k: 12, metric: "l2", seed: 2 });
    expect(Math.min(...counts(vectors, centroids, 4))).toBeGreaterThan(0);
  });

  test("also where every seed is the same vector, since the others lie between the rows that seeds are drawn from", () => {
    const vectors = randomVector(8192 * 2, createRandom(3));
    for (let row = 0; row < 8192; row += 2) vectors.fill(0, row * 2, row * 2 + 2);
    const options = { vectors, dimension: 2, k: 16, metric: "l2" as const, seed: 2 };
    for (const value of train({ ...options, iterations: 0 }).centroids) expect(value).toBeCloseTo(0, 5);
    // Without splits, one centroid an iteration would leave the shared place.
    const { centroids } = train({ ...options, iterations: 5 });
    expect(Math.min(...counts(vectors, centroids, 2))).toBeGreaterThan(0);
  });

  test("as many clusters as distinct vectors", () => {
    const vectors = randomVector(64 * 3, createRandom(8));
    const { centroids } = train({ vectors, dimension: 3, k: 64, metric: "l2", seed: 2 });
    expect(Math.min(...counts(vectors, centroids, 3))).toBe(1);
    expect(lossOf(vectors, centroids, 3)).toBeLessThan(1e-9);
  });
});

test("equal vectors, and more clusters than vectors, end with finite centroids", () => {
  for (const [numRows, k] of [
    [1, 1],
    [1, 5],
    [3, 7],
    [500, 8],
  ] as const) {
    const vectors = new Float32Array(numRows * 5).fill(2.5);
    const { centroids } = train({ vectors, dimension: 5, k, metric: "l2", seed: 0 });
    expect(centroids).toEqual(new Float32Array(k * 5).fill(2.5));
  }
});

/** Neighbourhoods after seeds; neighbourhoods after a tree. */
describe.each([
  { k: 96, dimension: 176, numRows: 600 },
  { k: 270, dimension: 64, numRows: 1100 },
])("$k clusters of $dimension values", ({ k, dimension, numRows }) => {
  const vectors = clustered(numRows, dimension, k / 2, 4).map((value) => value + 20);
  const base = { vectors, dimension, k, seed: 3 } as const;

  test("lose at most 3 % more than textbook Lloyd in f64 does from random rows", () => {
    const { centroids } = train({ ...base, metric: "l2" });
    const rows = Array.from({ length: k }, (_, i) => Math.floor((i * numRows) / k));
    const seeds = Float32Array.from(
      rows.flatMap((row) => [...vectors.subarray(row * dimension, (row + 1) * dimension)]),
    );
    expect(lossOf(vectors, centroids, dimension)).toBeLessThanOrEqual(
      referenceLloyd(vectors, seeds, dimension, 4) * 1.03,
    );
  });

  test("are the same to the bit for one seed, others for another", () => {
    const first = train({ ...base, metric: "l2" }).centroids;
    expect(train({ ...base, metric: "l2" }).centroids).toEqual(first);
    expect(train({ ...base, metric: "l2", seed: 4 }).centroids).not.toEqual(first);
  });

  test("run no more iterations than asked for, in steps of their own", () => {
    for (const iterations of [0, 1, 4]) {
      const found = train({ ...base, metric: "l2", iterations });
      expect(found.iterations.length).toBeLessThanOrEqual(iterations);
      expect(found.centroids.every(Number.isFinite)).toBe(true);
    }
  });

  test("are directions under dot", () => {
    const { centroids } = train({ ...base, metric: "dot" });
    for (let c = 0; c < k; c++) {
      expect(Math.hypot(...centroids.subarray(c * dimension, (c + 1) * dimension))).toBeCloseTo(1, 5);
    }
  });
});

test("dot gives directions of length 1 that groups of directions share", () => {
  const random = createRandom(6);
  const vectors = Float32Array.from({ length: 900 * 3 }, (_, i) =>
    i % 3 === Math.floor(i / 3) % 3 ? 1 + random() * 9 : random() * 0.1,
  );
  const { centroids } = train({ vectors, dimension: 3, k: 3, metric: "dot", seed: 5 });
  const axes = [0, 1, 2].map((c) => {
    const centroid = centroids.subarray(c * 3, c * 3 + 3);
    expect(Math.hypot(...centroid)).toBeCloseTo(1, 5);
    expect(Math.max(...centroid)).toBeGreaterThan(0.99);
    return centroid.indexOf(Math.max(...centroid));
  });
  expect(axes.sort()).toEqual([0, 1, 2]);
});

test("vectors with NaN or infinity are left out; without any other, training is refused", () => {
  const vectors = Float32Array.of(1, Number.NaN, 3, Number.NEGATIVE_INFINITY, 3e38);
  const { centroids } = train({ vectors: vectors.subarray(0, 4), dimension: 1, k: 1, metric: "l2", seed: 1 });
  expect([...centroids]).toEqual([2]);
  expect(train({ vectors, dimension: 1, k: 2, metric: "l2", seed: 1 }).centroids.every(Number.isFinite)).toBe(true);
  expect(() => train({ vectors: Float32Array.of(Number.NaN), dimension: 1, k: 1, metric: "l2", seed: 1 })).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});

test("wrong options and use after free are coded errors", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const base: KMeansOptions = { vectors: new Float32Array(8), dimension: 2, k: 2, metric: "l2", seed: 1 };
  for (const options of [
    { ...base, k: 0 },
    { ...base, k: 1.5 },
    { ...base, dimension: 3 },
    { ...base, vectors: new Float32Array(0) },
    { ...base, seed: Number.NaN },
    { ...base, iterations: -1 },
    { ...base, metric: "cosine" as "l2" },
  ]) {
    expect(() => build.createKMeans(options)).toThrow(invalid);
  }
  const kMeans = build.createKMeans(base);
  kMeans.free();
  kMeans.free();
  expect(() => kMeans.step()).toThrow(invalid);
  expect(() => kMeans.centroids()).toThrow(invalid);
});

test("memory is given back", () => {
  const options: KMeansOptions = { vectors: new Float32Array(40_000), dimension: 8, k: 4, metric: "l2", seed: 1 };
  train(options);
  const before = build.memoryBytes();
  for (let i = 0; i < 50; i++) train(options);
  expect(build.memoryBytes()).toBe(before);
});
