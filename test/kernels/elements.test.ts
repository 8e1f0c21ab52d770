import { describe, expect, test } from "vitest";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { fromHalf, toHalf, toQueryVector, type VectorValues } from "../../src/kernels/element.ts";
import type { Metric } from "../../src/kernels/metric.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceDistances } from "./reference/distances.ts";
import { referenceHalf, referenceHamming, referenceScalarDistance, referenceValues } from "./reference/elements.ts";
import { createRandom, dimensions, packBits, randomVector } from "./support.ts";

useTestRuntime();
const core = await loadCoreKernels();

const bytesOf = (count: number, random: () => number): Uint8Array =>
  Uint8Array.from({ length: count }, () => Math.floor(random() * 256));

describe("16-bit floats", () => {
  test("every one is read as what it is, and written back", () => {
    for (let bits = 0; bits < 65536; bits++) {
      const value = referenceHalf(bits);
      expect(fromHalf(bits)).toEqual(value);
      if (!Number.isNaN(value)) expect(toHalf(value)).toBe(bits);
    }
  });

  test("between two of them the nearer is taken, of two equally near the even one", () => {
    for (let bits = 0; bits < 0x7bff; bits++) {
      const [low, high] = [fromHalf(bits), fromHalf(bits + 1)];
      const middle = (low + high) / 2;
      expect(toHalf(middle)).toBe(bits % 2 === 0 ? bits : bits + 1);
      expect(toHalf(low + (high - low) / 4)).toBe(bits);
      expect(toHalf(-(high - (high - low) / 4))).toBe((bits + 1) | 0x8000);
    }
    expect(toHalf(65519)).toBe(0x7bff);
    expect(toHalf(65520)).toBe(0x7c00);
    expect(Number.isNaN(fromHalf(toHalf(Number.NaN)))).toBe(true);
  });

  test("the kernel widens every one, in SIMD lanes and in the rest", () => {
    for (let start = 0; start < 65536; start += 7) {
      const halves = Uint16Array.from({ length: 7 }, (_, i) => (start + i) & 0xffff);
      for (const [i, half] of halves.entries()) {
        const unit = new Float32Array(7);
        unit[i] = 1;
        if (halves.some((bits) => (bits & 0x7c00) === 0x7c00)) continue;
        expect(1 - core.distances("dot", unit, halves, 7)[0]!).toBeCloseTo(Math.fround(referenceHalf(half)), 2);
      }
    }
  });
});

describe.each(["f16", "f64"] as const)("%s", (element) => {
  test.each(["l2", "cosine", "dot"] as const)("%s stays within its error of f64, at every dimension", (metric) => {
    fc.assert(
      fc.property(dimensions, fc.integer({ min: 0, max: 9 }), fc.integer(), (dimension, numRows, seed) => {
        const random = createRandom(seed);
        const query = toQueryVector(randomVector(dimension, random), element);
        const floats = randomVector(dimension * numRows, random);
        const vectors: VectorValues =
          element === "f16" ? Uint16Array.from(floats, toHalf) : Float64Array.from(floats, (value) => value / 3);
        const found = core.distances(metric, query, vectors, dimension);
        const expected = referenceDistances(metric, query as never, referenceValues(vectors) as never);
        expect(found.length).toBe(numRows);
        const budget = element === "f64" ? 1e-6 : 1e-5 * Math.sqrt(dimension);
        expected.forEach(({ distance, scale }, row) => {
          expect(Math.abs(found[row]! - distance)).toBeLessThanOrEqual(budget * scale);
        });
      }),
      { numRuns: 100 },
    );
  });
});

test("hamming counts the bits that differ, at every dimension", () => {
  fc.assert(
    fc.property(dimensions, fc.integer({ min: 0, max: 9 }), fc.integer(), (dimension, numRows, seed) => {
      const random = createRandom(seed);
      const [query, vectors] = [bytesOf(dimension, random), bytesOf(dimension * numRows, random)];
      const rows = Array.from({ length: numRows }, (_, i) => vectors.subarray(i * dimension, (i + 1) * dimension));
      expect([...core.distances("hamming", query, vectors, dimension)]).toEqual(
        rows.map((row) => referenceHamming(query, row)),
      );
    }),
    { numRuns: 200 },
  );
});

test("scalar codes: exact for l2, within 1e-5 × √dimension for dot; masked rows are never kept", () => {
  fc.assert(
    fc.property(
      fc.oneof(dimensions, fc.constant(16 * 8192 + 5)),
      fc.integer({ min: 1, max: 20 }),
      fc.boolean(),
      fc.integer(),
      (dimension, numRows, isDot, seed) => {
        const random = createRandom(seed);
        const codes = bytesOf(dimension * numRows, random);
        const query = isDot ? randomVector(dimension, random) : bytesOf(dimension, random);
        const factors = { scale: Math.fround(random()), offset: Math.fround(random() - 0.5) };
        const allowed = Array.from({ length: numRows }, () => random() < 0.7);
        const [buffer, ids] = [core.allocate(codes.length), core.allocate(numRows * 8)];
        buffer.bytes().set(codes);
        ids.bytes().set(new Uint8Array(BigUint64Array.from({ length: numRows }, (_, i) => BigInt(i)).buffer));
        const topK = core.createTopK(numRows);
        topK.scanScalarCodes({
          query,
          ...factors,
          codes: buffer,
          rowIds: ids,
          numRows,
          dimension,
          mask: packBits(allowed),
        });
        const { rowIds, distances } = topK.finish();
        buffer.free();
        ids.free();
        expect([...rowIds].map(Number).sort((a, b) => a - b)).toEqual(
          allowed.flatMap((isAllowed, i) => (isAllowed ? [i] : [])),
        );
        rowIds.forEach((rowId, i) => {
          const row = codes.subarray(Number(rowId) * dimension, (Number(rowId) + 1) * dimension);
          const expected = referenceScalarDistance(query, row, factors);
          const absolute = row.reduce((sum, code, j) => sum + Math.abs(code * query[j]!), 1) * factors.scale;
          const budget = isDot ? 1e-5 * Math.sqrt(dimension) * (absolute + 1) : 1e-6 * Math.abs(expected);
          expect(Math.abs(distances[i]! - expected)).toBeLessThanOrEqual(budget);
        });
      },
    ),
    { numRuns: 25 },
  );
});

test("a metric that does not compare such vectors, and a query of another type, are refused", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const cases: readonly [Metric, Parameters<typeof core.distances>[1], VectorValues][] = [
    ["hamming", new Float32Array(4), new Float32Array(4)],
    ["l2", new Uint8Array(4), new Uint8Array(4)],
    ["hamming", new Float32Array(4), new Uint8Array(4)],
    ["l2", new Float32Array(4), new Float64Array(4)],
    ["l2", new Float64Array(4), new Uint16Array(4)],
  ];
  for (const [metric, query, vectors] of cases) {
    expect(() => core.distances(metric, query, vectors, 4)).toThrow(invalid);
  }
  expect(() => toQueryVector([1, 256], "u8")).toThrow(invalid);
  expect(() => toQueryVector([1, 0.5], "u8")).toThrow(invalid);
  expect(() => toQueryVector([1, Number.NaN], "f16")).toThrow(invalid);
});
