import { describe, expect, test } from "vitest";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom } from "./support.ts";

useTestRuntime();
const build = await loadBuildKernels();

function train(options: Parameters<typeof build.createBitKMeans>[0]): { centroids: Uint8Array; losses: number[] } {
  const training = build.createBitKMeans(options);
  const losses: number[] = [];
  try {
    while (!training.done) {
      const { iteration, loss } = training.step();
      if (iteration > losses.length) losses.push(loss);
    }
    return { centroids: training.centroids(), losses };
  } finally {
    training.free();
  }
}

/** Rows that differ from one of a few patterns in some bits. */
function noisy(numRows: number, width: number, groups: number, seed: number): Uint8Array {
  const random = createRandom(seed);
  const byte = () => Math.floor((random() + 1) * 128) & 255;
  const patterns = Uint8Array.from({ length: groups * width }, byte);
  return Uint8Array.from(
    { length: numRows * width },
    (_, i) => patterns[(Math.floor(i / width) % groups) * width + (i % width)]! ^ (byte() & byte() & byte()),
  );
}

function countBits(a: Uint8Array, b: Uint8Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) for (let bits = a[i]! ^ b[i]!; bits > 0; bits &= bits - 1) sum++;
  return sum;
}

const rowsOf = (bytes: Uint8Array, width: number): Uint8Array[] =>
  Array.from({ length: bytes.length / width }, (_, i) => bytes.subarray(i * width, (i + 1) * width));

describe.each([1, 3, 8, 16, 20, 32, 48, 67])("rows of %i bytes", (width) => {
  const rows = noisy(300, width, 5, width);

  test("go to the first of the nearest centroids", () => {
    const centroids = noisy(37, width, 7, 99);
    const found = build.assignBits({ rows, width, centroids });
    expect(found.length).toBe(300);
    for (const [i, row] of rowsOf(rows, width).entries()) {
      const distances = rowsOf(centroids, width).map((centroid) => countBits(row, centroid));
      expect(found[i]).toBe(distances.indexOf(Math.min(...distances)));
    }
  });

  test("are grouped: no iteration raises the loss, which is what the centroids give", () => {
    const { centroids, losses } = train({ rows, width, k: 10, seed: 2, tolerance: 0 });
    for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThanOrEqual(losses[i - 1]!);
    const found = build.assignBits({ rows, width, centroids });
    const loss = rowsOf(rows, width).reduce(
      (sum, row, i) => sum + countBits(row, centroids.subarray(found[i]! * width, (found[i]! + 1) * width)),
      0,
    );
    expect(loss).toBeLessThanOrEqual(losses.at(-1)!);
    // An eighth of the bits are noise.
    expect(loss).toBeLessThanOrEqual(300 * width * 1.05);
  });

  test("give the same centroids for one seed", () => {
    const first = train({ rows, width, k: 10, seed: 2 }).centroids;
    expect(train({ rows, width, k: 10, seed: 2 }).centroids).toEqual(first);
  });
});

test("equal rows, and more centroids than rows, end", () => {
  expect(train({ rows: new Uint8Array(40).fill(7), width: 4, k: 6, seed: 1 }).centroids).toEqual(
    new Uint8Array(24).fill(7),
  );
  expect(train({ rows: Uint8Array.of(1, 2, 4), width: 1, k: 9, seed: 1 }).losses.at(-1)).toBe(0);
});

test("wrong options and use after free are coded errors", () => {
  const invalid = expect.objectContaining({ code: "INVALID_ARGUMENT" });
  const base = { rows: new Uint8Array(8), width: 4, k: 1, seed: 1 };
  for (const options of [
    { ...base, k: 0 },
    { ...base, width: 3 },
    { ...base, width: 0 },
    { ...base, rows: new Uint8Array(0) },
    { ...base, seed: Number.NaN },
    { ...base, iterations: -1 },
  ]) {
    expect(() => build.createBitKMeans(options)).toThrow(invalid);
  }
  const { rows, width } = base;
  expect(() => build.assignBits({ rows, width, centroids: new Uint8Array(0) })).toThrow(invalid);
  expect(() => build.assignBits({ rows, width, centroids: new Uint8Array(5) })).toThrow(invalid);
  const training = build.createBitKMeans(base);
  training.free();
  expect(() => training.step()).toThrow(invalid);
});
