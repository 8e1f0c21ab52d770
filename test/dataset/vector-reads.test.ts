import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, Int32, Schema, type Table } from "apache-arrow";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Dataset } from "../../src/dataset/dataset.ts";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { PartCache } from "../../src/index/part-cache.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import type { NearestOptions, ScannerOptions } from "../../src/query/scan-options.ts";
import type { ScanStatistics } from "../../src/query/statistics.ts";
import { createNodeRuntime } from "../../src/runtime/node.ts";
import { registerNodeStores } from "../../src/runtime/stores-node.ts";
import { setRuntime } from "../../src/runtime.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { inlinePool } from "./support.ts";

const DIMENSION = 16;
const schema = new Schema([
  new Field("id", new Int32(), false),
  new Field("vector", new FixedSizeList(DIMENSION, new Field("item", new Float32(), true)), true),
]);
/** Whole numbers, so that equal distances are equal whichever way they are summed. */
const vectorOf = (id: number) => Array.from({ length: DIMENSION }, (_, d) => ((id * (2 * d + 3)) % 61) - 30);
const createRows = (count: number, isNull: (id: number) => boolean = () => false) =>
  Array.from({ length: count }, (_, id) => ({ id, vector: isNull(id) ? null : vectorOf(id) }));
const q = Array.from({ length: DIMENSION }, (_, d) => (d * 7) % 19);

function bruteForce(ids: number[], k: number): { id: number; distance: number }[] {
  const measured = ids.map((id) => ({ id, distance: vectorOf(id).reduce((sum, x, d) => sum + (x - q[d]!) ** 2, 0) }));
  return measured.sort((a, b) => a.distance - b.distance || a.id - b.id).slice(0, k);
}
function found(table: Table) {
  const [ids, distances] = [table.getChild("id")!, table.getChild("_distance")!];
  return Array.from({ length: table.numRows }, (_, i) => ({ id: ids.get(i) as number, distance: distances.get(i) }));
}
const flat = (k: number): NearestOptions => ({ column: "vector", q, k, useIndex: false });

