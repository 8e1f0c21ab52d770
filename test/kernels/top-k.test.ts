import { describe, expect, test } from "vitest";
import { type CoreKernels, loadCoreKernels } from "../../src/kernels/core.ts";
import type { WasmBuffer } from "../../src/kernels/memory.ts";
import type { Metric } from "../../src/kernels/metric.ts";
import type { FlatScan } from "../../src/kernels/top-k.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceTopK } from "./reference/top-k.ts";
import { createRandom, packBits, randomVector } from "./support.ts";

useTestRuntime();
const core = await loadCoreKernels();

function copyIn(view: ArrayBufferView, kernels: CoreKernels = core): WasmBuffer {
  const buffer = kernels.allocate(view.byteLength);
  buffer.bytes().set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return buffer;
}

interface Scan extends Pick<FlatScan, "mask" | "lower" | "upper"> {
  readonly query: Float32Array;
  readonly vectors: Float32Array;
  readonly rowIds: BigUint64Array;
  readonly metric?: Metric;
}

function search(k: number, ...scans: readonly Scan[]) {
  const topK = core.createTopK(k);
  for (const { query, metric = "l2", ...scan } of scans) {
    const [vectors, rowIds] = [copyIn(scan.vectors), copyIn(scan.rowIds)];
    const numRows = scan.rowIds.length;
    topK.scanFlat({ ...scan, metric, query, vectors, rowIds, numRows, dimension: query.length });
    vectors.free();
    rowIds.free();
  }
  const { rowIds, distances } = topK.finish();
  return Array.from(rowIds, (rowId, i) => ({ rowId, distance: distances[i]! }));
}

const cases = fc.record({
  metric: fc.constantFrom<Metric>("l2", "cosine", "dot"),
  dimension: fc.integer({ min: 1, max: 20 }),
  numRows: fc.integer({ min: 0, max: 60 }),
  k: fc.integer({ min: 0, max: 80 }),
  seed: fc.integer(),
  /** Few distinct values make ties. */
  coarse: fc.boolean(),
  masked: fc.constantFrom("none", "all", "half", "few"),
  lower: fc.option(fc.double({ min: -2, max: 2, noNaN: true }), { nil: undefined }),
  upper: fc.option(fc.double({ min: -2, max: 20, noNaN: true }), { nil: undefined }),
  nan: fc.boolean(),
});

test("equals a sort of all rows: masks, ranges, ties, NaN, k beyond the rows", () => {
  fc.assert(
    fc.property(cases, ({ metric, dimension, numRows, k, seed, coarse, masked, lower, upper, nan }) => {
      const random = createRandom(seed);
      const query = randomVector(dimension, random);
      const vectors = randomVector(dimension * numRows, random).map((v) => (coarse ? Math.round(v) : v));
      if (nan && numRows > 0) vectors[Math.floor(random() * vectors.length)] = Number.NaN;
      const rowIds = BigUint64Array.from({ length: numRows }, () => BigInt(Math.floor(random() * 2 ** 40)));
      const share = masked === "all" ? 0 : masked === "half" ? 0.5 : masked === "few" ? 0.95 : -1;
      const allowed = Array.from(rowIds, () => random() >= share);
      const mask = masked === "none" ? undefined : packBits(allowed);
      // The kernel's own distances: that they are right is another test's.
      const distances = core.distances(metric, query, vectors, dimension);
      const rows = Array.from(rowIds, (rowId, i) => ({ rowId, distance: distances[i]!, allowed: allowed[i]! }));
      expect(search(k, { metric, query, vectors, rowIds, mask, lower, upper })).toEqual(
        referenceTopK(rows, { k, lower, upper }),
      );
    }),
    { numRuns: 500 },
  );
});

test("the order of scans and the slicing of rows change nothing", () => {
  const random = createRandom(1);
  const query = randomVector(24, random);
  const vectors = randomVector(24 * 1000, random);
  const rowIds = BigUint64Array.from({ length: 1000 }, (_, i) => BigInt(i) << 32n);
  const slice = (start: number, end: number): Scan => ({
    query,
    vectors: vectors.subarray(start * 24, end * 24),
    rowIds: rowIds.slice(start, end),
  });
  const whole = search(17, slice(0, 1000));
  expect(whole.length).toBe(17);
  expect(search(17, slice(501, 1000), slice(0, 3), slice(3, 501))).toEqual(whole);
});

