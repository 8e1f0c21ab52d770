import { Field, Float64, Int32, makeData, RecordBatch, Schema, Struct, tableFromArrays, Utf8 } from "apache-arrow";
import { describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { scanFragment } from "../../src/table/rows/scan-fragment.ts";
import { openSnapshot, type Snapshot } from "../../src/table/snapshot.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import type { WriteProgress } from "../../src/write/write-fragments.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const uri = "memory://t";
const makeRows = (from: number, to: number) =>
  Array.from({ length: to - from }, (_, i) => ({ id: from + i, text: `row ${from + i}` }));
const create = async (
  store: Store,
  numRows: number,
  options: { maxRowsPerFile?: number; storageVersion?: string } = {},
) => createTable(store, await toRecordBatches(makeRows(0, numRows)), { uri, ...options });

/** Ids of the rows a version shows. */
async function readIds(snapshot: Snapshot): Promise<number[]> {
  const ids: number[] = [];
  const field = snapshot.schema.fields[0]!;
  for (const fragment of snapshot.fragments) {
    const deleted = new Set(await readDeletions(snapshot, fragment));
    let offset = 0;
    for await (const batch of scanFragment(snapshot, fragment, [field], { kind: "all" })) {
      for (const id of batch.getChildAt(0)!) if (!deleted.has(offset++)) ids.push(id as number);
    }
  }
  return ids;
}

async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

const range = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => from + i);

test("create, append, delete; every version keeps what it had", async () => {
  const store = createMemoryStore();
  const first = await create(store, 25, { maxRowsPerFile: 10 });
  expect(first.fragments.map((fragment) => [fragment.id, fragment.physicalRows])).toEqual([
    [0, 10],
    [1, 10],
    [2, 5],
  ]);
  const second = await appendRows(first, makeRows(25, 30));
  const { snapshot: third, numDeletedRows } = await deleteRows(
    second,
    new Map([
      [0, Uint32Array.of(3, 1, 3)],
      [2, Uint32Array.of(0, 1, 2, 3, 4)],
    ]),
    { predicate: "some" },
  );
  expect(numDeletedRows).toBe(7);
  const { snapshot: fourth } = await deleteRows(third, new Map([[0, Uint32Array.of(1, 9)]]), { predicate: "more" });
  expect(await readIds(first)).toEqual(range(0, 25));
  expect(await readIds(second)).toEqual(range(0, 30));
  expect(await readIds(third)).toEqual([0, 2, ...range(4, 20), ...range(25, 30)]);
  expect(await readIds(await openSnapshot(store, { uri }))).toEqual([
    0,
    2,
    ...range(4, 9),
    ...range(10, 20),
    ...range(25, 30),
  ]);
  expect([fourth.version, fourth.fragments.map((fragment) => fragment.id)]).toEqual([4, [0, 1, 3]]);
  expect((await listPaths(store, "data/")).every((path) => /^data\/[01]{24}[0-9a-f]{26}\.lance$/.test(path))).toBe(
    true,
  );
});

test("what changes nothing makes no version", async () => {
  const first = await create(createMemoryStore(), 5);
  expect(await appendRows(first, [])).toBe(first);
  const { snapshot, numDeletedRows } = await deleteRows(first, new Map([[0, new Uint32Array(0)]]), {
    predicate: "none",
  });
  expect([snapshot, numDeletedRows]).toEqual([first, 0]);
});

test("an empty table from a schema takes rows later", async () => {
  const schema = new Schema([new Field("id", new Float64(), true), new Field("text", new Utf8(), true)]);
  const empty = await createTable(createMemoryStore(), await toRecordBatches([], { schema }), { uri });
  expect(empty.fragments).toEqual([]);
  expect(await readIds(await appendRows(empty, makeRows(0, 3)))).toEqual([0, 1, 2]);
});

test("appended columns are matched by name, and nullable ones may be missing", async () => {
  const first = await create(createMemoryStore(), 1);
  const second = await appendRows(first, tableFromArrays({ text: ["a", "b"], id: Float64Array.of(7, 8) }));
  expect(await readIds(await appendRows(second, [{ text: "c" }]))).toEqual([0, 7, 8, null]);
});

