/** One step of the bench of memory, in a process of its own: `node child.mjs STEP JSON`. */
import { once } from "node:events";
import { Field, FixedSizeList, Float32, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { createRandom, loadPackage } from "../support.mjs";

const COLUMN = "vector";
const BATCH_ROWS = 4096;
const CLUSTERS = 1000;
const DIRECTIONS = 16;
/** Along a direction, beside a centre's own values of −1 to 1. */
const SPREAD = 0.35;
const K = 10;
const VALUES_PER_CODE = 4;

const [step, given] = process.argv.slice(2);
const options = JSON.parse(given);
const { createPool, openDataset, writeDataset } = await loadPackage();
console.log("ready");
await once(process.stdin, "data");
const start = performance.now();
const figures = await { write, build, search }[step](options);
console.log(JSON.stringify({ seconds: (performance.now() - start) / 1000, ...figures }));
process.exit(0);

async function write({ path, rows, dimension }) {
  const item = new Field("item", new Float32(), true);
  const schema = new Schema([new Field(COLUMN, new FixedSizeList(dimension, item), false)]);
  await (await writeDataset(drawBatches(schema, rows, dimension), path, { schema, maxRowsPerFile: rows / 8 })).close();
}

function* drawBatches(schema, rows, dimension) {
  const draw = createClusters(dimension);
  for (let row = 0; row < rows; row += BATCH_ROWS) {
    const length = Math.min(BATCH_ROWS, rows - row);
    const data = new Float32Array(length * dimension);
    for (let i = 0; i < length; i++) draw(data.subarray(i * dimension, (i + 1) * dimension));
    const { type } = schema.fields[0];
    const items = makeData({ type: type.children[0].type, length: data.length, nullCount: 0, data });
    const lists = makeData({ type, length, nullCount: 0, child: items });
    yield new RecordBatch(
      schema,
      makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [lists] }),
    );
  }
}

/** Fills vectors around centres, spread along few directions as embeddings are; the same ones in every process. */
function createClusters(dimension, seed = 1) {
  const shared = createRandom(7);
  const drawAll = (count) => Float32Array.from({ length: count * dimension }, () => 2 * shared() - 1);
  const centres = drawAll(CLUSTERS);
  const directions = drawAll(DIRECTIONS);
  const random = createRandom(seed);
  return (vector) => {
    const at = Math.floor(random() * CLUSTERS) * dimension;
    vector.set(centres.subarray(at, at + dimension));
    for (let direction = 0; direction < DIRECTIONS; direction++) {
      // Three uniform numbers are near enough to a normal one.
      const weight = SPREAD * 2 * (random() + random() + random() - 1.5);
      const from = direction * dimension;
      for (let i = 0; i < dimension; i++) vector[i] += weight * directions[from + i];
    }
  };
}

async function build({ path, family, dimension, workers, budgetBytes }) {
  const pool = createPool({ numWorkers: workers });
  const dataset = await openDataset(path, { pool, memoryBudgetBytes: budgetBytes });
  const params = family.endsWith("PQ") ? { numSubVectors: dimension / VALUES_PER_CODE } : {};
  await dataset.createIndex(COLUMN, family, { metric: "l2", ...params });
  await dataset.close();
  await pool.close();
}

async function search({ path, dimension, budgetBytes, queries }) {
  const dataset = await openDataset(path, { memoryBudgetBytes: budgetBytes, cacheBytes: 0 });
  const draw = createClusters(dimension, 2);
  const asked = Array.from({ length: queries }, () => {
    const vector = new Float32Array(dimension);
    draw(vector);
    return vector;
  });
  const ask = async (q, setting) => {
    const nearest = { column: COLUMN, q, k: K, ...setting };
    const table = await dataset.scanner({ columns: [], withRowAddress: true, nearest }).toTable();
    return [...table.getChild("_rowaddr").toArray()];
  };
  const found = [];
  const start = performance.now();
  for (const q of asked) found.push(await ask(q, { refineFactor: 5 }));
  const perSecond = (1000 * queries) / (performance.now() - start);
  let hits = 0;
  for (const [i, q] of asked.slice(0, 20).entries()) {
    const exact = new Set(await ask(q, { useIndex: false }));
    hits += found[i].filter((address) => exact.has(address)).length;
  }
  await dataset.close();
  return { perSecond, recall: hits / Math.min(20, queries) / K };
}
