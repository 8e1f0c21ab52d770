import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import type { WasmBuffer } from "../../src/kernels/memory.ts";
import type { RabitEncodeOptions } from "../../src/kernels/rabit-encode.ts";
import { measureRabitRow, type RabitLayout, type RabitRotation } from "../../src/kernels/rabit-layout.ts";
import { RABIT_BLOCK_ROWS, type RabitEstimate, type RabitScan } from "../../src/kernels/rabit-scan.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceDistance, referenceRotate, referenceRow } from "./reference/rabit.ts";
import { createRandom, packBits, randomVector } from "./support.ts";

useTestRuntime();
const [build, core] = await Promise.all([loadBuildKernels(), loadCoreKernels()]);

const INVALID = expect.objectContaining({ code: "INVALID_ARGUMENT" });

const fastRotation = (dimension: number, random: () => number): RabitRotation => ({
  kind: "fast",
  signs: Uint8Array.from({ length: dimension / 2 }, () => random() * 256),
});

/** Not orthogonal: the kernels do not ask. */
const denseRotation = (dimension: number, random: () => number): RabitRotation => ({
  kind: "matrix",
  matrix: randomVector(dimension * dimension, random),
});

function copyIn(view: ArrayBufferView): WasmBuffer {
  const buffer = core.allocate(view.byteLength);
  buffer.bytes().set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return buffer;
}

/** Rows of any bytes as codes, and factors of a usual size. */
function randomRows(layout: RabitLayout, numRows: number, random: () => number): Uint8Array {
  const { rowBytes, codeBytes, exBytes, numFactors } = measureRabitRow(layout);
  const rows = Uint8Array.from({ length: numRows * rowBytes }, () => random() * 256);
  const view = new DataView(rows.buffer);
  for (let row = 0; row < numRows; row++) {
    const at = row * rowBytes + codeBytes;
    view.setFloat32(at, 1 + random(), true);
    view.setFloat32(at + 4, random() - 0.7, true);
    // Bounds that always hold.
    if (layout.hasErrors) view.setFloat32(at + 8, 1e6, true);
    if (layout.numBits === 1) continue;
    const ex = at + 4 * numFactors + exBytes;
    view.setFloat32(ex, 1 + random(), true);
    view.setFloat32(ex + 4, (random() - 0.7) / 2 ** (layout.numBits - 1), true);
  }
  return rows;
}

const dimensions = fc.constantFrom(8, 16, 24, 40, 64, 72, 128, 200, 384, 768);
const layouts = fc.record({
  dimension: dimensions,
  numBits: fc.integer({ min: 1, max: 9 }),
  hasErrors: fc.boolean(),
});

const ESTIMATE: RabitEstimate = { scaleBy: 0.8, addBy: 1.5, addFrom: 0.25, constant: 3, errorBy: 1 };

/** What a scan finds, in pieces that start on blocks. */
function scanRows(
  rows: Uint8Array,
  layout: RabitLayout,
  options: {
    readonly query: Uint8Array;
    readonly k: number;
    readonly pieceRows?: number;
    readonly mask?: readonly boolean[];
  } & Pick<RabitScan, "mode" | "lower" | "upper">,
) {
  const { rowBytes } = measureRabitRow(layout);
  const numRows = rows.length / rowBytes;
  const { query, k, pieceRows = numRows, mask, ...more } = options;
  const values = copyIn(rows);
  const ids = copyIn(BigUint64Array.from({ length: numRows }, (_, i) => BigInt(i)));
  // In two calls, as a large partition is.
  const middle = Math.floor(numRows / 2 / RABIT_BLOCK_ROWS) * RABIT_BLOCK_ROWS;
  core.arrangeRabitRows(values, layout, [0, middle]);
  core.arrangeRabitRows(values, layout, [middle, numRows]);
  const part = (buffer: WasmBuffer, from: number, byteLength: number): WasmBuffer => ({
    byteLength,
    pointer: buffer.pointer + from,
    bytes: () => buffer.bytes().subarray(from, from + byteLength),
    free: () => {},
  });
  const topK = core.createTopK(k);
  for (let row = 0; row < numRows; row += pieceRows) {
    const count = Math.min(pieceRows, numRows - row);
    topK.scanRabit({
      layout,
      query,
      estimate: ESTIMATE,
      rows: part(values, row * rowBytes, count * rowBytes),
      rowIds: part(ids, row * 8, count * 8),
      numRows: count,
      ...more,
      mask: mask && packBits(mask.slice(row, row + count)),
    });
  }
  values.free();
  ids.free();
  const { rowIds, distances } = topK.finish();
  return Array.from(rowIds, (rowId, i) => ({ row: Number(rowId), distance: distances[i]! }));
}

