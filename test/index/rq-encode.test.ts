import { expect, test } from "vitest";
import { createRabitRowEncoder } from "../../src/index/ivf/storage/rq-encode.ts";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

// 1,024 centroids of 1,536 values through a matrix were one call of 260 ms.
test("many centroids are rotated in pieces, the first time alone", async () => {
  const [dimension, numPartitions] = [768, 2048];
  await loadBuildKernels();
  const matrix = new Float32Array(dimension * dimension);
  for (let i = 0; i < dimension; i++) matrix[i * dimension + i] = 1;
  const model = {
    numBits: 1,
    rotation: { kind: "matrix", matrix },
    estimator: "raw_query",
    hasErrors: true,
    isPacked: false,
  } as const;
  const centroids = Float32Array.from({ length: numPartitions * dimension }, (_, i) => (i * 37) % 101);
  const shape = { type: { element: "f32", dimension }, metric: "l2", centroids } as const;
  const encode = createRabitRowEncoder(model, shape);
  const row = centroids.map((value) => value + 1).subarray(-dimension);
  const partitions = Uint32Array.of(numPartitions - 1);
  // Every look at this clock is 25 ms after the last: each piece ends with a turn of the event loop.
  let now = performance.now();
  useTestRuntime({ now: () => (now += 25) });
  let turns = 0;
  let next = setImmediate(function count() {
    turns++;
    next = setImmediate(count);
  });
  const coded = await encode(row, partitions);
  clearImmediate(next);
  useTestRuntime();
  // Of 67 rows each.
  expect(turns).toBeGreaterThanOrEqual(Math.floor(numPartitions / 70));
  expect(await encode(row, partitions)).toEqual(coded);
});
