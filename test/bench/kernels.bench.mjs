#!/usr/bin/env node
/**
 * Scans of every element type and of scalar codes, k-means and its assignment, against a plain JavaScript loop and
 * against streaming memory, the limit.
 *
 *   node test/bench/kernels.bench.mjs [rows] [dimension]
 */
import { pathToFileURL } from "node:url";
import { loadBuildKernels } from "../../src/kernels/build.ts";
import { loadCoreKernels } from "../../src/kernels/core.ts";
import { toHalf } from "../../src/kernels/element.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { compileStream } from "./stream.mjs";

/** The least of several runs: what the machine can do when nothing else asks for it. */
function measure(run, rounds = 40) {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < rounds; i++) {
    const start = performance.now();
    run();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

const jsDistance = {
  l2(query, vectors, start) {
    let sum = 0;
    for (let i = 0; i < query.length; i++) {
      const difference = query[i] - vectors[start + i];
      sum += difference * difference;
    }
    return sum;
  },
  dot(query, vectors, start) {
    let sum = 0;
    for (let i = 0; i < query.length; i++) sum += query[i] * vectors[start + i];
    return 1 - sum;
  },
  cosine(query, vectors, start) {
    let [dot, norm, queryNorm] = [0, 0, 0];
    for (let i = 0; i < query.length; i++) {
      const value = vectors[start + i];
      dot += query[i] * value;
      norm += value * value;
      queryNorm += query[i] * query[i];
    }
    return 1 - dot / Math.sqrt(norm * queryNorm);
  },
};

function scanPlain(metric, query, vectors, k) {
  const distance = jsDistance[metric];
  const best = [];
  for (let start = 0; start < vectors.length; start += query.length) {
    const found = distance(query, vectors, start);
    if (best.length < k || found < best[best.length - 1]) {
      const at = best.findIndex((other) => found < other);
      best.splice(at < 0 ? best.length : at, 0, found);
      if (best.length > k) best.pop();
    }
  }
  return best;
}

/** Scans of the same vectors in other types; bytes are their own, of as many dimensions. */
function listScans(values, query) {
  const halves = Uint16Array.from(values, toHalf);
  const codes = Uint8Array.from(values, (value) => (value + 0.5) * 255);
  const flat =
    (element, metric, q) =>
    (topK, { rows, ...shape }) =>
      topK.scanFlat({ element, metric, query: q, vectors: rows, ...shape });
  const coded =
    (q) =>
    (topK, { rows, ...shape }) =>
      topK.scanScalarCodes({ query: q, codes: rows, scale: 1, offset: 0, ...shape });
  const codeQuery = codes.slice(0, query.length);
  const doubles = () => Float64Array.from(values);
  return [
    ...["l2", "cosine", "dot"].map((metric) => ({
      name: `flat scan f16 ${metric}`,
      bytes: halves,
      scan: flat("f16", metric, query),
    })),
    { name: "flat scan f64 cosine", bytes: doubles(), scan: flat("f64", "cosine", Float64Array.from(query)) },
    { name: "flat scan u8 hamming", bytes: codes, scan: flat("u8", "hamming", codeQuery) },
    { name: "scalar codes l2", bytes: codes, scan: coded(codeQuery) },
    { name: "scalar codes dot", bytes: codes, scan: coded(query) },
  ];
}

function train(build, options) {
  const training = build.createKMeans({ metric: "l2", seed: 1, ...options });
  while (!training.done) training.step();
  training.free();
}

/** @returns rows of results: name, milliseconds, GB/s, and the ratios to the plain loop and to streaming */
export async function benchKernels({ numRows = 60_000, dimension = 384, k = 10 } = {}) {
  useTestRuntime();
  const core = await loadCoreKernels();
  const build = await loadBuildKernels();
  const values = Float32Array.from({ length: numRows * dimension }, () => Math.random() - 0.5);
  const query = values.slice(0, dimension);
  const bytes = values.byteLength;
  const vectors = core.allocate(bytes);
  vectors.bytes().set(new Uint8Array(values.buffer));
  const rowIds = core.allocate(numRows * 8);
  new BigUint64Array(rowIds.bytes().buffer, rowIds.pointer, numRows).forEach((_, i, ids) => {
    ids[i] = BigInt(i);
  });

  const streaming = measure(compileStream(bytes));
  const results = [{ name: "streaming memory", ms: streaming, "GB/s": bytes / streaming / 1e6 }];
  for (const metric of ["l2", "cosine", "dot"]) {
    const plain = measure(() => scanPlain(metric, query, values, k), 3);
    const ms = measure(() => {
      const topK = core.createTopK(k);
      topK.scanFlat({ metric, query, vectors, rowIds, numRows, dimension });
      topK.finish();
    });
    results.push({
      name: `flat scan ${metric}`,
      ms,
      "GB/s": bytes / ms / 1e6,
      "plain JS ÷ ours": plain / ms,
      "ours ÷ streaming": ms / streaming,
    });
  }
  vectors.free();
  for (const { name, bytes: view, scan } of listScans(values, query)) {
    const rows = core.allocate(view.byteLength);
    rows.bytes().set(new Uint8Array(view.buffer));
    const ms = measure(() => {
      const topK = core.createTopK(k);
      scan(topK, { rows, rowIds, numRows, dimension });
      topK.finish();
    });
    results.push({
      name,
      ms,
      "GB/s": view.byteLength / ms / 1e6,
      "ours ÷ streaming": (ms * bytes) / view.byteLength / streaming,
    });
    rows.free();
  }
  rowIds.free();

  const centroids = values.slice(0, 256 * dimension);
  const some = values.slice(0, 2000 * dimension);
  const assign = measure(() => build.assignPartitions({ vectors: some, dimension, centroids, metric: "l2" }), 5);
  const plain = measure(() => {
    for (let row = 0; row < 200; row++)
      scanPlain("l2", some.subarray(row * dimension, (row + 1) * dimension), centroids, 1);
  }, 3);
  results.push({ name: "assign 2000 vectors to 256 centroids", ms: assign, "plain JS ÷ ours": (plain * 10) / assign });
  const rows = new Uint8Array(some.buffer, 0, 2000 * 48);
  const bits = { rows, width: 48, centroids: rows.subarray(0, 256 * 48) };
  results.push({
    name: "assign 2000 rows of 384 bits to 256 centroids",
    ms: measure(() => build.assignBits(bits), 5),
  });
  for (const clusters of [64, 240, 512]) {
    const sample = values.subarray(0, Math.min(numRows, 8192) * dimension);
    results.push({
      name: `train ${clusters} centroids on ${sample.length / dimension} vectors`,
      ms: measure(() => train(build, { vectors: sample, dimension, k: clusters }), 2),
    });
  }
  const numbers = Float64Array.from({ length: 131_072 }, () => Math.random() - 0.5);
  const input = { type: "f64", values: numbers, validity: null, length: numbers.length };
  const sort = measure(() => build.sortPermutation(input), 5);
  const plainSort = measure(() => Uint32Array.from(numbers.keys()).sort((a, b) => numbers[a] - numbers[b] || a - b), 2);
  results.push({ name: "sort 131,072 f64", ms: sort, "plain JS ÷ ours": plainSort / sort });
  return results;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [rows, width] = process.argv.slice(2).map(Number);
  const results = await benchKernels({ ...(rows && { numRows: rows }), ...(width && { dimension: width }) });
  const round = (value) => (typeof value === "number" ? Number(value.toFixed(2)) : value);
  console.table(
    results.map((row) => Object.fromEntries(Object.entries(row).map(([name, value]) => [name, round(value)]))),
  );
}
