import { Field, FixedSizeList, Float32, Int32, Schema } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { createRandom } from "./support.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 6;
const ROWS = 240;
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("v", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);
type Items = readonly (number | null)[];

/** Ordinary vectors, and every kind that is none, or whose length or distance leaves 32 bits. */
function makeVector(random: () => number): Items | null {
  const items: (number | null)[] = Array.from({ length: DIMENSION }, () => Math.fround((random() - 0.5) * 4));
  const at = Math.floor(random() * DIMENSION);
  const kind = Math.floor(random() * 16);
  if (kind === 0) items[at] = Number.NaN;
  if (kind === 1) items[at] = Number.POSITIVE_INFINITY;
  if (kind === 2) items[at] = Number.NEGATIVE_INFINITY;
  if (kind === 3) items[at] = null;
  if (kind === 4) return null;
  if (kind === 5) return items.fill(0);
  if (kind === 6) return items.fill(Number.POSITIVE_INFINITY);
  if (kind === 7) return items.map((item) => Math.fround(item! * 1e-25));
  if (kind === 8) return items.map((item) => Math.fround(item! * 1e22));
  if (kind === 9) return items.fill(null);
  return items;
}

/** The distance in 64 bits; `null` where there is none. */
function measure(metric: string, q: readonly number[], items: Items | null): number | null {
  if (items === null || !items.every((item) => item !== null && Number.isFinite(item))) return null;
  let [dot, qq, vv, squares] = [0, 0, 0, 0];
  for (const [i, value] of (items as readonly number[]).entries()) {
    dot += q[i]! * value;
    qq += q[i]! ** 2;
    vv += value ** 2;
    squares += (q[i]! - value) ** 2;
  }
  const distance = metric === "l2" ? squares : metric === "dot" ? 1 - dot : 1 - dot / Math.sqrt(qq) / Math.sqrt(vv);
  return Number.isFinite(Math.fround(distance)) ? distance : null;
}

async function search(dataset: Dataset, nearest: object): Promise<Map<number, number>> {
  const table = await dataset.toTable({
    columns: ["id"],
    nearest: { column: "v", k: 2 * ROWS, minimumNprobes: 100, ...nearest } as never,
  });
  const distances = table.getChild("_distance")!.toArray() as Float32Array;
  return new Map(Array.from(table.getChild("id")!.toArray() as Int32Array, (id, i) => [id, distances[i]!]));
}

function expectSame(
  received: ReadonlyMap<number, number>,
  expected: ReadonlyMap<number, number>,
  loss?: (id: number) => number,
): void {
  const ids = (map: ReadonlyMap<number, number>) => [...map.keys()].sort((a, b) => a - b);
  expect(ids(received)).toEqual(ids(expected));
  for (const [id, distance] of expected) {
    expect(Math.abs(received.get(id)! - distance)).toBeLessThanOrEqual(
      1e-5 * Math.max(1, Math.abs(distance), loss?.(id) ?? 0),
    );
  }
}

describe.each(["l2", "cosine", "dot"] as const)("%s: what is a vector does not depend on what is indexed", (metric) => {
  test.each([1, 2, 3, 4])("seed %i", async (seed) => {
    const random = createRandom(seed);
    const rows = Array.from({ length: ROWS }, (_, id) => ({ id, v: makeVector(random) }));
    const dataset = await writeDataset(rows, createMemoryStore(), { schema, maxRowsPerFile: ROWS / 4 });
    await dataset.createIndex("v", "IVF_FLAT", { metric, numPartitions: 4, fragmentIds: [0, 2] });
    for (let i = 0; i < 4; i++) {
      const scale = i === 3 ? 1e-22 : 1;
      const q = Array.from({ length: DIMENSION }, () => Math.fround((random() - 0.5) * 4 * scale));
      const expected = new Map(
        rows.flatMap(({ id, v }) => {
          const distance = measure(metric, q, v);
          return distance === null ? [] : [[id, distance] as const];
        }),
      );
      expect(expected.size).toBeGreaterThan(ROWS / 4);
      const flat = await search(dataset, { q, metric, useIndex: false });
      // Large products that cancel out leave less of 32 bits than of 64.
      expectSame(flat, expected, (id) => (metric === "dot" ? Math.max(...rows[id]!.v!.map((x) => Math.abs(x!))) : 0));
      expectSame(await search(dataset, { q }), flat);
      expectSame(await search(dataset, { q, refineFactor: 2 }), flat);
    }
    const zero = await search(dataset, { q: new Array(DIMENSION).fill(0) });
    expectSame(await search(dataset, { q: new Array(DIMENSION).fill(0), metric, useIndex: false }), zero);
    expect(zero.size === 0).toBe(metric === "cosine");
  });
});
