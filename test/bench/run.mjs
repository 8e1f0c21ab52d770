/**
 * npm run bench [-- TABLE [COLUMN]]
 *
 * One run, side by side, as ratios: a flat scan against a plain JavaScript loop and against streaming the same bytes
 * through memory; an index build with two workers against one; IVF_FLAT queries per second at recall@10 >= 0.95 against
 * brute force. TABLE defaults to the bundled one. Nothing here is a test: machines differ, ratios less so.
 */
import { execFileSync } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = join(root, "dist/node.js");
if (!existsSync(entry)) execFileSync("npm", ["run", "build"], { cwd: root, stdio: "inherit" });
const { clearGlobalPool, createPool, openDataset } = await import(entry);

const K = 10;
const QUERIES = 100;
const table = process.argv[2] ?? join(root, "web/public/packages.lance");
const column = process.argv[3] ?? "vector";

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];
/** Median milliseconds of `repeat` runs after one to warm up. */
async function time(repeat, run) {
  await run();
  const times = [];
  for (let i = 0; i < repeat; i++) {
    const start = performance.now();
    await run();
    times.push(performance.now() - start);
  }
  return median(times);
}
function overlap(got, wanted) {
  const set = new Set(wanted);
  return got.reduce((count, address) => count + (set.has(address) ? 1 : 0), 0);
}
const line = (name, milliseconds, base) =>
  console.log(
    `  ${name.padEnd(46)} ${milliseconds.toFixed(2).padStart(10)} ms   ${(milliseconds / base).toFixed(2).padStart(7)} x`,
  );

const work = mkdtempSync(join(tmpdir(), "lancelet-bench-"));
try {
  const path = join(work, "table.lance");
  cpSync(table, path, { recursive: true });
  rmSync(join(path, "_indices"), { recursive: true, force: true });
  const dataset = await openDataset(path);
  const vectors = await readVectors(dataset);
  console.log(
    `${table}: ${vectors.rows} rows x ${vectors.dimension} f32, ${dataset.fragmentIds.length} fragments, ${K} nearest\n`,
  );
  const queries = pickQueries(vectors);
  await benchScan(dataset, vectors, queries);
  const recallAgainst = queries.map((q) => bruteForce(vectors, q));
  await benchBuild(path);
  await benchSearch(path, queries, recallAgainst);
  await dataset.close();
} finally {
  await clearGlobalPool();
  rmSync(work, { recursive: true, force: true });
}

async function readVectors(dataset) {
  const read = await dataset.scanner({ columns: [column] }).toTable();
  const chunks = read
    .getChild(column)
    .data.map((data) => data.children[0].values.subarray(0, data.length * data.type.listSize));
  const dimension = read.getChild(column).type.listSize;
  const values = new Float32Array(chunks.reduce((sum, chunk) => sum + chunk.length, 0));
  let at = 0;
  for (const chunk of chunks) {
    values.set(chunk, at);
    at += chunk.length;
  }
  return { values, dimension, rows: values.length / dimension };
}

/** Rows of the table moved a little, so that no query equals a row. Seeded. */
function pickQueries({ values, dimension, rows }) {
  let seed = 20261121;
  const random = () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
  return Array.from({ length: QUERIES }, () => {
    const at = Math.floor(random() * rows) * dimension;
    return values.slice(at, at + dimension).map((value) => value + (random() - 0.5) * 0.02);
  });
}

function bruteForce({ values, dimension, rows }, q) {
  const distances = new Float32Array(rows);
  for (let row = 0; row < rows; row++) {
    let sum = 0;
    for (let d = 0, at = row * dimension; d < dimension; d++, at++) {
      const difference = values[at] - q[d];
      sum += difference * difference;
    }
    distances[row] = sum;
  }
  return Array.from(distances.keys())
    .sort((a, b) => distances[a] - distances[b])
    .slice(0, K);
}

async function benchScan(dataset, vectors, queries) {
  const { values, dimension, rows } = vectors;
  const q = queries[0];
  const distances = new Float32Array(rows);
  const loop = await time(15, () => {
    for (let row = 0; row < rows; row++) {
      let sum = 0;
      for (let d = 0, at = row * dimension; d < dimension; d++, at++) {
        const difference = values[at] - q[d];
        sum += difference * difference;
      }
      distances[row] = sum;
    }
  });
  const target = new Float32Array(values.length);
  const copy = await time(15, () => target.set(values));
  const scan = await time(15, () =>
    dataset.scanner({ columns: [], withRowId: true, nearest: { column, q, k: K, useIndex: false } }).toTable(),
  );
  console.log("Flat scan of the stored column, one thread (reading, decoding and top-k included)");
  line("streaming the same bytes through memory", copy, copy);
  line("lancelet", scan, copy);
  line("plain JavaScript loop over an array in memory", loop, copy);
  console.log();
}

async function benchBuild(path) {
  console.log("IVF_FLAT build, l2");
  const times = {};
  for (const numWorkers of [1, 2]) {
    const pool = createPool({ numWorkers });
    const dataset = await openDataset(path, { pool });
    times[numWorkers] = await time(2, () =>
      dataset.createIndex(column, "IVF_FLAT", { name: "bench", metric: "l2", numWorkers }),
    );
    await dataset.close();
    await pool.close();
  }
  line("1 worker, 1 segment", times[1], times[2]);
  line("2 workers, 2 segments", times[2], times[2]);
  console.log();
}

async function benchSearch(path, queries, expected) {
  const dataset = await openDataset(path);
  const run = async (nearest, compare) => {
    let found = 0;
    const start = performance.now();
    for (const [i, q] of queries.entries()) {
      const answer = await dataset
        .scanner({ columns: [], withRowAddress: true, nearest: { column, q, k: K, metric: "l2", ...nearest } })
        .toTable();
      if (compare) found += overlap(answer.getChild("_rowaddr").toArray(), compare[i]);
    }
    return { milliseconds: (performance.now() - start) / queries.length, recall: found / (K * queries.length) };
  };
  const addresses = await rowAddresses(dataset);
  const wanted = expected.map((rows) => rows.map((row) => addresses[row]));
  await run({ useIndex: false });
  const flat = await run({ useIndex: false }, wanted);
  let best;
  for (let nprobes = 1; nprobes <= 1024 && !best; nprobes *= 2) {
    await run({ nprobes });
    const measured = await run({ nprobes }, wanted);
    if (measured.recall >= 0.95) best = { ...measured, nprobes };
  }
  console.log(`IVF_FLAT search, one thread, recall@${K} >= 0.95`);
  line(
    `brute force (recall ${flat.recall.toFixed(3)}, ${(1000 / flat.milliseconds).toFixed(0)} queries/s)`,
    flat.milliseconds,
    best.milliseconds,
  );
  line(
    `nprobes ${best.nprobes} (recall ${best.recall.toFixed(3)}, ${(1000 / best.milliseconds).toFixed(0)} queries/s)`,
    best.milliseconds,
    best.milliseconds,
  );
  await dataset.close();
}

async function rowAddresses(dataset) {
  const read = await dataset.scanner({ columns: [], withRowAddress: true }).toTable();
  return read.getChild("_rowaddr").toArray();
}
