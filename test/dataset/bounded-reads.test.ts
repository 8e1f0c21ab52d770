import { expect, test } from "vitest";
import { createMemoryStore, writeDataset } from "../../src/index.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { readLiveRows } from "../../src/table/deletions/deletions.ts";
import { openSnapshot } from "../../src/table/snapshot.ts";
import { createMeeting } from "../support/meeting.ts";
import { inlinePool, makeRows, SCHEMA } from "./support.ts";

const NUM_FRAGMENTS = 40;

async function createDeletedTable() {
  const store = createMemoryStore();
  const rows = makeRows(0, NUM_FRAGMENTS * 4);
  const dataset = await writeDataset(rows, store, { schema: SCHEMA, maxRowsPerFile: 4, pool: inlinePool });
  await dataset.delete("id % 4 = 1");
  return store;
}

test("deletion files are read eight at a time", async () => {
  let running = 0;
  let most = 0;
  let reads = 0;
  const meet = createMeeting(8);
  const inner = await createDeletedTable();
  const store = overrideStore(inner, {
    async get(path, range, options) {
      if (!path.startsWith("_deletions/")) return inner.get(path, range, options);
      reads++;
      most = Math.max(most, ++running);
      await meet();
      await new Promise((resolve) => setTimeout(resolve, 1));
      running--;
      return inner.get(path, range, options);
    },
  });
  const live = await readLiveRows(await openSnapshot(store, { uri: "memory://deleted" }));
  expect(live.count()).toBe(NUM_FRAGMENTS * 3);
  expect(reads).toBe(NUM_FRAGMENTS);
  expect(most).toBe(8);
});

test("when one read fails, the others have ended before the caller hears of it", async () => {
  let running = 0;
  let reads = 0;
  const meet = createMeeting(8);
  const inner = await createDeletedTable();
  const store = overrideStore(inner, {
    async get(path, range, options) {
      if (!path.startsWith("_deletions/")) return inner.get(path, range, options);
      running++;
      const number = reads++;
      await meet();
      // The first fails while all the others are under way.
      if (number > 0) await new Promise((resolve) => setTimeout(resolve, 20));
      running--;
      return number === 0 ? undefined : inner.get(path, range, options);
    },
  });
  const snapshot = await openSnapshot(store, { uri: "memory://deleted" });
  await expect(readLiveRows(snapshot)).rejects.toMatchObject({ code: "NOT_FOUND" });
  expect(running).toBe(0);
  expect(reads).toBe(8);
});
