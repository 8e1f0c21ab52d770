/** Runs in the page: vectors from the server into a table, an index of four segments, searches. */
import { Field, FixedSizeList, Float32, makeData, RecordBatch, Schema, Struct } from "apache-arrow";
import { initGlobalPool, writeDataset } from "lancelet";

const BATCH_ROWS = 1024;
const COLUMN = "vector";

let dataset;

globalThis.bench = {
  async write({ url, uri, dimension, rowsPerFile }) {
    const item = new Field("item", new Float32(), true);
    const schema = new Schema([new Field(COLUMN, new FixedSizeList(dimension, item), false)]);
    dataset = await writeDataset(readBatches(url, schema, dimension), uri, { schema, maxRowsPerFile: rowsPerFile });
  },
  async build({ family, params, workers }) {
    await initGlobalPool({ numWorkers: workers });
    const start = performance.now();
    const options = { metric: "l2", ...params };
    const model = await dataset.trainIndexModel(COLUMN, family, options);
    const fragments = dataset.fragmentIds.map((id) => [id]);
    const segments = await Promise.all(
      fragments.map((fragmentIds) =>
        dataset.createIndexUncommitted(COLUMN, family, { ...options, fragmentIds, model }),
      ),
    );
    await dataset.commitExistingIndexSegments(`${COLUMN}_idx`, COLUMN, segments);
    return { seconds: (performance.now() - start) / 1000, segments: segments.length };
  },
  /** @returns row numbers per query, and queries a second */
  async search({ queries, dimension, setting, k, rowsPerFile }) {
    const values = Float32Array.from(queries);
    const found = [];
    const start = performance.now();
    for (let at = 0; at < values.length; at += dimension) {
      const q = values.subarray(at, at + dimension);
      const table = await dataset
        .scanner({ columns: [], withRowAddress: true, nearest: { column: COLUMN, q, k, ...setting } })
        .toTable();
      const addresses = table.getChild("_rowaddr").toArray();
      found.push(
        Array.from(addresses, (address) => Number(address >> 32n) * rowsPerFile + Number(address & 0xffffffffn)),
      );
    }
    return { found, perSecond: (1000 * found.length) / (performance.now() - start) };
  },
};

/** Batches of the column as their bytes arrive: the page never holds all of them. */
async function* readBatches(url, schema, dimension) {
  const rowBytes = dimension * 4;
  const reader = (await fetch(url)).body.getReader();
  let held = new Uint8Array(0);
  for (;;) {
    const { done, value } = await reader.read();
    if (value) held = join(held, value);
    const rows = Math.floor(held.length / rowBytes);
    if (rows >= BATCH_ROWS || (done && rows > 0)) {
      yield createBatch(schema, dimension, held.slice(0, rows * rowBytes));
      held = held.slice(rows * rowBytes);
    }
    if (done) return;
  }
}

function createBatch(schema, dimension, bytes) {
  const data = new Float32Array(bytes.buffer);
  const length = data.length / dimension;
  const { type } = schema.fields[0];
  const items = makeData({ type: type.children[0].type, length: data.length, nullCount: 0, data });
  const lists = makeData({ type, length, nullCount: 0, child: items });
  return new RecordBatch(
    schema,
    makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [lists] }),
  );
}

function join(a, b) {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
