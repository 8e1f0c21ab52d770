/** Native LanceDB on index files of ours, or on its own. */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { basename, dirname, join } from "node:path";
import { connect, Index } from "@lancedb/lancedb";
import { summarizeReads } from "../../vector/http-reads.mjs";
import { addressesToRows, cloneTable, countIndexBytes } from "../../vector/tables.mjs";

const COLUMN = "vector";
const KINDS = {
  IVF_FLAT: "ivfFlat",
  IVF_SQ: "ivfSq",
  IVF_PQ: "ivfPq",
  IVF_RQ: "ivfRq",
  IVF_HNSW_FLAT: "hnswFlat",
  IVF_HNSW_SQ: "hnswSq",
  IVF_HNSW_PQ: "hnswPq",
};

export async function createEngine({ base, k, fragmentRows }) {
  const require = createRequire(import.meta.url);
  const main = require.resolve("@lancedb/lancedb");
  const { version } = JSON.parse(readFileSync(join(dirname(main), "../package.json"), "utf8"));
  const opened = new Map();
  const open = async (path) => {
    if (!opened.has(path)) {
      const database = await connect(dirname(path));
      opened.set(path, await database.openTable(basename(path, ".lance")));
    }
    return opened.get(path);
  };
  const ask = (table, { nprobes, refineFactor, ef, useIndex }, query) => {
    let search = table.query().nearestTo(query).column(COLUMN).select(["_distance"]).withRowId().limit(k);
    if (useIndex === false) search = search.bypassVectorIndex();
    if (nprobes) search = search.nprobes(nprobes);
    if (refineFactor) search = search.refineFactor(refineFactor);
    return ef ? search.ef(ef) : search;
  };
  return {
    version,
    async build({ path, family, params }) {
      const kind = KINDS[family];
      if (!Index[kind]) throw new Error(`LanceDB's client builds no ${family}`);
      cloneTable(base, path);
      const table = await open(path);
      await table.createIndex(COLUMN, { config: Index[kind]({ distanceType: "l2", ...params }) });
      await table.waitForIndex([`${COLUMN}_idx`], 60);
      return { bytes: countIndexBytes(path) };
    },
    async search({ path }, setting, query) {
      const answer = await ask(await open(path), setting, query).toArrow();
      return addressesToRows(answer.getChild("_rowid").toArray(), fragmentRows);
    },
    /** As its own plans count them. */
    async measureReads({ path }, setting, queries) {
      const database = await connect(dirname(path));
      const table = await database.openTable(basename(path, ".lance"));
      const counts = [];
      for (const query of queries) {
        const plan = await ask(table, setting, query).analyzePlan();
        const sum = (name) => [...plan.matchAll(new RegExp(`\\b${name}=([\\d.]+) ?(\\w*)`, "g"))].reduce(add, 0);
        counts.push({ reads: sum("iops"), bytes: sum("bytes_read") });
      }
      return summarizeReads(counts);
    },
  };
}

/** Plans print 1.5 K for 1,500 and 2.0 MB for bytes. */
function add(sum, [, value, unit]) {
  const scale = { K: 1e3, M: 1e6, KB: 1e3, MB: 1e6, GB: 1e9 }[unit] ?? 1;
  return sum + Number(value) * scale;
}
