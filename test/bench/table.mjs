/**
 * npm run bench -- table [PARQUET]
 *
 * A table in one run, one thread each unless said, as ratios: scan of all columns, of one, take of 1,000 random rows,
 * ingest and bytes on disk, ours against native LanceDB on the same rows and against the Parquet twin read by hyparquet
 * and duckdb-wasm; then the requests and bytes of a cold open over HTTP.
 *
 *   PARQUET  default: a twin of the bundled table's text columns (10,000 rows), made here
 *
 * The peers live in a package of their own under test/bench/peers, installed at the first run.
 */
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Table, tableFromIPC, tableToIPC } from "apache-arrow";
import { createRandom, installPeers, line, loadPackage, peers, root, time } from "./support.mjs";
import { serveCounted } from "./vector/http-reads.mjs";

const REPEAT = 5;
const TAKE_ROWS = 1000;
const VERSIONS = ["2.1", "2.2"];
/** One I/O thread as well would never end: native waits for itself. */
const ONE_THREAD = { LANCE_CPU_THREADS: "1", TOKIO_WORKER_THREADS: "1", RAYON_NUM_THREADS: "1" };
const NATIVE_TIMEOUT_MS = 300_000;

installPeers();
const { openDuck, readWithHyparquet } = await import(join(peers, "parquet.mjs"));
const { openDataset, writeDataset } = await loadPackage();

const work = mkdtempSync(join(tmpdir(), "lancelet-bench-"));
try {
  const duck = await openDuck();
  const parquet = process.argv[3] ? new Uint8Array(readFileSync(process.argv[3])) : await makeTwin(duck);
  duck.load(parquet);
  const ipc = duck.read();
  const data = tableFromIPC(ipc);
  const ipcPath = join(work, "rows.arrow");
  writeFileSync(ipcPath, ipc);
  const random = createRandom(7);
  const takes = Array.from({ length: TAKE_ROWS }, () => Math.floor(random() * data.numRows));
  const column = widestColumn(data);
  console.log(
    `${process.argv[3] ?? "The bundled table's text"}: ${data.numRows} rows, ${data.numCols} columns, ${(ipc.length / 1e6).toFixed(1)} MB as Arrow; one column = "${column}"`,
  );
  const parquetTimes = await measureParquet(duck, parquet, column);
  for (const version of VERSIONS) await compare({ version, data, ipcPath, takes, column, parquetTimes, parquet });
  await benchRemote(join(work, `ours-${VERSIONS[0]}`));
} finally {
  rmSync(work, { recursive: true, force: true });
}

async function makeTwin(duck) {
  const bundled = await openDataset(join(root, "web/public/packages.lance"));
  const columns = bundled.schema.fields.map((field) => field.name).filter((name) => name !== "vector");
  const rows = await bundled.scanner({ columns }).toTable();
  await bundled.close();
  return duck.write(tableToIPC(new Table(rows.batches), "stream"));
}

/** The column with most bytes. */
function widestColumn(data) {
  const bytes = (name) => data.getChild(name).data.reduce((sum, chunk) => sum + chunk.byteLength, 0);
  return data.schema.fields
    .map((field) => field.name)
    .reduce((best, name) => (bytes(name) > bytes(best) ? name : best));
}

async function measureParquet(duck, parquet, column) {
  return {
    hyparquetAll: await time(REPEAT, () => readWithHyparquet(parquet)),
    hyparquetColumn: await time(REPEAT, () => readWithHyparquet(parquet, [column])),
    duckAll: await time(REPEAT, () => duck.read()),
    duckColumn: await time(REPEAT, () => duck.read(`"${column}"`)),
  };
}

function runNative(job, env) {
  const path = join(work, "job.json");
  writeFileSync(path, JSON.stringify(job));
  const output = execFileSync(process.execPath, [join(peers, "native.mjs"), path], {
    env: { ...process.env, ...env },
    encoding: "utf8",
    timeout: NATIVE_TIMEOUT_MS,
    stdio: ["ignore", "pipe", "ignore"],
  });
  return JSON.parse(output.trim().split("\n").at(-1));
}

