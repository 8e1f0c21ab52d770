/**
 * Native LanceDB in a process of its own, so that its threads can be limited: `node native.mjs JOB.json` prints its
 * times as JSON. The job: { ipc, folder, version, repeat, takes: number[], column }.
 */
import { readFileSync } from "node:fs";
import { connect } from "@lancedb/lancedb";
import { tableFromIPC } from "apache-arrow";

const job = JSON.parse(readFileSync(process.argv[2], "utf8"));
const data = tableFromIPC(readFileSync(job.ipc));
const least = async (run) => {
  await run();
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < job.repeat; i++) {
    const start = performance.now();
    await run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
};
const scan = async (query) => {
  let rows = 0;
  for await (const batch of query) rows += batch.numRows;
  return rows;
};

const db = await connect(job.folder);
const storageOptions = { new_table_data_storage_version: job.version };
const ingest = await least(() => db.createTable("native", data, { mode: "overwrite", storageOptions }));
const table = await db.openTable("native");
const expected = await table.countRows();
const rows = await scan(table.query());
if (rows !== expected) throw new Error(`native scanned ${rows} of ${expected} rows`);
const result = {
  ingest,
  scanAll: await least(() => scan(table.query())),
  scanColumn: await least(() => scan(table.query().select([job.column]))),
  take: await least(() => table.takeOffsets(job.takes).toArrow()),
};
console.log(JSON.stringify(result));
