/**
 * npm run bench -- vector [TABLE [COLUMN]] [--rows N]
 *
 * One run, side by side, as ratios: a flat scan of the stored column against streaming the same bytes through memory
 * (the limit) and against a plain JavaScript loop; an index build with two workers against one; IVF_FLAT queries per
 * second at recall@10 >= 0.95 against brute force.
 *
 *   TABLE     a Lance table with a column of fixed-size lists of f32; default the bundled one (10,000 x 128, 5 MB)
 *   COLUMN    default "vector"
 *   --rows N  a table of N rows in 8 fragments, made of TABLE's vectors, each moved a little: shows how figures change
 *             once the column outgrows the processor's cache (some 30 MB) and the dataset's cache of file ranges (64 MiB)
 */
import { cpSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { Field, FixedSizeList, Float32, makeData, RecordBatch, Schema, Struct, Table } from "apache-arrow";
import { compileStream } from "./stream.mjs";
import { createRandom, line, loadPackage, root, time } from "./support.mjs";

const { clearGlobalPool, createPool, openDataset, writeDataset } = await loadPackage();

const K = 10;
const QUERIES = 100;
const WANTED_RECALL = 0.95;
const SYNTHETIC_FRAGMENTS = 8;
const { positionals, values: flags } = parseArgs({
  args: process.argv.slice(3),
  allowPositionals: true,
  options: { rows: { type: "string" } },
});
const table = positionals[0] ?? join(root, "web/public/packages.lance");
const column = positionals[1] ?? "vector";

const work = mkdtempSync(join(tmpdir(), "lancelet-bench-"));
try {
  const path = join(work, "table.lance");
  await prepareTable(path);
  const dataset = await openDataset(path);
  const vectors = await readVectors(dataset);
  const megabytes = vectors.values.byteLength / 1e6;
  const size = `${vectors.rows} rows x ${vectors.dimension} f32 = ${megabytes.toFixed(1)} MB`;
  console.log(
    `${flags.rows ? `made of ${table}` : table}\n${size}, ${dataset.fragmentIds.length} fragments, ${K} nearest\n`,
  );
  const queries = pickQueries(vectors);
  await benchScan(path, vectors, queries[0]);
  await dataset.close();
  const numPartitions = Math.round(Math.sqrt(vectors.rows));
  await benchBuild(path, "its default partitions", {});
  await benchBuild(path, `${numPartitions} partitions`, { numPartitions });
  await benchSearch(path, vectors, queries, numPartitions);
} finally {
  await clearGlobalPool();
  rmSync(work, { recursive: true, force: true });
}

async function prepareTable(path) {
  if (flags.rows === undefined) {
    cpSync(table, path, { recursive: true });
    rmSync(join(path, "_indices"), { recursive: true, force: true });
    return;
  }
  const numRows = Number(flags.rows);
  if (!Number.isSafeInteger(numRows) || numRows < SYNTHETIC_FRAGMENTS) {
    throw new Error(`--rows: expected a whole number from ${SYNTHETIC_FRAGMENTS}, received ${flags.rows}`);
  }
  const source = await openDataset(table);
  const { values, dimension } = await readVectors(source);
  await source.close();
  const random = createRandom(1);
  const fragmentRows = Math.ceil(numRows / SYNTHETIC_FRAGMENTS);
  const item = new Field("item", new Float32(), true);
  const schema = new Schema([new Field(column, new FixedSizeList(dimension, item), false)]);
  for (let start = 0; start < numRows; start += fragmentRows) {
    const length = Math.min(fragmentRows, numRows - start);
    const data = Float32Array.from({ length: length * dimension }, (_, i) => {
      return values[(start * dimension + i) % values.length] + (random() - 0.5) * 0.1;
    });
    const child = makeData({ type: item.type, length: data.length, nullCount: 0, data });
    const lists = makeData({ type: schema.fields[0].type, length, nullCount: 0, child });
    const struct = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [lists] });
    const rows = new Table([new RecordBatch(schema, struct)]);
    const made = await writeDataset(rows, path, { mode: start === 0 ? "create" : "append" });
    await made.close();
  }
}

async function readVectors(dataset) {
  const read = await dataset.scanner({ columns: [column] }).toTable();
  const dimension = read.getChild(column).type.listSize;
  const chunks = read
    .getChild(column)
    .data.map(({ children, length }) => children[0].values.subarray(0, length * dimension));
  const values = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    values.set(chunk, at);
    at += chunk.length;
  }
  return { values, dimension, rows: values.length / dimension };
}

/** Rows of the table moved a little, so that no query equals a row. */
function pickQueries({ values, dimension, rows }) {
  const random = createRandom(20261121);
  return Array.from({ length: QUERIES }, () => {
    const at = Math.floor(random() * rows) * dimension;
    return values.slice(at, at + dimension).map((value) => value + (random() - 0.5) * 0.02);
  });
}

