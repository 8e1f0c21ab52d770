/**
 * npm run bench -- vector [DATA [COLUMN]] [options]
 *
 * One run over the same vectors: each vector family of lancelet as a curve of queries per second over recall@10,
 * against native LanceDB on the very same index files and on its own, hnswlib-wasm, edgevec, usearch (native), a plain
 * JavaScript loop, a loop in C and the time to read the bytes once. First one thread each, held on one core where the
 * system lets; then all cores. Each engine runs in a process of its own; rounds are interleaved and the best counts.
 *
 *   DATA              a Lance table, Parquet with a column of lists, a matrix NAME-DIMENSION.f16 or .f32, or a folder of
 *                     such (queries-… beside it are the queries); default: the bundled table (10,000 x 128)
 *   COLUMN, --column  of a table or Parquet; default: the first of lists
 *   --dimension N     of a folder's matrices; default: the largest
 *   --rows N          at most; --queries N: default 500, held out of the data where it brings none
 *   --partitions N    of IVF families; default √rows. Graphs have one
 *   --families A,B    default: all this version builds
 *   --only A,B        of ours, lancedb, lancedb-own, hnswlib-wasm, edgevec, usearch, plain-loop
 *   --rounds N        default 3; --clock cpu counts CPU time instead of elapsed: for a machine that is not idle
 *   --memory MB       of our caches; default 1,000, the others hold all in memory; the library's own default is 268
 *   --quick           less of all: under three minutes
 *   --no-pool         one thread only
 *   --json FILE       everything measured
 *
 * The peers live in a package of their own under test/bench/peers, installed at the first run; one that cannot be is
 * named. The aims at the end are ratios of this one run.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { availableParallelism, cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { installPeers } from "./support.mjs";
import { judgeAims, printAims } from "./vector/aims.mjs";
import { findFrontier } from "./vector/curve.mjs";
import { loadData } from "./vector/data.mjs";
import { describePinning } from "./vector/engine-process.mjs";
import { findExact } from "./vector/exact.mjs";
import { measureC, measureStream } from "./vector/limits.mjs";
import { measureCurves, measureThroughput } from "./vector/measure.mjs";
import { readOptions } from "./vector/options.mjs";
import { listVectorFamilies } from "./vector/ours.mjs";
import { printBuilds, printCurves, printFlat, printRatios, printReads, printSkipped } from "./vector/report.mjs";
import { preparePool, prepareSubjects } from "./vector/subjects.mjs";
import { countFragmentRows, writeTable } from "./vector/tables.mjs";

const K = 10;
const CHUNK = 20;
const TINY_ROWS = 2000;
const READ_QUERIES = 20;

const run = readOptions(process.argv.slice(3));
installPeers();
const work = mkdtempSync(join(tmpdir(), "lancelet-bench-"));
const engines = [];
process.once("SIGINT", () => process.exit(130));
process.once("SIGTERM", () => process.exit(143));
process.once("exit", () => rmSync(work, { recursive: true, force: true }));
await main();
for (const engine of engines) await engine.close();
process.exit(0);

async function main() {
  const data = await loadData(run.path, run);
  const rows = data.vectors.length / data.dimension;
  const numQueries = data.queries.length / data.dimension;
  const size = `${rows} rows x ${data.dimension} f32 = ${(data.vectors.byteLength / 1e6).toFixed(1)} MB`;
  console.log(`${data.name}: ${size}; ${numQueries} queries, ${K} nearest by l2`);
  console.log(
    `${cpus()[0]?.model}, ${availableParallelism()} cores, Node ${process.version}; our caches may hold ${run.memoryBudgetBytes / 1e6} MB`,
  );
  report("the exact neighbours");
  const exact = findExact({ ...data, k: K });
  const job = await writeInputs(data, rows);
  const limits = { stream: measureStream(data.vectors.byteLength), c: measureC({ ...job }) };
  const families = run.families ?? (await listVectorFamilies(job.base));

  const context = { ...run, job, families, report };
  const { subjects, skipped, ...one } = await prepareSubjects(context);
  engines.push(...one.engines);
  const options = { ...run, exact, k: K, chunk: CHUNK, report };
  await measureCurves(subjects, options);
  for (const { points } of subjects) for (const point of findFrontier(points)) point.frontier = true;
  await measureReads(subjects);
  report("");
  const timed = run.clock === "cpu" ? "queries per second of CPU time" : "queries per second";
  printFlat(subjects, limits);
  printCurves(`Search, one thread, ${describePinning()}: ${timed}`, withIndex(subjects));
  printRatios(withIndex(subjects));
  printReads(subjects);

  let pooled;
  if (run.pool) {
    const workers = Math.min(availableParallelism(), 4);
    pooled = await preparePool(context, subjects, workers);
    engines.push(...pooled.engines);
    skipped.push(...pooled.skipped);
    report("all cores");
    await measureThroughput(pooled.subjects, { ...options, rounds: 2, inFlight: 2 * workers });
    report("");
    printCurves(`Search, ${workers} workers or threads, ${2 * workers} queries in flight`, pooled.subjects);
    printBuilds(pooled.subjects, workers);
  }
  const aims = judgeAims({ subjects, limits, vectorBytes: data.vectors.byteLength });
  printAims(aims);
  printSkipped(skipped, subjects);
  if (run.json) writeJson({ data, rows, numQueries, limits, subjects, pooled, aims, skipped });
}

function withIndex(subjects) {
  return subjects.filter(({ family }) => family !== "no index");
}

async function writeInputs({ vectors, queries, dimension }, rows) {
  report("the table");
  const job = {
    work,
    base: join(work, "base.lance"),
    tiny: join(work, "tiny.lance"),
    vectors: join(work, "vectors.f32"),
    queries: join(work, "queries.f32"),
    rows,
    dimension,
    k: K,
    fragmentRows: countFragmentRows(rows),
    memoryBudgetBytes: run.memoryBudgetBytes,
  };
  writeFileSync(job.vectors, vectors);
  writeFileSync(job.queries, queries);
  await writeTable(job.base, { vectors, dimension });
  await writeTable(job.tiny, { vectors: vectors.subarray(0, TINY_ROWS * dimension), dimension });
  return job;
}

async function measureReads(subjects) {
  for (const subject of subjects) {
    if (!subject.readSetting || subject.points.length === 0) continue;
    report(`reads of ${subject.family} by ${subject.label}`);
    const request = { index: subject.index, setting: subject.readSetting, count: READ_QUERIES };
    subject.reads = await subject.engine.call("reads", request).catch(() => undefined);
  }
}

function writeJson({ data, rows, numQueries, limits, subjects, pooled, aims, skipped }) {
  const plain = ({ engine, settings, ...rest }) => ({ ...rest, version: engine.version });
  const result = {
    data: { name: data.name, rows, dimension: data.dimension, queries: numQueries, k: K },
    machine: { processor: cpus()[0]?.model, cores: availableParallelism(), node: process.version, clock: run.clock },
    limitsMs: limits,
    oneThread: subjects.map(plain),
    allCores: pooled?.subjects.map(plain),
    aims,
    skipped,
  };
  writeFileSync(run.json, `${JSON.stringify(result, null, 2)}\n`);
  console.log(`written: ${run.json}`);
}

/** What goes on, on a terminal only. */
function report(text) {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text ? `… ${text}` : ""}`);
  else if (process.env.BENCH_PROGRESS && text) process.stderr.write(`… ${text}\n`);
}
