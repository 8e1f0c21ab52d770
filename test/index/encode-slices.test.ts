import { expect, test, vi } from "vitest";
import { createRabitRowEncoder } from "../../src/index/ivf/storage/rq-encode.ts";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import type { RabitRotation } from "../../src/kernels/rabit-layout.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom } from "./support.ts";

useTestRuntime();

const DIMENSION = 64;
const ROWS = 6000;

const random = createRandom(3);
const draw = (count: number) => Float32Array.from({ length: count }, () => random() * 2 - 1);
const centroids = draw(3 * DIMENSION);
const vectors = draw(ROWS * DIMENSION);
const partitions = Uint32Array.from({ length: ROWS }, (_, i) => i % 3);
const rotations: readonly RabitRotation[] = [
  { kind: "fast", signs: Uint8Array.from({ length: DIMENSION / 2 }, () => random() * 256) },
  { kind: "matrix", matrix: draw(DIMENSION * DIMENSION) },
];
const shape = { type: { element: "f32", dimension: DIMENSION }, metric: "l2", centroids } as const;
const models = rotations.flatMap((rotation) => [
  { numBits: 5, rotation, estimator: "raw_query", hasErrors: true, isPacked: false } as const,
  { numBits: 1, rotation, estimator: "residual_query", hasErrors: false, isPacked: false } as const,
]);

for (const model of models) {
  const { numBits, rotation, estimator } = model;
  test(`rows of ${numBits} bits by a ${rotation.kind} rotation (${estimator}) are coded in short calls, the same rows`, async () => {
    const kernels = await loadBuildKernels();
    const encode = createRabitRowEncoder(model, shape);
    const open = kernels.createRabitCoding;
    const calls: number[] = [];
    let freed = 0;
    const spy = vi.spyOn(kernels, "createRabitCoding").mockImplementation((options) => {
      const coding = open(options);
      return {
        encode(rows, places) {
          calls.push(places.length);
          return coding.encode(rows, places);
        },
        free() {
          freed++;
          coding.free();
        },
      };
    });
    try {
      const rows = await encode(vectors, partitions);
      // 64 values take 6 µs with bits beyond the sign, 0.8 µs without.
      expect(Math.max(...calls)).toBeLessThanOrEqual(numBits > 1 ? 1300 : 11_000);
      expect(calls.reduce((sum, count) => sum + count, 0)).toBe(ROWS);
      const rowBytes = rows.length / ROWS;
      const tail = await encode(vectors.subarray(4321 * DIMENSION), partitions.subarray(4321));
      expect(tail).toEqual(rows.subarray(4321 * rowBytes));
      expect(freed).toBe(2);
      await expect(encode(vectors, partitions, AbortSignal.abort())).rejects.toMatchObject({ code: "ABORTED" });
      expect(freed).toBe(3);
    } finally {
      spy.mockRestore();
    }
  });
}