describe("rotations", () => {
  test("equal their definition, and a fast one keeps lengths", () => {
    fc.assert(
      fc.property(dimensions, fc.boolean(), fc.integer(), (dimension, isDense, seed) => {
        const random = createRandom(seed);
        const rotation = isDense ? denseRotation(dimension, random) : fastRotation(dimension, random);
        const vectors = randomVector(3 * dimension, random);
        const turned = build.rotateVectors(vectors, dimension, rotation);
        for (let row = 0; row < 3; row++) {
          const input = vectors.subarray(row * dimension, (row + 1) * dimension);
          const expected = referenceRotate(input, rotation);
          const size = Math.hypot(...expected);
          expected.forEach((value, i) => {
            expect(Math.abs(turned[row * dimension + i]! - value)).toBeLessThanOrEqual(1e-5 * size);
          });
          if (!isDense) expect(size).toBeCloseTo(Math.hypot(...input), 3);
        }
      }),
      { numRuns: 40 },
    );
  });

  test("of another dimension are refused", () => {
    const rotation = fastRotation(16, createRandom(1));
    expect(() => build.rotateVectors(new Float32Array(24), 24, rotation)).toThrow(INVALID);
    expect(() => core.prepareRabitQuery(new Float32Array(24), rotation)).toThrow(INVALID);
    const odd: RabitRotation = { kind: "fast", signs: new Uint8Array(6) };
    expect(() => core.prepareRabitQuery(new Float32Array(12), odd)).toThrow(INVALID);
  });
});

