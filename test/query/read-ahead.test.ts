import { Field, Int32, Schema, Utf8 } from "apache-arrow";
import { describe, expect, it } from "vitest";
import { openDataset } from "../../src/dataset/open-dataset.ts";
import { writeDataset } from "../../src/dataset/write-dataset.ts";
import { readAhead } from "../../src/query/read-ahead.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { createMeeting } from "../support/meeting.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

async function* count(items: number): AsyncGenerator<number> {
  for (let item = 0; item < items; item++) yield item;
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds));

describe("reading ahead", () => {
  it("keeps the order, and never more under way than width and bytes allow", async () => {
    for (const [width, maxBytes] of [
      [3, 1000],
      [16, 25],
      [16, 1],
    ] as const) {
      let running = 0;
      let most = 0;
      const work = async (item: number) => {
        running++;
        most = Math.max(most, running);
        await sleep(item % 3);
        return item;
      };
      const received: number[] = [];
      for await (const item of readAhead(count(20), work, { width, maxBytes, sizeOf: () => 10 })) {
        received.push(item);
        await sleep(1);
        // Yielded items are under way until the next one is asked for.
        running--;
      }
      expect(received).toEqual([...Array(20).keys()]);
      expect(most).toBe(Math.max(1, Math.min(width, Math.floor(maxBytes / 10))));
    }
  });

  it("settles what is under way before it fails, and when the consumer stops", async () => {
    let running = 0;
    let started = 0;
    const work = async (item: number) => {
      started++;
      running++;
      await sleep(3);
      running--;
      if (item === 2) throw new Error("two");
      return item;
    };
    const options = { width: 4, maxBytes: 100, sizeOf: () => 1 };
    const received: number[] = [];
    const consume = async () => {
      for await (const item of readAhead(count(100), work, options)) received.push(item);
    };
    await expect(consume()).rejects.toThrow("two");
    expect([received, running]).toEqual([[0, 1], 0]);
    expect(started).toBeLessThan(10);
    for await (const item of readAhead(count(100), work, options)) if (item === 1) break;
    expect(running).toBe(0);
  });

  it("fails as its source does, after the results before it", async () => {
    async function* broken(): AsyncGenerator<number> {
      yield 1;
      throw new Error("source");
    }
    const received: number[] = [];
    const consume = async () => {
      for await (const item of readAhead(broken(), async (each) => each, { width: 4, maxBytes: 9, sizeOf: () => 1 })) {
        received.push(item);
      }
    };
    await expect(consume()).rejects.toThrow("source");
    expect(received).toEqual([1]);
  });
});

const NUM_ROWS = 60_000;
const schema = new Schema([new Field("id", new Int32(), false), new Field("text", new Utf8(), false)]);

async function createTable(): Promise<Store> {
  const store = createMemoryStore();
  let state = 1;
  const word = () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state.toString(36);
  };
  const rows = Array.from({ length: NUM_ROWS }, (_, id) => ({ id, text: `${word()} ${word()} ${word()} ${word()}` }));
  const dataset = await writeDataset(rows, store, { schema, maxRowsPerFile: 20_000 });
  await dataset.close();
  return store;
}

/**
 * A store that answers data reads late. It knows how many and how many bytes were asked for at once.
 */
function withLatency(store: Store, milliseconds: number) {
  const state = { reads: 0, waiting: 0, mostWaiting: 0, inFlight: 0, mostInFlight: 0 };
  const slow = overrideStore(store, {
    async get(path, range = {}, options) {
      if (!path.includes("data/")) return store.get(path, range, options);
      const length = "length" in range ? (range.length ?? 0) : 0;
      state.reads++;
      state.waiting++;
      state.inFlight += length;
      state.mostWaiting = Math.max(state.mostWaiting, state.waiting);
      state.mostInFlight = Math.max(state.mostInFlight, state.inFlight);
      await sleep(milliseconds);
      state.waiting--;
      state.inFlight -= length;
      return store.get(path, range, options);
    },
  });
  return { store: slow, state };
}

/** A store that holds the first large read of data until another waits beside it, and knows how many ever did. */
function withCompany(store: Store) {
  const state = { reads: 0, waiting: 0, mostWaiting: 0 };
  const meet = createMeeting(2);
  const slow = overrideStore(store, {
    async get(path, range = {}, options) {
      const length = "length" in range ? (range.length ?? 0) : 0;
      // Not the ends of files, which are read when they are opened, nor the sizes of a page's chunks.
      if (!path.includes("data/") || length <= TAIL_BYTES) return store.get(path, range, options);
      state.reads++;
      state.waiting++;
      state.mostWaiting = Math.max(state.mostWaiting, state.waiting);
      await meet();
      state.waiting--;
      return store.get(path, range, options);
    },
  });
  return { store: slow, state };
}

/** As much of its end as is read of a file at first. */
const TAIL_BYTES = 64 << 10;

describe("scans of a slow store", () => {
  it("wait for several reads at once, so that latency overlaps", async () => {
    const { store, state } = withCompany(await createTable());
    // Small enough for pieces that are read apart.
    const dataset = await openDataset(store, { memoryBudgetBytes: 4 << 20 });
    // One column only: reads of two would wait beside each other.
    let rows = 0;
    for await (const batch of dataset.scanner({ columns: ["text"], batchSize: 1024 }).toBatches()) {
      rows += batch.numRows;
    }
    expect(rows).toBe(NUM_ROWS);
    expect(state.reads).toBeGreaterThan(3);
    expect(state.mostWaiting).toBeGreaterThan(1);
    const filtered = await dataset.countRows("text LIKE '%zz%' AND id >= 0");
    expect(filtered).toBeGreaterThan(0);
  });

  it("stream a table larger than the budget: what is asked for at once stays within its share", async () => {
    const memory = await createTable();
    const memoryBudgetBytes = 2 << 20;
    const { store, state } = withLatency(memory, 5);
    const dataset = await openDataset(store, { memoryBudgetBytes });
    let numRows = 0;
    for await (const batch of dataset.scanner({ batchSize: 1024 }).toBatches()) {
      numRows += batch.numRows;
      await sleep(1);
    }
    expect(numRows).toBe(NUM_ROWS);
    expect(state.mostInFlight).toBeLessThan(memoryBudgetBytes);
    expect(state.mostWaiting).toBeGreaterThan(1);
  });

  it("end at once when they are aborted", async () => {
    const { store } = withLatency(await createTable(), 20);
    const dataset = await openDataset(store);
    const controller = new AbortController();
    const consume = async () => {
      for await (const _ of dataset.scanner({ batchSize: 512, signal: controller.signal }).toBatches())
        controller.abort();
    };
    await expect(consume()).rejects.toMatchObject({ code: "ABORTED" });
  });
});
