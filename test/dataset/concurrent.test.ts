import { expect, test } from "vitest";
import { createMemoryStore, openDataset, writeDataset } from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import {
  codeOf,
  compareNearest,
  findNearest,
  idsOf,
  inlinePool,
  makeRows,
  makeVector,
  readIds,
  SCHEMA,
} from "./support.ts";

const q = makeVector(() => 0.9);

test("handles of one version that append, delete and index at once lose nothing of each other", async () => {
  const objects: MemoryObjects = new Map();
  await writeDataset(makeRows(0, 200), createMemoryStore(objects), {
    schema: SCHEMA,
    maxRowsPerFile: 50,
    pool: inlinePool,
  });
  // Stores of their own, so that nothing but the table's files is shared.
  const handles = await Promise.all(
    Array.from({ length: 8 }, () => openDataset(createMemoryStore(objects), { pool: inlinePool })),
  );
  const [a, b, c, d, e, f, g, h] = handles as [(typeof handles)[0], ...typeof handles];
  const codes = await Promise.all([
    codeOf(a.insert(makeRows(200, 40))),
    codeOf(b!.createIndex("vector", "IVF_FLAT", { numPartitions: 4, maxIterations: 3 })),
    codeOf(c!.delete("id BETWEEN 0 AND 9")),
    codeOf(d!.createScalarIndex("size", "BTREE")),
    codeOf(e!.insert(makeRows(300, 25))),
    codeOf(f!.delete("id BETWEEN 60 AND 69")),
    codeOf(g!.delete("id BETWEEN 20 AND 29")),
    codeOf(h!.createScalarIndex("name", "BTREE", { name: "names" })),
  ]);
  expect(codes).toEqual(Array(8).fill(null));
  const gone = (id: number) => id < 10 || (id >= 20 && id < 30) || (id >= 60 && id < 70);
  const rows = [...makeRows(0, 240), ...makeRows(300, 25)].filter(({ id }) => !gone(id));
  const dataset = await openDataset(createMemoryStore(objects), { pool: inlinePool });
  expect(dataset.version).toBe(9);
  expect((await dataset.versions()).map(({ version }) => version)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  expect((await readIds(dataset)).sort((x, y) => x - y)).toEqual(rows.map(({ id }) => id));
  expect((await dataset.describeIndices()).map(({ name }) => name).sort()).toEqual(["names", "size_idx", "vector_idx"]);
  const wanted = rows.filter(({ size }) => size !== null && size < 40).map(({ id }) => id);
  expect(idsOf(await dataset.toTable({ filter: "size < 40" })).sort((x, y) => x - y)).toEqual(wanted);
  const nearest = { column: "vector", q, k: 20, nprobes: 4 };
  expect(compareNearest(await dataset.toTable({ nearest }), findNearest(rows, q, 20))).toBe(null);
});

test("a running scan keeps its version while its handle moves on", async () => {
  const dataset = await writeDataset(makeRows(0, 300), createMemoryStore(), {
    schema: SCHEMA,
    maxRowsPerFile: 60,
    pool: inlinePool,
  });
  const scanner = dataset.scanner({ columns: ["id"], batchSize: 20 });
  const seen: number[] = [];
  for await (const batch of scanner.toBatches()) {
    if (seen.length === 0) {
      await dataset.delete("id > 5");
      await dataset.insert(makeRows(900, 10));
    }
    for (const id of batch.getChild("id")!) seen.push(Number(id));
  }
  expect(seen).toEqual(Array.from({ length: 300 }, (_, id) => id));
  expect(await dataset.countRows()).toBe(16);
});
