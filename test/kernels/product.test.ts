import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import type { WasmBuffer } from "../../src/kernels/memory.ts";
import { countCodeBytes, type ProductCodebook, type ProductShape } from "../../src/kernels/product-codes.ts";
import type { CodebookOptions } from "../../src/kernels/product-training.ts";
import fc from "../support/fast-check.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { referenceCodes, referenceDecode, referenceDistances, referenceLoss } from "./reference/product.ts";
import { referenceTopK } from "./reference/top-k.ts";
import { createRandom, packBits, randomVector } from "./support.ts";

useTestRuntime();
const [build, core] = await Promise.all([loadBuildKernels(), loadCoreKernels()]);

const INVALID = expect.objectContaining({ code: "INVALID_ARGUMENT" });

const shapes = fc
  .record({
    numBits: fc.constantFrom<4 | 8>(4, 8),
    pairs: fc.integer({ min: 1, max: 20 }),
    width: fc.integer({ min: 1, max: 9 }),
  })
  .map(({ numBits, pairs, width }): ProductShape => {
    const numSubVectors = numBits === 4 ? 2 * pairs : pairs;
    return { numBits, numSubVectors, dimension: numSubVectors * width };
  });

function train(options: CodebookOptions): Float32Array {
  const training = build.createCodebookTraining(options);
  try {
    let trained = 0;
    while (!training.done) {
      const next = training.step();
      expect(next).toBeGreaterThanOrEqual(trained);
      trained = next;
    }
    if (options.vectors.length > 0) expect(trained).toBe(options.numSubVectors);
    return training.codebook();
  } finally {
    training.free();
  }
}

function encode(vectors: Float32Array, codebook: Float32Array, shape: ProductShape): Uint8Array {
  const encoder = build.createProductEncoder(shape, codebook);
  try {
    return encoder.encode(vectors);
  } finally {
    encoder.free();
  }
}

function copyIn(view: ArrayBufferView): WasmBuffer {
  const buffer = core.allocate(view.byteLength);
  buffer.bytes().set(new Uint8Array(view.buffer, view.byteOffset, view.byteLength));
  return buffer;
}

describe("a codebook", () => {
  test("is better after each pass, is the same for the same seed, and is as good as its sample allows", () => {
    const shape = { numBits: 4, numSubVectors: 6, dimension: 24 } as const;
    const vectors = randomVector(24 * 700, createRandom(2)).map((v, i) => v + (i % 24) * 50);
    const learn = (iterations: number, seed = 1) => train({ ...shape, vectors, seed, iterations, tolerance: 0 });
    const losses = [0, 1, 4, 60].map((iterations) => referenceLoss(vectors, learn(iterations), shape));
    for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThan(losses[i - 1]!);
    expect(learn(9)).toEqual(learn(9));
    expect(learn(9, 2)).not.toEqual(learn(9));
  });

  test("keeps every vector where there are fewer than codewords, and is zero without any", () => {
    fc.assert(
      fc.property(shapes, fc.integer({ min: 0, max: 16 }), fc.integer(), (shape, numRows, seed) => {
        const vectors = randomVector(numRows * shape.dimension, createRandom(seed));
        const codebook = train({ ...shape, vectors, seed: 3, iterations: 20 });
        expect(codebook.length).toBe(2 ** shape.numBits * shape.dimension);
        expect(referenceLoss(vectors, codebook, shape)).toBeLessThan(1e-9);
        if (numRows === 0) expect(codebook.every((value) => value === 0)).toBe(true);
      }),
      { numRuns: 40 },
    );
  });

  test("a step is bounded, and every codeword is used where groups are far apart", () => {
    const shape = { numBits: 8, numSubVectors: 2, dimension: 4 } as const;
    const vectors = Float32Array.from({ length: 4 * 20_000 }, (_, i) => (((i >> 2) * 7 + (i & 1)) % 256) * 100);
    const training = build.createCodebookTraining({ ...shape, vectors, seed: 5, iterations: 40 });
    let steps = 0;
    for (; !training.done; steps++) training.step();
    expect(steps).toBeGreaterThan(2);
    expect(referenceLoss(vectors.subarray(0, 4 * 512), training.codebook(), shape)).toBe(0);
    training.free();
    expect(() => training.step()).toThrowError(INVALID);
  });
});