describe("threshold", () => {
  test("is infinite while there are fewer rows than k, then the k-th distance", () => {
    const topK = core.createTopK(2);
    expect(topK.threshold()).toBe(Number.POSITIVE_INFINITY);
    const scan = (...values: number[]) => {
      const vectors = copyIn(Float32Array.from(values));
      const rowIds = copyIn(BigUint64Array.from(values, (_, i) => BigInt(i)));
      const query = Float32Array.of(0);
      topK.scanFlat({ metric: "l2", query, vectors, rowIds, numRows: values.length, dimension: 1 });
      vectors.free();
      rowIds.free();
    };
    scan(3);
    expect(topK.threshold()).toBe(Number.POSITIVE_INFINITY);
    scan(2, 5);
    expect(topK.threshold()).toBe(9);
    scan(1);
    expect(topK.threshold()).toBe(4);
    topK.free();
  });

  test("infinite distances are rows too, unless a bound excludes them", () => {
    const scan = {
      query: Float32Array.of(1e30),
      vectors: Float32Array.of(-1e30, 1e30),
      rowIds: BigUint64Array.of(7n, 8n),
    };
    expect(search(5, scan).map((row) => row.rowId)).toEqual([8n, 7n]);
    expect(search(5, { ...scan, upper: 1e9 }).map((row) => row.rowId)).toEqual([8n]);
  });
});

test("a range holds its lower end and not its upper one", () => {
  const scan = {
    query: Float32Array.of(0),
    vectors: Float32Array.of(1, 2, 3),
    rowIds: BigUint64Array.of(1n, 2n, 3n),
  };
  expect(search(5, { ...scan, lower: 1, upper: 9 }).map((row) => row.rowId)).toEqual([1n, 2n]);
  expect(search(5, { ...scan, lower: 4 }).map((row) => row.rowId)).toEqual([2n, 3n]);
  expect(search(5, { ...scan, lower: 4, upper: 4 })).toEqual([]);
});

test("a huge k takes no room before there are rows", () => {
  const before = core.memoryBytes();
  core.createTopK(0xffffffff).free();
  expect(core.memoryBytes()).toBe(before);
});

test("row ids use all 64 bits", () => {
  const scan = {
    query: Float32Array.of(0),
    vectors: Float32Array.of(1, 1),
    rowIds: BigUint64Array.of(2n ** 64n - 1n, 2n ** 63n),
  };
  expect(search(1, scan)).toEqual([{ rowId: 2n ** 63n, distance: 1 }]);
});

describe("refuses", () => {
  const query = Float32Array.of(0, 0);
  const make = () => ({ vectors: core.allocate(16), rowIds: core.allocate(16), metric: "l2" as const, query });
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });

  test("a query of another dimension", () => {
    const topK = core.createTopK(1);
    expect(() => topK.scanFlat({ ...make(), numRows: 1, dimension: 3 })).toThrow(
      expect.objectContaining({ code: "DIMENSION_MISMATCH", details: { expected: 3, received: 2 } }),
    );
  });

  test("buffers too short for the rows, and freed ones", () => {
    const topK = core.createTopK(1);
    expect(() => topK.scanFlat({ ...make(), numRows: 3, dimension: 2 })).toThrow(invalid);
    expect(() => topK.scanFlat({ ...make(), numRows: 2, dimension: 2, mask: new Uint8Array(0) })).toThrow(invalid);
    expect(() => topK.scanFlat({ ...make(), numRows: -1, dimension: 2 })).toThrow(invalid);
    const freed = make();
    freed.vectors.free();
    expect(() => topK.scanFlat({ ...freed, numRows: 1, dimension: 2 })).toThrow(invalid);
  });

  test("a k that is no count, and use after finish", () => {
    for (const k of [-1, 1.5, Number.NaN, 2 ** 32]) expect(() => core.createTopK(k)).toThrow(invalid);
    const topK = core.createTopK(1);
    expect(topK.finish().rowIds.length).toBe(0);
    expect(() => topK.threshold()).toThrow(invalid);
    expect(() => topK.finish()).toThrow(invalid);
    topK.free();
  });
});
