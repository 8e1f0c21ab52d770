/** lancelet, as users get it: the built package, on files. One thread: no pool. Else a pool of workers searches. */
import { rmSync } from "node:fs";
import { join } from "node:path";
import { loadPackage } from "../support.mjs";
import { measureHttpReads } from "./http-reads.mjs";
import { addressesToRows, cloneTable, countIndexBytes } from "./tables.mjs";

const COLUMN = "vector";

export async function createEngine({ base, tiny, k, fragmentRows, workers, memoryBudgetBytes }) {
  const { createPool, openDataset } = await loadPackage();
  const budget = { memoryBudgetBytes };
  const pool = workers > 1 ? createPool({ numWorkers: workers }) : undefined;
  const opened = new Map();
  const open = async ({ path, openOptions }) => {
    const key = JSON.stringify([path, openOptions]);
    if (!opened.has(key))
      opened.set(key, await openDataset(path, { ...budget, ...(pool ? { pool } : {}), ...openOptions }));
    return opened.get(key);
  };
  const ask = (q, setting) => ({
    columns: [],
    withRowAddress: true,
    nearest: { column: COLUMN, q, k, ...setting },
    ...(pool ? { pool } : {}),
  });
  return {
    version: "this checkout",
    async build({ path, family, params, buildWorkers = 1 }) {
      cloneTable(base, path);
      const builders = createPool({ numWorkers: buildWorkers });
      // Workers are up and their kernels compiled before the clock starts: a build of a small table sees to that.
      const warmUp = `${path}-warm-up`;
      cloneTable(tiny, warmUp);
      await buildIndex(warmUp, { family, params: { ...params, numPartitions: 1 } });
      rmSync(warmUp, { recursive: true });
      const cpu = process.cpuUsage();
      const start = performance.now();
      await buildIndex(path, { family, params });
      const seconds = (performance.now() - start) / 1000;
      const { user, system } = process.cpuUsage(cpu);
      await builders.close();
      return { seconds, cpuSeconds: (user + system) / 1e6, bytes: countIndexBytes(path) };

      async function buildIndex(table, index) {
        const dataset = await openDataset(table, { ...budget, pool: builders });
        await dataset.createIndex(COLUMN, index.family, { metric: "l2", ...index.params });
        await dataset.close();
      }
    },
    async search(index, setting, q) {
      const table = await (await open(index)).scanner(ask(q, setting)).toTable();
      return addressesToRows(table.getChild("_rowaddr").toArray(), fragmentRows);
    },
    async measureReads({ path }, setting, queries) {
      return measureHttpReads(path, {
        queries,
        open: (url) => openDataset(url, budget),
        ask: (dataset, q) => dataset.scanner(ask(q, setting)).toTable(),
        close: (dataset) => dataset.close(),
      });
    },
    async close() {
      for (const dataset of opened.values()) await dataset.close();
      await pool?.close();
    },
  };
}

/** Index types this version builds: asked of the library itself, so that a new family joins by itself. */
export async function listVectorFamilies(folder) {
  const { openDataset } = await loadPackage();
  const dataset = await openDataset(folder);
  try {
    await dataset.createIndex(COLUMN, "NO_SUCH_TYPE");
  } catch (error) {
    const expected = error.details?.expected;
    if (error.code === "UNSUPPORTED" && Array.isArray(expected)) return expected.filter((type) => /^IVF_/.test(type));
    throw error;
  } finally {
    await dataset.close();
  }
  throw new Error(`${join(folder)}: an index of no type was built`);
}