describe("a scan", () => {
  test("finds what the formula finds, for every width, mask and bound, in one piece or many", () => {
    fc.assert(
      fc.property(
        layouts,
        fc.integer({ min: 1, max: 150 }),
        fc.integer(),
        fc.boolean(),
        fc.boolean(),
        (layout, numRows, seed, isMasked, isBounded) => {
          const random = createRandom(seed);
          const rotation = fastRotation(layout.dimension, random);
          const rows = randomRows(layout, numRows, random);
          const { rowBytes } = measureRabitRow(layout);
          const q = randomVector(layout.dimension, random).map((value) => value / Math.sqrt(layout.dimension));
          const query = core.prepareRabitQuery(q, rotation);
          const turned = referenceRotate(q, rotation);
          const all = Array.from({ length: numRows }, (_, row) =>
            referenceDistance(rows.subarray(row * rowBytes, (row + 1) * rowBytes), turned, {
              layout,
              estimate: ESTIMATE,
            }),
          );
          const mask = isMasked ? all.map(() => random() < 0.3) : undefined;
          const sorted = [...all].sort((a, b) => a - b);
          // Between two rows, so that rounding does not decide.
          const between = (share: number) => {
            const at = Math.floor(sorted.length * share);
            return at + 1 < sorted.length ? (sorted[at]! + sorted[at + 1]!) / 2 : undefined;
          };
          const bounds = isBounded ? { lower: between(0.1), upper: between(0.7) } : {};
          const expected = all
            .map((distance, row) => ({ row, distance }))
            .filter(({ row }) => mask?.[row] ?? true)
            .filter(({ distance }) => distance >= (bounds.lower ?? -1e9) && distance < (bounds.upper ?? 1e9))
            .sort((a, b) => a.distance - b.distance);
          for (const pieceRows of [numRows, 32, 64]) {
            const found = scanRows(rows, layout, {
              query,
              k: 10,
              mode: "accurate",
              pieceRows,
              mask,
              ...bounds,
            } as never);
            expect(found.length).toBe(Math.min(10, expected.length));
            found.forEach(({ row, distance }, i) => {
              const tolerance = 1e-4 * Math.max(1, Math.abs(distance));
              expect(Math.abs(distance - expected[i]!.distance)).toBeLessThanOrEqual(tolerance);
              expect(Math.abs(distance - all[row]!)).toBeLessThanOrEqual(tolerance);
            });
          }
        },
      ),
      { numRuns: 120 },
    );
  });

  test("in normal mode has the sums of byte tables in whole blocks, the formula in the last", () => {
    const random = createRandom(9);
    const layout = { dimension: 64, numBits: 1, hasErrors: true };
    const rotation = fastRotation(64, random);
    const rows = randomRows(layout, 32 + 9, random);
    const { rowBytes } = measureRabitRow(layout);
    const q = randomVector(64, random);
    const turned = Float32Array.from(referenceRotate(q, rotation));
    const sums = Array.from({ length: 16 }, (_, table) =>
      Array.from({ length: 16 }, (_, bits) =>
        [0, 1, 2, 3].reduce((sum, i) => sum + ((bits >> i) & 1) * turned[4 * table + i]!, 0),
      ),
    );
    const [least, greatest] = [Math.min(...sums.flat()), Math.max(...sums.flat())];
    const step = (greatest - least) / 255;
    const half = turned.reduce((sum, value) => sum + value, 0) / 2;
    const query = core.prepareRabitQuery(q, rotation);
    const exact = scanRows(rows, layout, { query, k: 50, mode: "accurate" });
    const found = scanRows(rows, layout, { query, k: 50 });
    expect(found.length).toBe(41);
    let differing = 0;
    for (const { row, distance } of found) {
      const { signs, scale, add } = referenceRow(rows.subarray(row * rowBytes, (row + 1) * rowBytes), layout);
      const product = sums.reduce((sum, table, t) => {
        const bits = [0, 1, 2, 3].reduce((code, i) => code + (signs[4 * t + i]! << i), 0);
        return sum + (row < 32 ? Math.round((table[bits]! - least) / step) * step + least : table[bits]!);
      }, 0);
      const expected = (product - half) * scale * 0.8 + 1.5 * (add - 0.25) + 3;
      expect(distance).toBeCloseTo(expected, 3);
      const other = exact.find((one) => one.row === row)!.distance;
      if (row >= 32) expect(distance).toBe(other);
      else if (distance !== other) differing++;
    }
    expect(differing).toBeGreaterThan(20);
  });

  test("in fast mode looks at the signs alone", () => {
    const random = createRandom(4);
    const layout = { dimension: 24, numBits: 5, hasErrors: true };
    const rotation = fastRotation(24, random);
    const rows = randomRows(layout, 20, random);
    const { rowBytes } = measureRabitRow(layout);
    const q = randomVector(24, random);
    const turned = referenceRotate(q, rotation);
    const found = scanRows(rows, layout, { query: core.prepareRabitQuery(q, rotation), k: 20, mode: "fast" });
    for (const { row, distance } of found) {
      const bytes = rows.subarray(row * rowBytes, (row + 1) * rowBytes);
      const expected = referenceDistance(bytes, turned, { layout, estimate: ESTIMATE, isCoarse: true });
      expect(distance).toBeCloseTo(expected, 3);
    }
  });

  test("refuses buffers too short, queries of others, and layouts that are none", () => {
    const layout = { dimension: 16, numBits: 2, hasErrors: true };
    const { rowBytes } = measureRabitRow(layout);
    const rotation = fastRotation(16, createRandom(1));
    const query = core.prepareRabitQuery(new Float32Array(16), rotation);
    const [rows, rowIds] = [core.allocate(4 * rowBytes), core.allocate(32)];
    const topK = core.createTopK(3);
    const scan = { layout, query, estimate: ESTIMATE, rows, rowIds, numRows: 4 };
    topK.scanRabit(scan);
    expect(() => topK.scanRabit({ ...scan, numRows: 5 })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, layout: { ...layout, numBits: 3 } })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, layout: { ...layout, numBits: 10 } })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, layout: { ...layout, dimension: 12 } })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, mask: new Uint8Array(0) })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, mode: "quick" as never })).toThrow(INVALID);
    expect(() => topK.scanRabit({ ...scan, query: query.subarray(1) })).toThrow(
      expect.objectContaining({ code: "DIMENSION_MISMATCH" }),
    );
    expect(() => core.arrangeRabitRows(rows, layout, [0, 5])).toThrow(INVALID);
    expect(() => core.arrangeRabitRows(rows, layout, [1, 4])).toThrow(INVALID);
    topK.free();
    rows.free();
    rowIds.free();
  });
});

