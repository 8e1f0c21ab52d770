import { describe, expect, test } from "vitest";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import type { Metric } from "../../src/kernels/metric.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceDistances } from "./reference/distances.ts";
import { createRandom, dimensions, randomVector } from "./support.ts";

useTestRuntime();
const core = await loadCoreKernels();
const metrics: readonly Metric[] = ["l2", "cosine", "dot"];

/** Of the summed absolute terms: f32 sums in eight interleaved parts. */
const budget = (dimension: number) => 1e-5 * Math.sqrt(dimension);

describe.each(metrics)("%s", (metric) => {
  test("stays within 1e-5 × √dimension of f64, at every dimension", () => {
    fc.assert(
      fc.property(dimensions, fc.integer({ min: 0, max: 9 }), fc.integer(), (dimension, numRows, seed) => {
        const random = createRandom(seed);
        const query = randomVector(dimension, random);
        const vectors = randomVector(dimension * numRows, random);
        const found = core.distances(metric, query, vectors, dimension);
        const expected = referenceDistances(metric, query, vectors);
        expect(found.length).toBe(numRows);
        expected.forEach(({ distance, scale }, row) => {
          expect(Math.abs(found[row]! - distance)).toBeLessThanOrEqual(budget(dimension) * scale);
        });
      }),
      { numRuns: 300 },
    );
  });

  test("a row's distance has the same bits wherever it stands", () => {
    const random = createRandom(5);
    for (const dimension of [1, 7, 8, 13, 128]) {
      const query = randomVector(dimension, random);
      const vectors = randomVector(dimension * 11, random);
      const together = core.distances(metric, query, vectors, dimension);
      together.forEach((distance, row) => {
        const alone = core.distances(
          metric,
          query,
          vectors.subarray(row * dimension, (row + 1) * dimension),
          dimension,
        );
        expect(alone[0]).toBe(distance);
      });
    }
  });

  test("NaN spoils its own row only; infinity never traps", () => {
    const query = Float32Array.of(1, 2, 3, 4, 5);
    const vectors = new Float32Array(20).fill(1);
    vectors[7] = Number.NaN;
    vectors[11] = Number.POSITIVE_INFINITY;
    vectors[19] = Number.NEGATIVE_INFINITY;
    const found = core.distances(metric, query, vectors, 5);
    expect(found[0]).not.toBeNaN();
    expect(found[1]).toBeNaN();
    expect(Number.isFinite(found[2])).toBe(false);
    expect(Number.isFinite(found[3])).toBe(false);
  });
});

test("the distances are those Lance reports", () => {
  const query = Float32Array.of(3, 4);
  const vectors = Float32Array.of(3, 4, 4, -3, 0, 0);
  expect([...core.distances("l2", query, vectors, 2)]).toEqual([0, 50, 25]);
  expect([...core.distances("dot", query, vectors, 2)]).toEqual([-24, 1, 1]);
  expect([...core.distances("cosine", query, vectors, 2)]).toEqual([0, 1, Number.NaN]);
});

test("no vectors give no distances; wrong shapes are coded errors", () => {
  const query = new Float32Array(3);
  expect(core.distances("l2", query, new Float32Array(0), 3).length).toBe(0);
  expect(() => core.distances("l2", query, new Float32Array(8), 4)).toThrow(
    expect.objectContaining({ code: "DIMENSION_MISMATCH" }),
  );
  expect(() => core.distances("l2", query, new Float32Array(8), 3)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
  expect(() => core.distances("l2", new Float32Array(0), new Float32Array(0), 0)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
  expect(() => core.distances("hamming" as Metric, query, new Float32Array(3), 3)).toThrow(
    expect.objectContaining({ code: "INVALID_ARGUMENT" }),
  );
});