test("files are cut at rows and bytes, and progress is told", async () => {
  const store = createMemoryStore();
  const seen: WriteProgress[] = [];
  const children = [makeData({ type: new Int32(), data: new Int32Array(300_000) })];
  const fields = [new Field("n", new Int32(), false)];
  const batch = new RecordBatch(new Schema(fields), makeData({ type: new Struct(fields), length: 300_000, children }));
  const snapshot = await createTable(store, await toRecordBatches(batch), {
    uri,
    maxBytesPerFile: 500_000,
    onProgress: (progress) => seen.push(progress),
  });
  expect(snapshot.fragments.map((fragment) => fragment.physicalRows)).toEqual([131_072, 131_072, 37_856]);
  expect(seen.map((progress) => progress.rows)).toEqual([...range(1, 37).map((i) => i * 8192), 300_000, 300_000]);
  const sizes = snapshot.fragments.map((fragment) => Number(fragment.proto.files[0]!.fileSizeBytes));
  expect(seen.at(-1)).toEqual({ rows: 300_000, files: 3, bytes: sizes.reduce((a, b) => a + b) });
  const [path] = snapshot.fragments[0]!.proto.files.map((file) => file.path);
  expect((await store.get(`data/${path}`))!.totalBytes).toBe(sizes[0]);
});

describe("refusals leave the store as it was", () => {
  test.each<[string, (snapshot: Snapshot) => Promise<unknown>, Record<string, unknown>]>([
    [
      "another type",
      (s) => appendRows(s, tableFromArrays({ id: Int32Array.of(1), text: ["a"] })),
      { code: "SCHEMA_MISMATCH", details: { field: "id", expected: "double", received: "int32" } },
    ],
    [
      "an unknown column",
      (s) => appendRows(s, [{ id: 1, other: 2 }]),
      { code: "SCHEMA_MISMATCH", details: { column: "other" } },
    ],
    [
      "a mismatch after many good rows",
      (s) => appendRows(s, [...makeRows(0, 50), { id: "x" as never, text: "" }], { maxRowsPerFile: 5 }),
      { code: "SCHEMA_MISMATCH", details: { row: 50 } },
    ],
    ["a bad limit", (s) => appendRows(s, makeRows(0, 5), { maxRowsPerFile: 0 }), { code: "INVALID_ARGUMENT" }],
    ["a cancelled append", (s) => appendRows(s, makeRows(0, 5), { signal: AbortSignal.abort() }), { code: "ABORTED" }],
    [
      "a fragment that does not exist",
      (s) =>
        deleteRows(
          s,
          new Map([
            [0, Uint32Array.of(1)],
            [9, Uint32Array.of(1)],
          ]),
          { predicate: "" },
        ),
      { code: "NOT_FOUND", details: { fragmentId: 9 } },
    ],
    [
      "a row that does not exist",
      (s) => deleteRows(s, new Map([[0, Uint32Array.of(99)]]), { predicate: "" }),
      { code: "INVALID_ARGUMENT", details: { offset: 99 } },
    ],
    [
      "a table that exists",
      async (s) => createTable(s.store as Store, await toRecordBatches(makeRows(0, 5)), { uri }),
      { code: "ALREADY_EXISTS" },
    ],
    [
      "another storage version",
      async (s) => createTable(s.store as Store, await toRecordBatches(makeRows(0, 5)), { uri, storageVersion: "2.0" }),
      { code: "UNSUPPORTED" },
    ],
    [
      "an append to a table of version 2.0",
      (s) => appendRows({ ...s, storageVersion: "2.0" }, makeRows(0, 5)),
      { code: "UNSUPPORTED" },
    ],
  ])("%s", async (_, act, expected) => {
    const store = createMemoryStore();
    const snapshot = await create(store, 10);
    const before = await listPaths(store);
    await expect(act(snapshot)).rejects.toMatchObject(expected);
    expect(await listPaths(store)).toEqual(before);
  });

  test("a lost commit deletes the files written for it", async () => {
    const store = createMemoryStore();
    const stale = await create(store, 10);
    await deleteRows(stale, new Map([[0, Uint32Array.of(4)]]), { predicate: "a" });
    const before = await listPaths(store);
    const error = await deleteRows(stale, new Map([[0, Uint32Array.of(4, 5)]]), { predicate: "b" }).catch((e) => e);
    expect(isLanceError(error, "COMMIT_CONFLICT") && error.details.retryable).toBe(true);
    expect(await listPaths(store)).toEqual(before);
  });

  test("deletes of other rows are united", async () => {
    const store = createMemoryStore();
    const stale = await create(store, 10);
    await deleteRows(stale, new Map([[0, Uint32Array.of(4)]]), { predicate: "a" });
    const { snapshot } = await deleteRows(stale, new Map([[0, Uint32Array.of(5)]]), { predicate: "b" });
    expect(await readIds(snapshot)).toEqual([0, 1, 2, 3, 6, 7, 8, 9]);
  });
});