function encodeRabit(vectors: Float32Array, partitions: Uint32Array, options: RabitEncodeOptions): Uint8Array {
  const coding = build.createRabitCoding(options);
  try {
    return coding.encode(vectors, partitions);
  } finally {
    coding.free();
    expect(() => coding.encode(vectors, partitions)).toThrow(INVALID);
  }
}

describe("codes", () => {
  test("of a vector stand for it, the closer the more bits, and say how far off the signs may be", () => {
    const random = createRandom(2);
    const dimension = 96;
    const rotation = fastRotation(dimension, random);
    const centroids = randomVector(2 * dimension, random);
    const rotatedCentroids = build.rotateVectors(centroids, dimension, rotation);
    const vectors = randomVector(200 * dimension, random);
    const partitions = Uint32Array.from({ length: 200 }, (_, i) => i % 2);
    const q = randomVector(dimension, random);
    const turned = referenceRotate(q, rotation);
    for (const metric of ["l2", "dot"] as const) {
      let last = Number.POSITIVE_INFINITY;
      for (let numBits = 1; numBits <= 9; numBits++) {
        const layout = { dimension, numBits, hasErrors: true };
        const { rowBytes } = measureRabitRow(layout);
        const options = { metric, numBits, rotation, centroids, rotatedCentroids, dimension };
        const rows = encodeRabit(vectors, partitions, options);
        expect(encodeRabit(vectors, partitions, options)).toEqual(rows);
        let [sum, outside] = [0, 0];
        for (let i = 0; i < 200; i++) {
          const v = vectors.subarray(i * dimension, (i + 1) * dimension);
          const c = centroids.subarray((i % 2) * dimension, ((i % 2) + 1) * dimension);
          const multiply = (a: Float32Array, b: Float32Array) =>
            a.reduce((total, value, j) => total + value * b[j]!, 0);
          const apart = (a: Float32Array, b: Float32Array) =>
            a.reduce((total, value, j) => total + (value - b[j]!) ** 2, 0);
          const share = multiply(q, c) / multiply(c, c);
          const estimate =
            metric === "l2"
              ? { scaleBy: 1, addBy: 1, addFrom: 0, constant: apart(q, c), errorBy: Math.sqrt(apart(q, c)) }
              : {
                  scaleBy: 1,
                  addBy: share,
                  addFrom: 1,
                  constant: 1 - multiply(q, c),
                  errorBy: Math.sqrt(q.reduce((total, value, j) => total + (value - share * c[j]!) ** 2, 0)),
                };
          const exact = metric === "l2" ? apart(q, v) : 1 - multiply(q, v);
          const row = rows.subarray(i * rowBytes, (i + 1) * rowBytes);
          sum += Math.abs(referenceDistance(row, turned, { layout, estimate }) - exact);
          const coarse = referenceDistance(row, turned, { layout, estimate, isCoarse: true });
          if (Math.abs(coarse - exact) > referenceRow(row, layout).error * estimate.errorBy) outside++;
        }
        expect(sum).toBeLessThan(last * 0.75);
        last = sum;
        // 1.9 deviations: 6 of 100 lie outside.
        expect(outside).toBeLessThan(30);
      }
    }
  });

  test("do not depend on how many vectors come at once; a partition that is none is refused", () => {
    const random = createRandom(5);
    const dimension = 40;
    const rotation = denseRotation(dimension, random);
    const centroids = randomVector(3 * dimension, random);
    const rotatedCentroids = build.rotateVectors(centroids, dimension, rotation);
    const vectors = randomVector(30 * dimension, random);
    const partitions = Uint32Array.from({ length: 30 }, (_, i) => i % 3);
    const options = { metric: "l2", numBits: 4, rotation, centroids, rotatedCentroids, dimension } as const;
    const rows = encodeRabit(vectors, partitions, options);
    const { rowBytes } = measureRabitRow({ dimension, numBits: 4, hasErrors: true });
    for (const [from, to] of [
      [0, 1],
      [1, 17],
      [17, 30],
    ] as const) {
      const part = encodeRabit(vectors.slice(from * dimension, to * dimension), partitions.slice(from, to), options);
      expect(part).toEqual(rows.slice(from * rowBytes, to * rowBytes));
    }
    expect(() => encodeRabit(vectors.slice(0, dimension), Uint32Array.of(3), options)).toThrow(INVALID);
    expect(() => encodeRabit(vectors, partitions.slice(1), options)).toThrow(INVALID);
  });
});