describe("a flat search", () => {
  const COUNT = 5000;
  const isNull = (id: number) => id % 17 === 0;
  const cases: [string, string | undefined, Partial<ScannerOptions>, (id: number) => boolean][] = [
    ["all rows", undefined, {}, () => true],
    ["rows of some fragments", undefined, { fragmentIds: [1, 3] }, (id) => (id >= 1250 && id < 2500) || id >= 3750],
    ["most rows, by filter", undefined, { filter: "id % 10 <> 3", prefilter: true }, (id) => id % 10 !== 3],
    ["few rows, by filter", undefined, { filter: "id % 10 = 3", prefilter: true }, (id) => id % 10 === 3],
    [
      "what deletions leave",
      "id % 3 = 0 OR id BETWEEN 1200 AND 2600",
      {},
      (id) => id % 3 !== 0 && (id < 1200 || id > 2600),
    ],
  ];
  let directory: string;
  let pool: WorkerPool;

  beforeAll(async () => {
    const runtime = createNodeRuntime();
    setRuntime(runtime);
    registerNodeStores();
    directory = await mkdtemp(join(tmpdir(), "lancelet-flat-"));
    pool = createWorkerPool({ numWorkers: 2, spawn: () => runtime.spawnWorker!() });
  });
  afterAll(async () => {
    await pool.close();
    await rm(directory, { recursive: true, force: true });
  });

  it.each(cases)("finds in %s what brute force does, here and on workers", async (name, deleted, options, isAsked) => {
    const path = join(directory, name);
    const dataset = await writeDataset(createRows(COUNT, isNull), path, { schema, maxRowsPerFile: 1250 });
    if (deleted !== undefined) await dataset.delete(deleted);
    const asked = Array.from({ length: COUNT }, (_, id) => id).filter(isAsked);
    const expected = bruteForce(
      asked.filter((id) => !isNull(id)),
      25,
    );
    for (const on of [undefined, pool]) {
      let statistics: ScanStatistics | undefined;
      const scanStatsCallback = (all: ScanStatistics) => {
        statistics = all;
      };
      const answer = await dataset.toTable({
        ...options,
        nearest: flat(25),
        ...(on && { pool: on }),
        scanStatsCallback,
      });
      expect(found(answer)).toEqual(expected);
      // A filter without an index looks at every row itself.
      expect(statistics?.flatRows).toBe(asked.length + (options.filter ? COUNT : 0));
      expect(statistics?.flatFragmentIds).toEqual([...new Set(asked.map((id) => Math.floor(id / 1250)))]);
    }
    await dataset.close();
  });

  it("reads on workers, not here, where they can open the store", async () => {
    const path = join(directory, "read there");
    await (await writeDataset(createRows(COUNT), path, { schema, maxRowsPerFile: 1250 })).close();
    const { createNodeFsStore } = await import("../../src/store/node-fs.ts");
    const counting = createCountingStore(createNodeFsStore(path));
    const dataset = await openDataset(counting, { pool });
    const answer = await dataset.toTable({ columns: [], withRowId: true, nearest: flat(5) });
    expect(answer.numRows).toBe(5);
    expect(counting.gets(/^data\//)).toEqual([]);
    await dataset.close();
  });

  it("leaves what it borrowed as it was", async () => {
    // Wide enough that rows are stored one after the other, as Arrow has them.
    const wide = 512;
    const type = new FixedSizeList(wide, new Field("item", new Float32(), true));
    const rows = Array.from({ length: 200 }, (_, id) => ({ vector: Array.from({ length: wide }, (_, d) => id + d) }));
    const dataset = await writeDataset(rows, createMemoryStore(), { schema: new Schema([new Field("vector", type)]) });
    const nearest = { column: "vector", q: new Float32Array(wide), k: 40, useIndex: false };
    const search = async () => [...(await dataset.toTable({ columns: [], nearest })).getChild("_distance")!.toArray()];
    const before = await search();
    const read = await dataset.toTable({ columns: ["vector"] });
    // The caller owns what a scan gives: it must not be the bytes that the next search finds in the cache.
    for (const { children } of read.getChild("vector")!.data) (children[0]!.values as Float32Array).fill(0);
    expect(await search()).toEqual(before);
  });
});

describe("an index search", () => {
  const COUNT = 6000;
  const PARTITIONS = 32;
  const counting = createCountingStore(createMemoryStore());
  let dataset: Dataset;

  beforeAll(async () => {
    dataset = await writeDataset(createRows(COUNT), counting, { schema });
    await dataset.createIndex("vector", "IVF_FLAT", { metric: "l2", numPartitions: PARTITIONS, pool: inlinePool });
  });

  const search = async (nprobes: number, open: Dataset) => {
    let statistics: ScanStatistics | undefined;
    const answer = await open.toTable({
      columns: [],
      withRowId: true,
      nearest: { column: "vector", q, k: 10, nprobes },
      scanStatsCallback: (all) => {
        statistics = all;
      },
    });
    return { ids: [...answer.getChild("_rowid")!.toArray()].map(Number), segment: statistics!.segments[0]! };
  };

  it("of 16 partitions, cold, costs four requests of the storage file and one of the index file", async () => {
    const open = await openDataset(counting);
    counting.reset();
    const { segment } = await search(16, open);
    expect(segment.partsLoaded).toBe(16);
    // The tail, the chunk tables of both columns, row ids, vectors; and an index file that is all tail.
    expect(counting.gets(/auxiliary\.idx$/).length).toBeLessThanOrEqual(4);
    expect(counting.gets(/index\.idx$/).length).toBe(1);
    counting.reset();
    expect((await search(16, open)).segment.partsLoaded).toBe(0);
    expect(counting.gets(/\.idx$/)).toEqual([]);
  });

  it("answers the same with room for one partition as with room for all", async () => {
    const wide = await search(PARTITIONS, await openDataset(counting));
    const narrow = await search(PARTITIONS, await openDataset(counting, { memoryBudgetBytes: 20_000 }));
    expect(narrow.ids).toEqual(wide.ids);
    expect(narrow.ids).toEqual(
      bruteForce(
        Array.from({ length: COUNT }, (_, id) => id),
        10,
      ).map(({ id }) => id),
    );
  });
});

describe("the cache of parts", () => {
  it("frees no part before its loader had it, however many arrive at once", async () => {
    const cache = new PartCache(150);
    const freed = new Set<number>();
    const load = (i: number) => async () => ({ byteLength: 100, free: () => void freed.add(i) });
    const leases = await Promise.all(Array.from({ length: 20 }, (_, i) => cache.lease(`${i % 10}`, load(i % 10))));
    expect(freed.size).toBe(0);
    expect(cache.bytes).toBeLessThanOrEqual(150);
    for (const lease of leases) lease.release();
    expect(freed.size).toBe(9);
  });

  it("loads again what was gone before a second caller had it", async () => {
    const cache = new PartCache(0);
    let live = 0;
    let loads = 0;
    const load = async () => {
      loads++;
      live++;
      return { byteLength: 100, free: () => void live-- };
    };
    const use = async () => {
      const lease = await cache.lease("a", load);
      expect(live).toBeGreaterThan(0);
      lease.release();
    };
    await Promise.all([use(), use(), use()]);
    expect(live).toBe(0);
    expect(loads).toBeGreaterThan(0);
  });
});