async function measureOurs({ version, data, takes, column }) {
  const path = join(work, `ours-${version}`);
  const ingest = await time(REPEAT, async () => {
    rmSync(path, { recursive: true, force: true });
    const dataset = await writeDataset(data, path, { dataStorageVersion: version });
    await dataset.close();
  });
  const measure = async (run) => {
    // A handle of its own for each run: nothing is kept from the one before.
    return time(REPEAT, async () => {
      const dataset = await openDataset(path);
      await run(dataset);
      await dataset.close();
    });
  };
  const scan = async (dataset, options) => {
    let rows = 0;
    for await (const batch of dataset.scanner(options).toBatches()) rows += batch.numRows;
    if (rows !== data.numRows) throw new Error(`scanned ${rows} of ${data.numRows} rows`);
  };
  const held = await openDataset(path);
  const result = {
    ingest,
    scanAll: await measure((dataset) => scan(dataset, {})),
    scanColumn: await measure((dataset) => scan(dataset, { columns: [column] })),
    takeCold: await measure((dataset) => dataset.take(takes)),
    take: await time(REPEAT, () => held.take(takes)),
  };
  await held.close();
  return result;
}

async function compare({ version, data, ipcPath, takes, column, parquetTimes, parquet }) {
  const folder = join(work, `native-${version}`);
  const job = { ipc: ipcPath, folder, version, repeat: REPEAT, takes, column };
  const threads = runNative(job, {});
  const native = runNative(job, ONE_THREAD);
  const ours = await measureOurs({ version, data, takes, column });
  console.log(`\nLance ${version}`);
  const compareTimes = (title, base, rows) => {
    console.log(title);
    for (const [name, milliseconds] of rows) line(name, milliseconds, base);
  };
  compareTimes("Scan of all columns", ours.scanAll, [
    ["lancelet, opened anew", ours.scanAll],
    ["native LanceDB, one thread", native.scanAll],
    ["native LanceDB, its own choice of threads", threads.scanAll],
    ["hyparquet, the Parquet twin in memory", parquetTimes.hyparquetAll],
    ["duckdb-wasm, the Parquet twin in memory, to Arrow", parquetTimes.duckAll],
  ]);
  compareTimes(`Scan of "${column}"`, ours.scanColumn, [
    ["lancelet, opened anew", ours.scanColumn],
    ["native LanceDB, one thread", native.scanColumn],
    ["hyparquet", parquetTimes.hyparquetColumn],
    ["duckdb-wasm", parquetTimes.duckColumn],
  ]);
  compareTimes(`take of ${TAKE_ROWS} random rows, all columns`, ours.take, [
    ["lancelet", ours.take],
    ["lancelet, opened anew", ours.takeCold],
    ["native LanceDB, one thread", native.take],
  ]);
  compareTimes("Ingest of the Arrow table, commit included", ours.ingest, [
    ["lancelet", ours.ingest],
    ["native LanceDB, one thread", native.ingest],
    ["native LanceDB, its own choice of threads", threads.ingest],
  ]);
  const oursBytes = dataBytes(join(work, `ours-${version}`));
  const nativeBytes = dataBytes(newestNative(join(folder, "native.lance")));
  console.log("Bytes of the data files");
  for (const [name, bytes] of [
    ["lancelet", oursBytes],
    ["native LanceDB", nativeBytes],
    ["Parquet twin", parquet.length],
  ]) {
    console.log(
      `  ${name.padEnd(62)} ${(bytes / 1e6).toFixed(2).padStart(9)} MB ${(bytes / oursBytes).toFixed(2).padStart(7)} x`,
    );
  }
}

function dataBytes(table) {
  const names = Array.isArray(table)
    ? table
    : readdirSync(join(table, "data")).map((name) => join(table, "data", name));
  return names.reduce((sum, name) => sum + statSync(name).size, 0);
}

/** Each overwrite left a file: the newest is the last version's. */
function newestNative(table) {
  const names = readdirSync(join(table, "data")).map((name) => join(table, "data", name));
  return [names.reduce((a, b) => (statSync(b).mtimeMs > statSync(a).mtimeMs ? b : a))];
}

/** A cold open and one row by address, over a server that counts. */
async function benchRemote(folder) {
  const server = await serveCounted(folder);
  console.log("\nCold open over HTTP, and one row by address, all columns");
  for (const [name, options] of [
    ["version found", {}],
    ["version pinned", { version: 1 }],
  ]) {
    server.log.length = 0;
    const dataset = await openDataset(server.url, options);
    await dataset.take([4321 % (await dataset.countRows())]);
    await dataset.close();
    const bytes = server.log.reduce((sum, each) => sum + each, 0);
    console.log(
      `  ${name.padEnd(62)} ${String(server.log.length).padStart(9)} requests, ${(bytes / 1000).toFixed(0)} KB, largest ${(Math.max(...server.log) / 1000).toFixed(0)} KB`,
    );
  }
  await server.close();
}
