import { Field, FixedSizeList, Float32, Int32, Schema, type Table } from "apache-arrow";
import { describe, expect, test } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createHttpStore } from "../../src/store/http.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { createRandom } from "../kernels/support.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();
registerJobHandlers(loadJobs);

const DIMENSION = 64;
const ROWS = 6000;
const PARTITIONS = 50;
const PROBES = 4;
const K = 10;
/** What a request costs, as the store says. */
const GAP_BYTES = 8 * 1024;
const TAIL_BYTES = 64 * 1024;

/** Families: bytes of a row in their files, and the most requests of a first search of four partitions. */
const TYPES = [
  { type: "IVF_FLAT", rowBytes: 8 + DIMENSION * 4, requests: 10 },
  { type: "IVF_SQ", rowBytes: 8 + DIMENSION, requests: 10 },
  { type: "IVF_PQ", rowBytes: 8 + DIMENSION / 8, requests: 4 },
  { type: "IVF_RQ", rowBytes: 8 + DIMENSION + 20, requests: 16 },
  { type: "IVF_HNSW_FLAT", rowBytes: 8 + DIMENSION * 4 + 400, requests: 18 },
  { type: "IVF_HNSW_SQ", rowBytes: 8 + DIMENSION + 400, requests: 18 },
] as const;

const random = createRandom(11);
const centers = Array.from({ length: PARTITIONS }, () => Array.from({ length: DIMENSION }, () => random() * 10));
const vectors = Array.from({ length: ROWS }, (_, i) => centers[i % PARTITIONS]!.map((value) => value + random()));

/** Three fragments, one segment. */
async function build(type: string) {
  const item = new Field("item", new Float32(), true);
  const schema = new Schema([
    new Field("id", new Int32(), false),
    new Field("v", new FixedSizeList(DIMENSION, item), true),
  ]);
  const store = createCountingStore(createMemoryStore());
  const rows = vectors.map((v, id) => ({ id, v }));
  const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile: ROWS / 3 });
  await dataset.createIndex("v", type, { name: "v_idx", metric: "l2", numPartitions: PARTITIONS, numWorkers: 1 });
  const far = overrideStore(store, { capabilities: { ...store.capabilities, gapBytes: GAP_BYTES } });
  // Nothing but what readers keep: every read is a request.
  const open = (more: { readonly memoryBudgetBytes?: number | undefined } = {}) =>
    openDataset(far, { cacheBytes: 0, ...more });
  return { store, open };
}

function askNear(dataset: Dataset, row: number, more: object = {}) {
  const nearest = { column: "v", q: vectors[row]!, k: K, minimumNprobes: PROBES, maximumNprobes: PROBES, ...more };
  return dataset.scanner({ nearest, columns: [], withRowId: true });
}

function readNumbers(analyzed: string, ...names: string[]): number[] {
  return names.map((name) => {
    const found = [...analyzed.matchAll(new RegExp(`\\b${name}=(\\d+)`, "g"))];
    return found.reduce((sum, [, digits]) => sum + Number(digits), 0);
  });
}

