import { Field, Int32, makeData, RecordBatch, Schema, Struct, Utf8 } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemoryStore, type Dataset, writeDataset } from "../../src/index.ts";
import { codeOf, inlinePool } from "./support.ts";

const NUM_ROWS = 1_200_000;
const BATCH_ROWS = 60_000;
const SCHEMA = new Schema([new Field("id", new Int32(), false), new Field("name", new Utf8(), true)]);

/** Texts of 12 bytes, so that a row costs what rows cost. */
function makeBatch(first: number): RecordBatch {
  const ids = Int32Array.from({ length: BATCH_ROWS }, (_, i) => first + i);
  const data = new TextEncoder().encode(Array.from(ids, (id) => `row ${String(id).padStart(8, "0")}`).join(""));
  const valueOffsets = Int32Array.from({ length: BATCH_ROWS + 1 }, (_, i) => 12 * i);
  const children = [
    makeData({ type: new Int32(), length: BATCH_ROWS, nullCount: 0, data: ids }),
    makeData({ type: new Utf8(), length: BATCH_ROWS, nullCount: 0, valueOffsets, data }),
  ];
  const type = new Struct(SCHEMA.fields);
  return new RecordBatch(SCHEMA, makeData({ type, length: BATCH_ROWS, nullCount: 0, children }));
}

/** Every row once, far from its neighbours. */
const SCATTERED = Uint32Array.from({ length: 400_000 }, (_, i) => (i * 7919) % NUM_ROWS);

/** Small fragments: work that starts anew for each must not start its 20 ms anew. */
const ROWS_PER_FRAGMENT = 30_000;

const SCATTERED_IDS = BigUint64Array.from(
  SCATTERED,
  (at) => (BigInt(Math.floor(at / ROWS_PER_FRAGMENT)) << 32n) | BigInt(at % ROWS_PER_FRAGMENT),
);

type Call = (dataset: Dataset, signal: AbortSignal) => Promise<unknown>;

const CALLS: Readonly<Record<string, Call>> = {
  toTable: (dataset, signal) => dataset.toTable({ signal }),
  "toTable with a filter": (dataset, signal) => dataset.toTable({ filter: "name >= 'row 00000010'", signal }),
  "toTable of row ids": (dataset, signal) => dataset.toTable({ columns: [], withRowId: true, batchSize: 100, signal }),
  "countRows(filter)": (dataset, signal) => dataset.countRows("name LIKE '%7%3%'", { signal }),
  take: (dataset, signal) => dataset.take(SCATTERED, { signal }),
  takeRows: (dataset, signal) => dataset.takeRows(SCATTERED_IDS, { signal }),
  delete: (dataset, signal) => dataset.delete("name LIKE '%7%3%'", { signal }),
};

let dataset: Dataset;
beforeAll(async () => {
  const batches = Array.from({ length: NUM_ROWS / BATCH_ROWS }, (_, i) => makeBatch(i * BATCH_ROWS));
  dataset = await writeDataset(batches, createMemoryStore(), { maxRowsPerFile: ROWS_PER_FRAGMENT, pool: inlinePool });
  await dataset.toTable();
}, 60_000);
afterAll(() => dataset.close());

/** The longest time without a turn of the event loop while `call` runs, in milliseconds. */
async function measureLongestTask(call: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = performance.now();
  const { port1, port2 } = new MessageChannel();
  const tick = (): void => {
    longest = Math.max(longest, performance.now() - last);
    last = performance.now();
  };
  port1.onmessage = () => {
    tick();
    setTimeout(() => port2.postMessage(null), 1);
  };
  port2.postMessage(null);
  await call();
  tick();
  port1.close();
  return longest;
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: a timer that fires meanwhile cancels it`, async () => {
    const cancel = new AbortController();
    const timer = setTimeout(() => cancel.abort(), 10);
    expect(await codeOf(call(dataset, cancel.signal))).toBe("ABORTED");
    clearTimeout(timer);
    expect(dataset.version).toBe(1);
  });

  // Generous: the rule is 50 ms, on a machine that does nothing else.
  test(`${name}: no task of it is long`, async () => {
    const longest = await measureLongestTask(() => call(dataset, new AbortController().signal));
    expect(longest).toBeLessThan(150);
  }, 30_000);
}