test("codes are the nearest codewords, the lowest of equal ones", () => {
  fc.assert(
    fc.property(shapes, fc.integer({ min: 0, max: 40 }), fc.integer(), (shape, numRows, seed) => {
      const random = createRandom(seed);
      const codebook = randomVector(2 ** shape.numBits * shape.dimension, random).map((v) => Math.round(v * 4));
      const vectors = randomVector(numRows * shape.dimension, random).map((v) => Math.round(v * 4));
      const codes = encode(vectors, codebook, shape);
      expect(codes.length).toBe(numRows * countCodeBytes(shape));
      const width = shape.dimension / shape.numSubVectors;
      const size = 2 ** shape.numBits * width;
      for (let row = 0; row < numRows; row++) {
        referenceCodes(codes, row, shape).forEach((code, sub) => {
          const at = row * shape.dimension + sub * width;
          const values = vectors.subarray(at, at + width);
          const all = referenceDistances(values, codebook.subarray(sub * size, (sub + 1) * size));
          // The kernel compares around the codewords' mean, whose rounding may part equal distances.
          expect(all[code]).toBeLessThanOrEqual(Math.min(...all) + 1e-4);
        });
      }
    }),
    { numRuns: 60 },
  );
});

test("scans equal a sort of all rows by their decoded vectors: masks, ranges, ties, both widths, any count", () => {
  const cases = fc.record({
    shape: shapes,
    metric: fc.constantFrom<"l2" | "dot">("l2", "dot"),
    numRows: fc.integer({ min: 0, max: 90 }),
    k: fc.integer({ min: 0, max: 100 }),
    seed: fc.integer(),
    masked: fc.constantFrom("none", "half", "few"),
    bounds: fc.constantFrom("none", "lower", "upper"),
  });
  fc.assert(
    fc.property(cases, ({ shape, metric, numRows, k, seed, masked, bounds }) => {
      const random = createRandom(seed);
      // Whole numbers: sums are exact in any order.
      const values = randomVector(2 ** shape.numBits * shape.dimension, random).map((v) => Math.round(v));
      const query = randomVector(shape.dimension, random).map((v) => Math.round(v * 2));
      const codebook: ProductCodebook = { ...shape, metric, values };
      const rowBytes = countCodeBytes(shape);
      const codes = Uint8Array.from({ length: numRows * rowBytes }, () => random() * 256);
      const rowIds = BigUint64Array.from({ length: numRows }, (_, i) => BigInt((i * 7) % 1000) * 2n ** 32n);
      const allowed = Array.from(
        { length: numRows },
        () => masked === "none" || random() < (masked === "half" ? 0.5 : 0.05),
      );
      const rows = Array.from({ length: numRows }, (_, row) => {
        const decoded = referenceDecode(referenceCodes(codes, row, shape), values, shape);
        const terms = decoded.map((value, i) => (metric === "l2" ? (query[i]! - value) ** 2 : -query[i]! * value));
        const distance = terms.reduce((sum, term) => sum + term, metric === "l2" ? 0 : 1);
        return { rowId: rowIds[row]!, distance, allowed: allowed[row]! };
      });
      const middle = rows[numRows >> 1]?.distance;
      const range = bounds === "none" ? {} : { [bounds]: middle };
      const [codeBuffer, idBuffer] = [copyIn(codes), copyIn(rowIds)];
      const topK = core.createTopK(k);
      const mask = masked === "none" ? undefined : packBits(allowed);
      topK.scanProductCodes({ codebook, query, codes: codeBuffer, rowIds: idBuffer, numRows, mask, ...range });
      const found = topK.finish();
      codeBuffer.free();
      idBuffer.free();
      const expected = referenceTopK(rows, { k, ...range });
      expect(Array.from(found.rowIds)).toEqual(expected.map(({ rowId }) => rowId));
      expect(Array.from(found.distances)).toEqual(expected.map(({ distance }) => Math.fround(distance)));
    }),
    { numRuns: 300 },
  );
});

