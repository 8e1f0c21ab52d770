import {
  type DataType,
  Field,
  FixedSizeList,
  Float16,
  Float32,
  Float64,
  Int8,
  Int32,
  Schema,
  Uint8,
} from "apache-arrow";
import { describe, expect, it, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { fromHalf, toHalf } from "../../src/kernels/element.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { expectError } from "../index/support.ts";
import { createRandom } from "../kernels/support.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 10;
const random = createRandom(8);
const halves = (vector: number[]) => vector.map((value) => fromHalf(toHalf(value)));
const floats = Array.from({ length: 300 }, () => halves(Array.from({ length: DIMENSION }, () => random() * 4 - 1.5)));
const bytes = Array.from({ length: 300 }, () => Array.from({ length: DIMENSION }, () => Math.floor(random() * 256)));

function measure(metric: string, q: readonly number[], v: readonly number[]): number {
  const sum = (term: (a: number, b: number) => number) => q.reduce((total, a, i) => total + term(a, v[i]!), 0);
  if (metric === "hamming") return sum((a, b) => (a ^ b).toString(2).replaceAll("0", "").length);
  const dot = sum((a, b) => a * b);
  if (metric === "l2") return sum((a, b) => (a - b) ** 2);
  return metric === "dot" ? 1 - dot : 1 - dot / Math.sqrt(sum((a) => a * a) * sum((_, b) => b * b));
}

/** Three fragments of 100 rows. */
function openTable(item: DataType, vectors: readonly (readonly number[])[]): Promise<Dataset> {
  const schema = new Schema([
    new Field("id", new Int32(), false),
    new Field("v", new FixedSizeList(DIMENSION, new Field("item", item, true)), true),
  ]);
  const rows = vectors.map((v, id) => ({ id, v: [...v] }));
  return writeDataset(rows, createMemoryStore(), { schema, maxRowsPerFile: 100 });
}

async function findNearest(dataset: Dataset, nearest: object, more: object = {}) {
  const table = await dataset.toTable({
    columns: ["id"],
    nearest: { column: "v", k: 12, ...nearest } as never,
    ...more,
  });
  return {
    ids: Array.from(table.getChild("id")!, Number),
    distances: Array.from(table.getChild("_distance")!, Number),
  };
}

function expectNearest(found: Awaited<ReturnType<typeof findNearest>>, all: readonly number[], tolerance = 1e-4): void {
  const expected = [...all].sort((a, b) => a - b).slice(0, 12);
  expect(found.ids.length).toBe(12);
  found.distances.forEach((distance, i) => {
    expect(Math.abs(distance - expected[i]!)).toBeLessThanOrEqual(tolerance);
    expect(Math.abs(distance - all[found.ids[i]!]!)).toBeLessThanOrEqual(tolerance);
  });
}

const CASES = [
  ["halffloat", new Float16(), "l2"],
  ["halffloat", new Float16(), "cosine"],
  ["double", new Float64(), "dot"],
  ["double", new Float64(), "cosine"],
  ["uint8", new Uint8(), "hamming"],
] as const;

describe.each(CASES)("a column of %s", (_, item, metric) => {
  const vectors = metric === "hamming" ? bytes : floats;
  const queries = [vectors[5]!, vectors[250]!.map((value, i) => (metric === "hamming" ? value ^ i : value))];

  it(`is searched row by row by ${metric}, and by an index of two of its fragments beside that`, async () => {
    const dataset = await openTable(item, vectors);
    for (const q of queries) {
      const all = vectors.map((vector) => measure(metric, q, vector));
      expectNearest(await findNearest(dataset, { q, metric }), all);
    }
    await dataset.createIndex("v", "IVF_FLAT", { metric, numPartitions: 4, fragmentIds: [0, 2] });
    const scanner = dataset.scanner({ nearest: { column: "v", q: queries[0]!, nprobes: 4 } });
    expect(await scanner.explainPlan()).toContain(`metric=${metric[0]!.toUpperCase()}${metric.slice(1)}`);
    for (const q of queries) {
      const all = vectors.map((vector) => measure(metric, q, vector));
      // Halves of unit length keep three digits.
      expectNearest(await findNearest(dataset, { q, nprobes: 4 }), all, item instanceof Float16 ? 1e-3 : 1e-4);
    }
  });
});

test.each(["l2", "cosine", "dot"])(
  "IVF_SQ by %s: refined, and beside rows it does not cover, distances are exact",
  async (metric) => {
    const dataset = await openTable(new Float32(), floats);
    await dataset.createIndex("v", "IVF_SQ", { metric, numPartitions: 3, fragmentIds: [0, 1] });
    for (const q of [floats[5]!, floats[250]!]) {
      const all = floats.map((vector) => measure(metric, q, vector));
      const covered = all.slice(0, 200);
      const refined = await findNearest(dataset, { q, nprobes: 3, refineFactor: 5 }, { fastSearch: true });
      expectNearest(refined, covered);
      const coded = await findNearest(dataset, { q, nprobes: 3 }, { fastSearch: true });
      expect(coded.distances).not.toEqual(refined.distances);
      // Few candidates a query are lost to the code, and none has a distance of it.
      const mixed = await findNearest(dataset, { q, nprobes: 3 });
      for (const [i, id] of mixed.ids.entries()) expect(Math.abs(mixed.distances[i]! - all[id]!)).toBeLessThan(1e-4);
      expect(mixed.ids.some((id) => id >= 200)).toBe(true);
      const upper = [...covered].sort((a, b) => a - b)[6]! + 1e-6;
      const bounded = await findNearest(
        dataset,
        { q, nprobes: 3, refineFactor: 5, distanceRange: [null, upper] },
        { fastSearch: true },
      );
      expect(bounded.ids.length).toBe(7);
    }
    const plan = await dataset.scanner({ nearest: { column: "v", q: floats[5]!, nprobes: 3 } }).explainPlan();
    expect(plan).toContain("refine_factor=1");
  },
);

test("metrics, queries and columns that do not fit are refused, and the message says what does", async () => {
  const dataset = await openTable(new Uint8(), bytes);
  const q = bytes[0]!;
  const search = (nearest: object) => findNearest(dataset, { q, ...nearest });
  expect((await expectError(search({ metric: "l2" }), "INVALID_ARGUMENT")).message).toContain("hamming");
  await expectError(search({ q: q.map((value) => value + 0.5) }), "INVALID_ARGUMENT");
  await expectError(search({ q: [...q, 1] }), "DIMENSION_MISMATCH");
  await expectError(dataset.createIndex("v", "IVF_FLAT", { metric: "cosine" }), "INVALID_ARGUMENT");
  await expectError(dataset.createIndex("v", "IVF_SQ"), "INVALID_ARGUMENT");
  const other = await openTable(new Float64(), floats);
  await expectError(findNearest(other, { q: floats[0]!, metric: "hamming" }), "INVALID_ARGUMENT");
  await expectError(other.createIndex("v", "IVF_SQ", { metric: "hamming" }), "INVALID_ARGUMENT");
  const signed = await openTable(
    new Int8(),
    bytes.map((vector) => vector.map((value) => value >> 1)),
  );
  await expectError(findNearest(signed, { q }), "UNSUPPORTED");
});