/** The plain loop: squared distances of every row, over one array in memory. */
function measureRows({ values, dimension, rows }, q, distances) {
  for (let row = 0, at = 0; row < rows; row++) {
    let sum = 0;
    for (let d = 0; d < dimension; d++, at++) {
      const difference = values[at] - q[d];
      sum += difference * difference;
    }
    distances[row] = sum;
  }
}

async function benchScan(path, vectors, q) {
  const bytes = vectors.values.byteLength;
  const distances = new Float32Array(vectors.rows);
  const stream = await time(30, compileStream(bytes));
  const loop = await time(15, () => measureRows(vectors, q, distances));
  const runs = bytes > 32e6 ? 10 : 60;
  const scan = async (options) => {
    const dataset = await openDataset(path, options);
    const question = { columns: [], withRowId: true, nearest: { column, q, k: K, useIndex: false } };
    const least = await time(runs, () => dataset.scanner(question).toTable());
    await dataset.close();
    return least;
  };
  const inline = await scan({});
  // Twice the bytes: a range above half of the cache is not kept.
  const kept = await scan({ cacheBytes: 2 * bytes + 64e6, memoryBudgetBytes: 8 * bytes + 256e6 });
  const pool = createPool({ numWorkers: 2 });
  const shared = await scan({ pool, memoryBudgetBytes: 8 * bytes + 256e6 });
  await pool.close();
  console.log("Flat scan of the stored column, reading, decoding and top-k included");
  line("the limit: the same bytes read once, front to back", stream, stream);
  line("lancelet, calling thread, file ranges kept (cacheBytes)", kept, stream);
  line("lancelet, 2 workers, file ranges kept (memoryBudgetBytes)", shared, stream);
  line("lancelet, calling thread, default cache of 64 MiB", inline, stream);
  line("plain JavaScript loop over one array in memory", loop, stream);
  console.log(
    bytes > 32e6
      ? "  The bytes outgrow most processors' caches: the limit is that of memory.\n"
      : "  The bytes may fit the processor's cache, for all four alike: the limit is then the cache's, not memory's.\n",
  );
}

async function benchBuild(path, name, params) {
  const times = {};
  for (const numWorkers of [1, 2]) {
    const pool = createPool({ numWorkers });
    const dataset = await openDataset(path, { pool });
    const options = { name: "bench", metric: "l2", numWorkers, ...params };
    times[numWorkers] = await time(3, () => dataset.createIndex(column, "IVF_FLAT", options));
    await dataset.close();
    await pool.close();
  }
  console.log(`IVF_FLAT build, l2, ${name}: training, segments and commit, workers running`);
  line("2 workers, 2 segments", times[2], times[2]);
  line("1 worker, 1 segment", times[1], times[2]);
  console.log();
}

async function benchSearch(path, vectors, queries, numPartitions) {
  const dataset = await openDataset(path);
  const read = await dataset.scanner({ columns: [], withRowAddress: true }).toTable();
  const addresses = read.getChild("_rowaddr").toArray();
  const distances = new Float32Array(vectors.rows);
  const expected = queries.map((q) => {
    measureRows(vectors, q, distances);
    const order = Array.from(distances.keys()).sort((a, b) => distances[a] - distances[b]);
    return new Set(order.slice(0, K).map((row) => addresses[row]));
  });
  const search = (q, nearest) => {
    const options = { columns: [], withRowAddress: true, nearest: { column, q, k: K, metric: "l2", ...nearest } };
    return dataset.scanner(options).toTable();
  };
  const measure = async (nearest) => {
    let found = 0;
    for (const [i, q] of queries.entries()) {
      for (const address of (await search(q, nearest)).getChild("_rowaddr").toArray()) {
        if (expected[i].has(address)) found++;
      }
    }
    const all = async () => {
      for (const q of queries) await search(q, nearest);
    };
    return { milliseconds: (await time(3, all)) / queries.length, recall: found / (K * queries.length) };
  };
  const brute = await measure({ useIndex: false });
  let [below, best] = [0, undefined];
  // Twice as many until it is enough, then the least number between.
  for (let nprobes = 1; !best; nprobes = Math.min(numPartitions, nprobes * 2)) {
    const measured = await measure({ nprobes });
    if (measured.recall >= WANTED_RECALL || nprobes === numPartitions) best = { ...measured, nprobes };
    else below = nprobes;
  }
  while (best.nprobes - below > 1) {
    const nprobes = (below + best.nprobes) >> 1;
    const measured = await measure({ nprobes });
    if (measured.recall >= WANTED_RECALL) best = { ...measured, nprobes };
    else below = nprobes;
  }
  const describe = ({ milliseconds, recall }) =>
    `recall ${recall.toFixed(3)}, ${(1000 / milliseconds).toFixed(0)} queries/s`;
  console.log(
    `IVF_FLAT search, ${numPartitions} partitions in 2 segments, calling thread, recall@${K} >= ${WANTED_RECALL}`,
  );
  line(`nprobes ${best.nprobes} (${describe(best)})`, best.milliseconds, best.milliseconds);
  line(`brute force (${describe(brute)})`, brute.milliseconds, best.milliseconds);
  await dataset.close();
}