test("4-bit scans over many rows keep the answers of a scan row by row, for values of any size", () => {
  const random = createRandom(11);
  for (const [numSubVectors, scale] of [
    [96, 1],
    [48, 1e-6],
    [300, 1],
    [16, 1e18],
    [32, 1e30],
  ] as const) {
    const shape: ProductShape = { numBits: 4, numSubVectors, dimension: numSubVectors * 2 };
    const numRows = 3000;
    const values = randomVector(16 * shape.dimension, random).map((v) => v * scale);
    const codebook: ProductCodebook = { ...shape, metric: "l2", values };
    const rowBytes = countCodeBytes(shape);
    const codes = copyIn(Uint8Array.from({ length: numRows * rowBytes }, () => random() * 256));
    const rowIds = copyIn(BigUint64Array.from({ length: numRows }, (_, i) => BigInt(numRows - i)));
    const query = randomVector(shape.dimension, random).map((v) => v * scale);
    const whole = core.createTopK(25);
    whole.scanProductCodes({ codebook, query, codes, rowIds, numRows });
    const single = core.createTopK(25);
    const part = (buffer: WasmBuffer, offset: number): WasmBuffer => ({ ...buffer, pointer: buffer.pointer + offset });
    // Fewer than 16 rows at a time are compared one by one.
    for (let row = 0; row < numRows; row += 15) {
      const count = Math.min(15, numRows - row);
      const slice = { codes: part(codes, row * rowBytes), rowIds: part(rowIds, row * 8), numRows: count };
      single.scanProductCodes({ codebook, query, ...slice });
    }
    expect(whole.finish()).toEqual(single.finish());
    codes.free();
    rowIds.free();
  }
});

test("a codebook serves queries in any order", () => {
  const shape = { numBits: 8, numSubVectors: 3, dimension: 6 } as const;
  const random = createRandom(4);
  const codebook: ProductCodebook = { ...shape, metric: "l2", values: randomVector(256 * 6, random) };
  const codes = copyIn(Uint8Array.from({ length: 3 * 50 }, () => random() * 256));
  const rowIds = copyIn(BigUint64Array.from({ length: 50 }, (_, i) => BigInt(i)));
  const queries = [randomVector(6, random), randomVector(6, random)];
  const ask = (query: Float32Array) => {
    const topK = core.createTopK(5);
    topK.scanProductCodes({ codebook, query, codes, rowIds, numRows: 50 });
    return topK.finish();
  };
  const first = queries.map(ask);
  expect(queries.map(ask)).toEqual(first);
  expect(ask(queries[1]!)).toEqual(first[1]);
  expect(first[0]).not.toEqual(first[1]);
});

test("shapes, lengths and freed buffers are refused before the module reads them", () => {
  const bad = [
    { numBits: 4, numSubVectors: 3, dimension: 6 },
    { numBits: 8, numSubVectors: 4, dimension: 6 },
    { numBits: 8, numSubVectors: 0, dimension: 6 },
    { numBits: 5, numSubVectors: 2, dimension: 6 },
  ] as unknown as ProductShape[];
  for (const shape of bad) {
    const options = { ...shape, vectors: new Float32Array(6), seed: 1, iterations: 1 };
    expect(() => build.createCodebookTraining(options)).toThrowError(INVALID);
  }
  const shape = { numBits: 8, numSubVectors: 3, dimension: 6 } as const;
  expect(() => build.createProductEncoder(shape, new Float32Array(7))).toThrowError(INVALID);
  const values = new Float32Array(256 * 6);
  const encoder = build.createProductEncoder(shape, values);
  expect(() => encoder.encode(new Float32Array(7))).toThrowError(INVALID);
  encoder.free();
  const topK = core.createTopK(1);
  const [codes, rowIds] = [core.allocate(3 * 10), core.allocate(8 * 10)];
  const codebook: ProductCodebook = { ...shape, metric: "l2", values };
  const scan = { codebook, query: new Float32Array(6), codes, rowIds, numRows: 10 };
  const ask = (more: object) => () => topK.scanProductCodes({ ...scan, ...more });
  expect(ask({ numRows: 11 })).toThrowError(INVALID);
  expect(ask({ mask: new Uint8Array(1) })).toThrowError(INVALID);
  expect(ask({ query: new Float32Array(5) })).toThrowError(expect.objectContaining({ code: "DIMENSION_MISMATCH" }));
  expect(ask({ codebook: { ...codebook, values: new Float32Array(9) } })).toThrowError(INVALID);
  codes.free();
  expect(ask({})).toThrowError(INVALID);
  rowIds.free();
  topK.free();
});