describe("a store that stops at any write leaves the old version or the new, whole", () => {
  const actions: Record<string, (snapshot: Snapshot) => Promise<Snapshot>> = {
    append: (snapshot) => appendRows(snapshot, makeRows(20, 30), { maxRowsPerFile: 4 }),
    delete: async (snapshot) =>
      (
        await deleteRows(
          snapshot,
          new Map([
            [0, Uint32Array.of(2)],
            [1, Uint32Array.of(0, 3)],
          ]),
          { predicate: "" },
        )
      ).snapshot,
  };

  test.each(Object.keys(actions))("%s", async (name) => {
    const act = actions[name]!;
    const trialStore = createMemoryStore();
    const trial = createFaultyStore(trialStore);
    await act({ ...(await create(trialStore, 20, { maxRowsPerFile: 8 })), store: trial });
    const newIds = await readIds(await openSnapshot(trialStore, { uri }));
    expect(trial.numWrites).toBeGreaterThan(4);
    let sawOld = 0;
    for (const stopEffect of ["none", "partial", "full"] as const) {
      for (let stopAtWrite = 1; stopAtWrite <= trial.numWrites; stopAtWrite++) {
        const store = createMemoryStore();
        const before = await create(store, 20, { maxRowsPerFile: 8 });
        await act({ ...before, store: createFaultyStore(store, { stopAtWrite, stopEffect }) }).catch(() => undefined);
        const after = await openSnapshot(store, { uri });
        const ids = await readIds(after);
        expect(ids).toEqual(after.version === before.version ? range(0, 20) : newIds);
        if (after.version === before.version) sawOld++;
        // The table goes on from there.
        expect(await readIds(await appendRows(after, [{ id: 99 }]))).toEqual([...ids, 99]);
      }
    }
    expect(sawOld).toBeGreaterThan(3);
  });

  test("create", async () => {
    const trial = createFaultyStore(createMemoryStore());
    await create(trial, 20, { maxRowsPerFile: 8 });
    for (let stopAtWrite = 1; stopAtWrite <= trial.numWrites; stopAtWrite++) {
      const store = createMemoryStore();
      await create(createFaultyStore(store, { stopAtWrite, stopEffect: "partial" }), 20, { maxRowsPerFile: 8 }).catch(
        () => undefined,
      );
      const opened = await openSnapshot(store, { uri }).catch((error) => {
        expect(error).toMatchObject({ code: "NOT_FOUND" });
        return create(store, 20);
      });
      expect(await readIds(opened)).toEqual(range(0, 20));
    }
  });

  test("a full disk", async () => {
    const store = createMemoryStore();
    const before = await create(store, 20);
    const paths = await listPaths(store);
    const faulty = createFaultyStore(store, { quotaBytes: 3000 });
    await expect(
      appendRows({ ...before, store: faulty }, makeRows(0, 500), { maxRowsPerFile: 50 }),
    ).rejects.toMatchObject({ code: "QUOTA_EXCEEDED" });
    expect(await listPaths(store)).toEqual(paths);
  });
});
