import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { findFrontier, interpolateQps, measureRecall, sumBestChunks } from "./vector/curve.mjs";
import { loadData } from "./vector/data.mjs";
import { findExact } from "./vector/exact.mjs";
import { describeFamily } from "./vector/families.mjs";
import { summarizeReads } from "./vector/http-reads.mjs";
import { addressesToRows } from "./vector/tables.mjs";

const exact = { rows: [7, 3, 9, 4], distances: [0, 1, 2, 2] };

test("recall counts each of the first k rows once, and rows as near as the k-th", () => {
  expect(measureRecall([7, 3, 9], exact, 3)).toBe(1);
  expect(measureRecall([7, 3, 4], exact, 3)).toBe(1);
  expect(measureRecall([7, 7, 7], exact, 3)).toBeCloseTo(1 / 3);
  expect(measureRecall([1, 2, 5, 7], exact, 3)).toBe(0);
  expect(measureRecall([7, 4], exact, 2)).toBe(0.5);
  expect(measureRecall([], exact, 3)).toBe(0);
});

const points = [
  { recall: 0.9, qps: 1000 },
  { recall: 0.92, qps: 300 },
  { recall: 0.95, qps: 400 },
  { recall: 1, qps: 100 },
];

test("the frontier leaves out what another point beats in both", () => {
  expect(findFrontier(points).map(({ recall }: { recall: number }) => recall)).toEqual([0.9, 0.95, 1]);
  expect(findFrontier([])).toEqual([]);
});

test("speed between two points lies on the line of its logarithm", () => {
  expect(interpolateQps(points, 0.95)).toBe(400);
  expect(interpolateQps(points, 0.975)).toBeCloseTo(200);
  expect(interpolateQps(points, 0.5)).toBe(1000);
  expect(interpolateQps(points.slice(0, 2), 0.95)).toBeUndefined();
});

test("each chunk counts as fast as it ever was, over the chunks all rounds measured", () => {
  const rounds = [
    [1, 5, 3],
    [2, 4],
  ];
  expect(sumBestChunks(rounds)).toEqual({ chunks: 2, seconds: 5 });
});

test("exact neighbours are found by comparing all", () => {
  const vectors = Float32Array.of(0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 5, 5, 5, 5, 5, 1, 1, 1, 1, 0);
  const [found] = findExact({ vectors, queries: Float32Array.of(1, 1, 1, 1, 1), dimension: 5, k: 2 });
  expect(found).toEqual({ rows: [1, 3, 0, 2], distances: [0, 1, 5, 80] });
});

test("row addresses and reads are counted as the run numbers them", () => {
  expect(addressesToRows(BigUint64Array.of(3n, (2n << 32n) + 1n), 10)).toEqual([3, 21]);
  const counts = [
    { reads: 9, bytes: 90 },
    { reads: 4, bytes: 40 },
    { reads: 2, bytes: 10 },
    { reads: 4, bytes: 30 },
  ];
  expect(summarizeReads(counts)).toEqual({ first: counts[0], after: { reads: 3, bytes: 20 } });
});

test("a family not known by name is measured too, graphs in one partition", () => {
  const shape = { rows: 10_000, dimension: 128, numPartitions: undefined, quick: false, k: 10 };
  expect(describeFamily("IVF_NEW", shape).params).toEqual({ numPartitions: 100 });
  expect(describeFamily("IVF_HNSW_PQ", shape).params).toMatchObject({ numPartitions: 1, numSubVectors: 16 });
  const graph: { ef: number; refineFactor: number }[] = describeFamily("IVF_HNSW_PQ", shape).settings;
  expect(graph.every(({ ef, refineFactor }) => ef >= 10 * refineFactor)).toBe(true);
  const { settings } = describeFamily("IVF_PQ", shape);
  expect(settings.every(({ nprobes }: { nprobes: number }) => nprobes <= 100)).toBe(true);
});

test("matrices are read by the dimension in their name, with the queries beside them", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lancelet-bench-data-"));
  try {
    writeFileSync(join(folder, "words-2.f16"), Uint16Array.of(0x3c00, 0xc000, 0x0001, 0x3555));
    writeFileSync(join(folder, "queries-2.f16"), Uint16Array.of(0x3c00, 0x7bff));
    const { vectors, queries } = await loadData(folder, { queries: 5 });
    expect([...vectors]).toEqual([1, -2, 2 ** -24, Math.fround(0.333251953125)]);
    expect([...queries]).toEqual([1, 65_504]);
  } finally {
    rmSync(folder, { recursive: true });
  }
});

test("without stored queries a tenth of the rows at most is held out", async () => {
  const folder = mkdtempSync(join(tmpdir(), "lancelet-bench-data-"));
  try {
    const path = join(folder, "numbers-1.f32");
    writeFileSync(
      path,
      Float32Array.from({ length: 50 }, (_, i) => i),
    );
    const { vectors, queries } = await loadData(path, { queries: 100 });
    expect(queries.length).toBe(5);
    expect([...vectors, ...queries].sort((a, b) => a - b)).toEqual(Array.from({ length: 50 }, (_, i) => i));
  } finally {
    rmSync(folder, { recursive: true });
  }
});
