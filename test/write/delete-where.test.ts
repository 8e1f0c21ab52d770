import { Field, Int32, Schema } from "apache-arrow";
import { expect, test } from "vitest";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { loadJobs } from "../../src/runtime/jobs.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { deleteWhere } from "../../src/write/rows/delete-where.ts";
import { createMeeting } from "../support/meeting.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { ENVIRONMENT, listPaths, readRows } from "./support.ts";

registerJobHandlers(loadJobs);
useTestRuntime();

async function create(store = createMemoryStore()) {
  const schema = new Schema([new Field("id", new Int32(), false)]);
  const rows = Array.from({ length: 10 }, (_, id) => ({ id }));
  return createTable(store, await toRecordBatches(rows, { schema }), { uri: "memory://t", maxRowsPerFile: 4 });
}

test("rows that another writer deleted meanwhile are no conflict: the predicate is asked again", async () => {
  const store = createMemoryStore();
  const first = await create(store);
  await deleteWhere(first, "id < 3", ENVIRONMENT);
  const second = await deleteWhere(first, "id < 6", ENVIRONMENT);
  expect(second.numDeletedRows).toBe(3);
  expect((await readRows<{ id: number }>(second.snapshot, {})).map(({ id }) => id)).toEqual([6, 7, 8, 9]);
  const before = await listPaths(store);
  await expect(deleteWhere(first, "id < 9", ENVIRONMENT, { conflictRetries: 0 })).rejects.toMatchObject({
    code: "COMMIT_CONFLICT",
    details: { retryable: true },
  });
  expect(await listPaths(store)).toEqual(before);
  const third = await deleteWhere(first, "id < 6", ENVIRONMENT);
  expect([third.numDeletedRows, third.snapshot.version]).toEqual([0, 3]);
});

test.each([undefined, null, 5])("no predicate (%s) deletes nothing", async (predicate) => {
  const first = await create();
  await expect(deleteWhere(first, predicate as unknown as string, ENVIRONMENT)).rejects.toMatchObject({
    code: "INVALID_ARGUMENT",
    message: expect.stringContaining(String(predicate)),
  });
});

test("deletion files of many fragments are written side by side; when one fails, none is left", async () => {
  const inner = createMemoryStore();
  const first = await createTable(inner, await toRecordBatches(Array.from({ length: 40 }, (_, id) => ({ id }))), {
    uri: "memory://t",
    maxRowsPerFile: 2,
  });
  let underWay = 0;
  let most = 0;
  const meet = createMeeting(8);
  let left = Number.POSITIVE_INFINITY;
  const store = {
    ...inner,
    async put(...call: Parameters<typeof inner.put>) {
      if (!call[0].startsWith("_deletions/")) return inner.put(...call);
      if (--left < 0) throw new Error("full");
      most = Math.max(most, ++underWay);
      await meet();
      await new Promise((resolve) => setTimeout(resolve, 2));
      underWay--;
      return inner.put(...call);
    },
  };
  const before = await listPaths(inner);
  left = 11;
  await expect(deleteWhere({ ...first, store }, "id % 2 = 0", ENVIRONMENT)).rejects.toThrow("full");
  expect(await listPaths(inner)).toEqual(before);
  left = Number.POSITIVE_INFINITY;
  const { snapshot, numDeletedRows } = await deleteWhere({ ...first, store }, "id % 2 = 0", ENVIRONMENT);
  expect([numDeletedRows, most]).toEqual([20, 8]);
  expect((await readRows<{ id: number }>(snapshot, {})).every(({ id }) => id % 2 === 1)).toBe(true);
});