describe.each(TYPES)("requests of a search of $type on a cold table", ({ type, rowBytes, requests }) => {
  test("the headers, then only the partitions that are probed; the plan tells them all", async () => {
    const { store, open } = await build(type);
    const dataset = await open();
    store.reset();
    const analyzed = await askNear(dataset, 7).analyzePlan();
    // Without refine the table's own files are not read.
    expect(store.gets(/^data/)).toEqual([]);
    const gets = store.gets();
    expect(gets.every(({ path }) => path.startsWith("_indices/"))).toBe(true);
    expect(readNumbers(analyzed, "iops", "bytes_read", "parts_loaded")).toEqual([
      gets.length,
      store.bytesRead(),
      PROBES,
    ]);
    // A tail for each file; ranges of each column, whose chunks may have a table; gaps that are cheaper than a request.
    expect(gets.length).toBeLessThanOrEqual(requests);
    const probed = PROBES * (ROWS / PARTITIONS) * rowBytes;
    const slack = gets.length * GAP_BYTES + 2 * TAIL_BYTES;
    expect(store.bytesRead()).toBeLessThanOrEqual(probed * 2 + slack);

    store.reset();
    const again = await askNear(dataset, 7).analyzePlan();
    expect(store.gets()).toEqual([]);
    expect(readNumbers(again, "iops", "bytes_read", "parts_loaded")).toEqual([0, 0, 0]);

    const other = await askNear(dataset, 8).analyzePlan();
    const [reads, bytes, loaded] = readNumbers(other, "iops", "bytes_read", "parts_loaded") as [number, number, number];
    expect([reads, bytes]).toEqual([store.gets().length, store.bytesRead()]);
    expect(loaded).toBeLessThanOrEqual(PROBES);
    expect(reads).toBeLessThan(requests);
    await dataset.close();
  });

  test("several queries in one call load a partition once, whatever is kept, and answer as one by one", async () => {
    const { store, open } = await build(type);
    const asked = Array.from({ length: 12 }, (_, i) => i * 9);
    // Twice the same: their rows are equally far.
    const q = [...asked, asked[3]!].map((row) => vectors[row]!);
    const read = (table: Table) => table.toArray().map((row) => `${row._rowid} ${row._distance}`);
    const alone: string[] = [];
    let requests = 0;
    const one = await open();
    for (const row of [...asked, asked[3]!]) {
      store.reset();
      alone.push(...read(await askNear(one, row).toTable()));
      requests += store.gets().length;
    }
    await one.close();
    const loads: number[] = [];
    for (const memoryBudgetBytes of [undefined, 40_000]) {
      const dataset = await open({ memoryBudgetBytes });
      store.reset();
      const analyzed = await askNear(dataset, 0, { q }).analyzePlan();
      const gets = store.gets();
      expect(readNumbers(analyzed, "iops", "bytes_read", "partitions_searched")).toEqual([
        gets.length,
        store.bytesRead(),
        q.length * PROBES,
      ]);
      loads.push(...readNumbers(analyzed, "parts_loaded"));
      if (memoryBudgetBytes === undefined) expect(gets.length).toBeLessThanOrEqual(Math.max(3, requests / 2));
      expect(read(await askNear(dataset, 0, { q }).toTable())).toEqual(alone);
      await dataset.close();
    }
    expect(loads[1]).toBe(loads[0]);
    expect(loads[0]).toBeLessThanOrEqual(PARTITIONS);
  });

  test("with refine, the rows that are measured, near ones at once; a second time none", async () => {
    const { store, open } = await build(type);
    const dataset = await open();
    await askNear(dataset, 7).toTable();
    store.reset();
    const analyzed = await askNear(dataset, 7, { refineFactor: 3 }).analyzePlan();
    const reads = store.gets(/^data/);
    const tails = reads.filter(({ bytes }) => bytes === TAIL_BYTES);
    expect(tails.length).toBeLessThanOrEqual(3);
    expect(reads.length - tails.length).toBeLessThanOrEqual(3 * K);
    const bytes = store.bytesRead(/^data/) - tails.length * TAIL_BYTES;
    expect(bytes).toBeLessThanOrEqual(3 * K * (DIMENSION * 4 + GAP_BYTES));
    const refined = analyzed.slice(analyzed.indexOf("Refine: "));
    expect(readNumbers(refined, "rows", "cache_hits", "rows_decoded", "iops", "bytes_read")).toEqual([
      3 * K,
      0,
      0,
      reads.length - tails.length,
      bytes,
    ]);
    store.reset();
    const again = await askNear(dataset, 7, { refineFactor: 3 }).analyzePlan();
    expect(store.gets()).toEqual([]);
    expect(readNumbers(again.slice(again.indexOf("Refine: ")), "cache_hits", "iops")).toEqual([3 * K, 0]);
    await dataset.close();
  });
});

describe("a search over HTTP", () => {
  const WIDE = 128;
  const COUNT = 24_000;
  const CLUSTERS = 120;
  const draw = createRandom(5);
  const middles = Array.from({ length: CLUSTERS }, () => Float32Array.from({ length: WIDE }, () => draw() * 4));
  const makeVector = (cluster: number) => middles[cluster]!.map((value) => value + draw());
  const rows = Array.from({ length: COUNT }, () => ({ v: makeVector(Math.floor(draw() * CLUSTERS)) }));

  test("joins ranges where the gap costs less than a request: few requests, few bytes for nothing", async () => {
    const store = createCountingStore(createMemoryStore());
    const item = new Field("item", new Float32(), true);
    const schema = new Schema([new Field("v", new FixedSizeList(WIDE, item), true)]);
    const written = await writeDataset(rows, store, { schema });
    await written.createIndex("v", "IVF_RQ", { numBits: 1, numPartitions: CLUSTERS, maxIterations: 5 });
    const { gapBytes } = createHttpStore("https://example.org/table.lance").capabilities!;
    const far = overrideStore(store, { capabilities: { ...store.capabilities, gapBytes: gapBytes! } });
    const dataset = await openDataset(far);
    const ask = async (): Promise<[requests: number, bytes: number]> => {
      store.reset();
      const q = makeVector(Math.floor(draw() * CLUSTERS));
      await dataset.toTable({
        columns: [],
        withRowId: true,
        nearest: { column: "v", q, k: 10, nprobes: 16, refineFactor: 5 },
      });
      return [store.gets().length, store.bytesRead()];
    };
    const first = await ask();
    const later = [0, 0];
    for (let i = 0; i < 20; i++) for (const [at, count] of (await ask()).entries()) later[at]! += count / 20;
    expect(first[0]).toBeLessThanOrEqual(45);
    expect(first[1]).toBeLessThanOrEqual(2_600_000);
    expect(later[0]).toBeLessThanOrEqual(22);
    expect(later[1]).toBeLessThanOrEqual(450_000);
    await dataset.close();
  });
});
