import { expect, it } from "vitest";
import { clearGlobalPool, createOpfsStore, writeDataset } from "../../src/entry-browser.ts";
import { findNearest, idsOf, makeRows, makeVector, SCHEMA } from "./rows.ts";

it("a search on a page's main thread runs on workers of its own when nobody gave it a pool", async () => {
  await clearGlobalPool();
  const rows = makeRows(0, 200);
  const store = createOpfsStore(`own-pool-${Date.now()}.lance`);
  const dataset = await writeDataset(rows, store, { schema: SCHEMA, maxRowsPerFile: 100 });
  await dataset.createIndex("vector", "IVF_FLAT", { numPartitions: 2 });
  await dataset.createScalarIndex("size", "BTREE");
  const q = makeVector(() => 0.7);
  const scanner = dataset.scanner({ columns: ["id"], nearest: { column: "vector", q, k: 5, nprobes: 2 } });
  expect(idsOf(await scanner.toTable())).toEqual(findNearest(rows, q, 5).map(({ id }) => id));
  expect(await scanner.analyzePlan()).toMatch(/Segment: name=vector_idx, .*worker=\d/);
  expect(await dataset.scanner({ filter: "size < 10" }).analyzePlan()).toMatch(/Segment: name=size_idx, .*worker=\d/);
  await dataset.close();
});
