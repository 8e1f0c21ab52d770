import { Field, Int32, Int64, makeData, RecordBatch, Schema, Struct, Utf8 } from "apache-arrow";
import { afterAll, beforeAll, expect, test } from "vitest";
import { createMemoryStore, type Dataset, openDataset, writeDataset } from "../../src/index.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import { getWorkedMs } from "../support/measure-work.ts";
import { codeOf, copyObjects, inlinePool } from "./support.ts";

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

/** Two twentieths of the table's rows, and one of new ones. */
const SOURCE = [0, NUM_ROWS / 2, NUM_ROWS].map(makeBatch);

const ORDER = [{ column: "name", ascending: false }];

/** Calls that leave the table as it is. */
const READS: Readonly<Record<string, Call>> = {
  toTable: (dataset, signal) => dataset.toTable({ signal }),
  "toTable with a filter": (dataset, signal) => dataset.toTable({ filter: "name >= 'row 00000010'", signal }),
  "toTable of row ids": (dataset, signal) => dataset.toTable({ columns: [], withRowId: true, batchSize: 100, signal }),
  "countRows(filter)": (dataset, signal) => dataset.countRows("name LIKE '%7%3%'", { signal }),
  take: (dataset, signal) => dataset.take(SCATTERED, { signal }),
  takeRows: (dataset, signal) => dataset.takeRows(SCATTERED_IDS, { signal }),
  "toTable in order": (dataset, signal) => dataset.toTable({ orderBy: ORDER, signal }),
  "toTable in order, with a limit": (dataset, signal) => dataset.toTable({ orderBy: ORDER, limit: 50_000, signal }),
};

/** Calls that make a version: each has a table of its own. */
const WRITES: Readonly<Record<string, Call>> = {
  delete: (dataset, signal) => dataset.delete("name LIKE '%7%3%'", { signal }),
  "update of a tenth": (dataset, signal) => dataset.update({ where: "id % 10 = 3", values: { name: "x" } }, { signal }),
  "update of all": (dataset, signal) => dataset.update({ valuesSql: { id: "id + 1" } }, { signal }),
  mergeInsert: (dataset, signal) =>
    dataset.mergeInsert("id").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(SOURCE, { signal }),
  "mergeInsert on a text": (dataset, signal) =>
    dataset.mergeInsert("name").whenMatchedUpdateAll().whenNotMatchedInsertAll().execute(SOURCE, { signal }),
  addColumns: (dataset, signal) => dataset.addColumns({ twice: "id * 2", loud: "upper(name)" }, { signal }),
  "alterColumns, a cast": (dataset, signal) =>
    dataset.alterColumns([{ path: "id", dataType: new Int64() }], { signal }),
  compactFiles: (dataset, signal) => dataset.optimize.compactFiles({ signal }),
};

/** As they are used: after rows have moved and gone. */
const PREPARED: Readonly<Record<string, { prepare: (dataset: Dataset) => Promise<unknown>; call: Call }>> = {
  "compactFiles after deletions": {
    prepare: (dataset) => dataset.delete("id % 3 = 0"),
    call: (dataset, signal) => dataset.optimize.compactFiles({ signal }),
  },
  "update after an update": {
    prepare: (dataset) => dataset.update({ where: "id % 3 = 0", values: { name: "y" } }),
    call: (dataset, signal) => dataset.update({ where: "id % 2 = 0", values: { name: "z" } }, { signal }),
  },
  cleanupOldVersions: {
    async prepare(dataset) {
      for (let i = 0; i < 300; i++) await dataset.updateConfig({ round: String(i) });
    },
    call: (dataset, signal) => dataset.cleanupOldVersions({ olderThanMs: 0, signal }),
  },
};

/** The table with row addresses as ids, and with stable ids. */
const objects = { addresses: new Map() as MemoryObjects, stable: new Map() as MemoryObjects };
let dataset: Dataset;
beforeAll(async () => {
  const batches = Array.from({ length: NUM_ROWS / BATCH_ROWS }, (_, i) => makeBatch(i * BATCH_ROWS));
  const options = { maxRowsPerFile: ROWS_PER_FRAGMENT, pool: inlinePool };
  dataset = await writeDataset(batches, createMemoryStore(objects.addresses), options);
  const stable = await writeDataset(batches, createMemoryStore(objects.stable), {
    pool: inlinePool,
    enableStableRowIds: true,
  });
  await stable.close();
  await dataset.toTable();
});
afterAll(() => dataset.close());

/** The longest work without a turn of the event loop while `call` runs, in milliseconds. */
async function measureLongestTask(call: () => Promise<unknown>): Promise<number> {
  let longest = 0;
  let last = getWorkedMs();
  const { port1, port2 } = new MessageChannel();
  const tick = (): void => {
    longest = Math.max(longest, getWorkedMs() - last);
    last = getWorkedMs();
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

async function expectCancelled(call: Call, target: Dataset): Promise<void> {
  const { version } = target;
  const cancel = new AbortController();
  const timer = setTimeout(() => cancel.abort(), 10);
  expect(await codeOf(call(target, cancel.signal))).toBe("ABORTED");
  clearTimeout(timer);
  expect(target.version).toBe(version);
}

/** Generous: the rule is 50 ms, of code that is compiled and a heap that is clean. */
const LIMIT_MS = 100;
const ATTEMPTS = 5;

/** A task that is long is so each time; one that collected the garbage of others is not. */
async function expectShortTasks(call: Call, open: () => Promise<Dataset>): Promise<void> {
  let longest = Number.POSITIVE_INFINITY;
  for (let attempt = 0; attempt < ATTEMPTS && longest >= LIMIT_MS; attempt++) {
    const target = await open();
    longest = Math.min(longest, await measureLongestTask(() => call(target, new AbortController().signal)));
  }
  expect(longest).toBeLessThan(LIMIT_MS);
}

for (const [name, call] of Object.entries(READS)) {
  test(`${name}: a timer that fires meanwhile cancels it`, () => expectCancelled(call, dataset));
  test(`${name}: no task of it is long`, () => expectShortTasks(call, async () => dataset));
}

const prepared = [
  ...Object.entries(WRITES).map(([name, call]) => ({ name, call, prepare: async () => {} })),
  ...Object.entries(PREPARED).map(([name, { call, prepare }]) => ({ name, call, prepare })),
];
/** What stable row ids make another way: the ids and the lineage of rows that move. */
const ROWS_MOVE = new Set(["update of all", "mergeInsert", "compactFiles after deletions", "update after an update"]);
for (const kind of ["addresses", "stable"] as const) {
  for (const { name, call, prepare } of prepared) {
    if (kind === "stable" && !ROWS_MOVE.has(name)) continue;
    test(`${name}, row ids are ${kind}: it can be cancelled, and no task of it is long`, async () => {
      const open = async (): Promise<Dataset> => {
        const own = await openDataset(createMemoryStore(copyObjects(objects[kind])), { pool: inlinePool });
        await prepare(own);
        return own;
      };
      const first = await open();
      await expectCancelled(call, first);
      // The cancelled call left it as it was.
      const unused = [first];
      await expectShortTasks(call, async () => unused.pop() ?? (await open()));
    });
  }
}
