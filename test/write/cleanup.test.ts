import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { createIndexUncommitted } from "../../src/index/build.ts";
import { createIndex } from "../../src/index/create-index.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import type { Store } from "../../src/store/store.ts";
import { readDeletions } from "../../src/table/deletions/deletions.ts";
import { formatManifestPath } from "../../src/table/manifest/manifest-path.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { createBranch } from "../../src/table/refs/create-branch.ts";
import { scanFragment } from "../../src/table/rows/scan-fragment.ts";
import { openSnapshot, openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { cleanupOldVersions } from "../../src/write/cleanup/cleanup-versions.ts";
import { selectOldVersions } from "../../src/write/cleanup/retention.ts";
import { compactFiles } from "../../src/write/compact/compact-files.ts";
import { createTable } from "../../src/write/create-table.ts";
import { toRecordBatches } from "../../src/write/input/input.ts";
import { appendRows } from "../../src/write/rows/append-rows.ts";
import { deleteRows } from "../../src/write/rows/delete-rows.ts";
import { inlinePool } from "../index/support.ts";
import fc from "../support/fast-check.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

useTestRuntime();

const uri = "memory://cleanup";
const HOUR = 60 * 60 * 1000;
const DAY = 24 * HOUR;
const START = Date.UTC(2026, 0, 1);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["Date"], now: START });
});
afterEach(() => {
  vi.useRealTimers();
});

const pass = (milliseconds: number): void => void vi.setSystemTime(Date.now() + milliseconds);
const makeRows = (from: number, to: number) => Array.from({ length: to - from }, (_, i) => ({ id: from + i }));

async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

async function readIds(snapshot: Snapshot): Promise<number[]> {
  const ids: number[] = [];
  for (const fragment of snapshot.fragments) {
    const deleted = new Set(await readDeletions(snapshot, fragment));
    let offset = 0;
    const batches = scanFragment(snapshot, fragment, [snapshot.schema.fields[0]!], { kind: "all" });
    for await (const batch of batches) for (const id of batch.getChildAt(0)!) if (!deleted.has(offset++)) ids.push(id);
  }
  return ids;
}

function dataFilesOf({ fragments }: Snapshot): string[] {
  return fragments.flatMap(({ proto }) => proto.files.map(({ path }) => `data/${path}`));
}

/** A version a day: rows, more rows, a delete, an index, a compaction, another delete. */
async function makeHistory(store: Store): Promise<Snapshot> {
  let snapshot = await createTable(store, await toRecordBatches(makeRows(0, 30)), { uri, maxRowsPerFile: 15 });
  pass(DAY);
  snapshot = await appendRows(snapshot, makeRows(30, 40));
  pass(DAY);
  snapshot = (await deleteRows(snapshot, new Map([[0, Uint32Array.of(1, 2)]]), { predicate: "a" })).snapshot;
  pass(DAY);
  snapshot = (await createIndex(snapshot, "id", "BTREE", { pool: inlinePool })).snapshot;
  pass(DAY);
  snapshot = (await compactFiles(snapshot, { targetRowsPerFragment: 100 })).snapshot;
  pass(DAY);
  return (await deleteRows(snapshot, new Map([[3, Uint32Array.of(5)]]), { predicate: "b" })).snapshot;
}

/** Contents of every version there is. */
async function readVersions(store: Store): Promise<Map<number, number[]>> {
  const contents = new Map<number, number[]>();
  for (const { version } of await listVersions(store)) {
    contents.set(version, await readIds(await openSnapshot(store, { uri, version })));
  }
  return contents;
}

describe("retention", () => {
  const versions = Array.from({ length: 6 }, (_, i) => ({ version: i + 1, timestampMs: i * DAY }));

  test("by age, by number, by both, and 14 days where nothing is told", () => {
    expect(selectOldVersions(versions, { olderThanMs: 2.5 * DAY }, 5 * DAY)).toEqual([1, 2, 3]);
    expect(selectOldVersions(versions, { retainVersions: 2 }, 5 * DAY)).toEqual([1, 2, 3, 4]);
    expect(selectOldVersions(versions, { olderThanMs: 2.5 * DAY, retainVersions: 4 }, 5 * DAY)).toEqual([1, 2]);
    expect(selectOldVersions(versions, {}, 5 * DAY)).toEqual([]);
    expect(selectOldVersions(versions, {}, 16.5 * DAY)).toEqual([1, 2, 3]);
    expect(selectOldVersions(versions, { olderThanMs: 0 }, 100 * DAY)).toEqual([1, 2, 3, 4, 5]);
    for (const policy of [{ retainVersions: 0 }, { retainVersions: 1.5 }, { olderThanMs: -1 }, { olderThanMs: NaN }]) {
      expect(() => selectOldVersions(versions, policy, 0)).toThrow(
        expect.objectContaining({ code: "INVALID_ARGUMENT" }),
      );
    }
  });

  test("the newest version never goes", () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(50), { minLength: 1 }),
        fc.option(fc.nat(100), { nil: undefined }),
        fc.option(
          fc.nat(9).map((n) => n + 1),
          { nil: undefined },
        ),
        (numbers, olderThanMs, retainVersions) => {
          const drawn = numbers.map((version) => ({ version, timestampMs: (version * 37) % 90 }));
          const old = selectOldVersions(drawn, { olderThanMs, retainVersions }, 200);
          expect(old).not.toContain(Math.max(...numbers));
          expect(drawn.length - old.length).toBeGreaterThanOrEqual(Math.min(drawn.length, retainVersions ?? 1));
        },
      ),
    );
  });
});

test("old versions go with the files only they need; what stays is what it was", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const before = await readVersions(store);
  const files = await listPaths(store);
  const planned = await cleanupOldVersions(snapshot, { retainVersions: 2, dryRun: true });
  expect(await listPaths(store)).toEqual(files);
  const removed = await cleanupOldVersions(snapshot, { retainVersions: 2 });
  expect(removed).toEqual(planned);
  expect(removed).toMatchObject({
    oldVersionsRemoved: 5,
    dataFilesRemoved: 3,
    deletionFilesRemoved: 1,
    indexFilesRemoved: 2,
    transactionFilesRemoved: 5,
    failedDeletes: 0,
  });
  expect(removed.bytesRemoved).toBeGreaterThan(1000);
  const after = await readVersions(store);
  expect([...after.keys()]).toEqual([6, 7]);
  for (const [version, ids] of after) expect(ids).toEqual(before.get(version));
  const left = await listPaths(store);
  expect(left.filter((path) => path.startsWith("data/"))).toHaveLength(1);
  expect(left.filter((path) => path.startsWith("_indices/"))).toHaveLength(2);
  expect(left.filter((path) => path.startsWith("_deletions/"))).toHaveLength(1);
  expect(left.filter((path) => path.startsWith("_transactions/"))).toHaveLength(2);
  expect(await cleanupOldVersions(snapshot, { retainVersions: 2 })).toMatchObject({ bytesRemoved: 0 });
});

test("files that nobody names stay for seven days, unless told; strangers stay for ever", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const segment = await createIndexUncommitted(snapshot, "id", "BTREE", { pool: inlinePool, fragmentIds: [3] });
  const debris = [
    "data/0101.lance",
    "data/0101/00000000000000000000000000000001.blob",
    "_deletions/9-1-1.bin",
    "_transactions/1-x.txn",
    `_indices/${segment.uuid}/page_data.lance`,
    `_indices/${segment.uuid}/page_lookup.lance`,
  ];
  const strangers = ["data/notes.txt", "_deletions/readme", "notes.lance", "_indices/loose"];
  for (const path of [...debris.slice(0, 4), ...strangers])
    await store.put(path, new Uint8Array(9), { mode: "create" });
  const all = await listPaths(store);
  pass(6.9 * DAY);
  await cleanupOldVersions(snapshot, { olderThanMs: 100 * DAY });
  expect(await listPaths(store)).toEqual(all);
  pass(0.2 * DAY);
  const stats = await cleanupOldVersions(snapshot, { olderThanMs: 100 * DAY });
  expect(stats).toMatchObject({
    dataFilesRemoved: 2,
    deletionFilesRemoved: 1,
    transactionFilesRemoved: 1,
    indexFilesRemoved: 2,
  });
  expect(await listPaths(store)).toEqual(all.filter((path) => !debris.includes(path)));

  await store.put("data/0102.lance", new Uint8Array(9), { mode: "create" });
  expect((await cleanupOldVersions(snapshot, { olderThanMs: 100 * DAY })).dataFilesRemoved).toBe(0);
  const sure = { olderThanMs: 100 * DAY, deleteUnverified: true };
  expect((await cleanupOldVersions(snapshot, sure)).dataFilesRemoved).toBe(1);
});

test("where a store tells no ages, what nobody names stays", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  await store.put("data/0101.lance", new Uint8Array(9), { mode: "create" });
  pass(100 * DAY);
  const ageless = overrideStore(store, {
    async *list(prefix, options) {
      for await (const { path, sizeBytes } of store.list(prefix, options)) yield { path, sizeBytes };
    },
  });
  const at = { ...snapshot, store: ageless };
  expect(await cleanupOldVersions(at, { retainVersions: 1 })).toMatchObject({
    oldVersionsRemoved: 6,
    dataFilesRemoved: 3,
  });
  expect(await listPaths(store, "data/")).toContain("data/0101.lance");
});

test("tagged versions and those branches were made from stay, with their files", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const before = await readVersions(store);
  const put = (path: string, value: unknown) =>
    store.put(path, new TextEncoder().encode(JSON.stringify(value)), { mode: "overwrite" });
  await put("_refs/tags/first.json", { branch: null, version: 2, manifestSize: 1 });
  await put("_refs/tags/other.json", { branch: "side", version: 1, manifestSize: 1 });
  await put("_refs/branches/a%2Fb.json", { parentBranch: null, parentVersion: 3, createAt: 1, manifestSize: 1 });
  const refused = await cleanupOldVersions(snapshot, { retainVersions: 1 }).catch((error: unknown) => error);
  expect(refused).toMatchObject({ code: "INVALID_ARGUMENT", details: { tags: { first: 2 } } });
  await cleanupOldVersions(snapshot, { retainVersions: 1, errorIfTaggedOldVersions: false });
  const after = await readVersions(store);
  expect([...after.keys()]).toEqual([2, 3, 7]);
  for (const [version, ids] of after) expect(ids).toEqual(before.get(version));
  await put("_refs/tags/broken.json", "nonsense");
  await expect(cleanupOldVersions(snapshot, {})).rejects.toMatchObject({ code: "CORRUPT" });
});

test("files a branch's manifests name stay, also of a branch being made", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const old = await openVersion(snapshot, { version: 2 });
  const manifest = (await store.get(formatManifestPath(2, "v2")))!.bytes;
  await store.put(`tree/a/b/${formatManifestPath(2, "v2")}`, manifest, { mode: "create" });
  await cleanupOldVersions(snapshot, { retainVersions: 1 });
  expect((await listVersions(store)).map(({ version }) => version)).toEqual([7]);
  expect(await listPaths(store)).toEqual(expect.arrayContaining(dataFilesOf(old)));
});

test("a branch is cleaned up on its own; what others of its line need stays", async () => {
  const store = createMemoryStore();
  const main = await makeHistory(store);
  const mainBefore = await readVersions(store);
  let branch = await createBranch(main, "side/one");
  branch = await appendRows(branch, makeRows(200, 210));
  const child = await createBranch(branch, "side/two");
  branch = await appendRows(branch, makeRows(210, 220));
  branch = (await deleteRows(branch, new Map([[branch.fragments[0]!.id, Uint32Array.of(0)]]), { predicate: "b" }))
    .snapshot;
  branch = (await compactFiles(branch, { targetRowsPerFragment: 1000 })).snapshot;
  const ids = await readIds(branch);
  const removed = await cleanupOldVersions(branch, { retainVersions: 1 });
  expect(removed.oldVersionsRemoved).toBeGreaterThan(1);
  expect(await readIds(await openVersion(branch))).toEqual(ids);
  expect(await readIds(await openVersion(child))).toHaveLength(47);
  expect(await readVersions(store)).toEqual(mainBefore);
  await cleanupOldVersions(main, { retainVersions: 1 });
  expect(await readIds(await openVersion(child))).toHaveLength(47);
  expect(await readIds(await openVersion(branch))).toEqual(ids);
});

test("a detached version keeps its files, and an unreadable manifest stops everything", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const old = await openVersion(snapshot, { version: 1 });
  const manifest = (await store.get(formatManifestPath(1, "v2")))!.bytes;
  await store.put("_versions/d9223372036854775809.manifest", manifest, { mode: "create" });
  await cleanupOldVersions(snapshot, { retainVersions: 1 });
  expect(await listPaths(store)).toEqual(expect.arrayContaining(dataFilesOf(old)));
  const files = await listPaths(store);
  await store.put(formatManifestPath(3, "v2"), manifest.slice(0, 40), { mode: "create" });
  await expect(cleanupOldVersions(snapshot, { retainVersions: 1 })).rejects.toMatchObject({ code: "CORRUPT" });
  await store.delete(formatManifestPath(3, "v2"));
  expect(await listPaths(store)).toEqual(files);
});

test("a handle at an old version keeps that version and those after it", async () => {
  const store = createMemoryStore();
  const snapshot = await openVersion(await makeHistory(store), { version: 4 });
  expect(await cleanupOldVersions(snapshot, { olderThanMs: 0 })).toMatchObject({ oldVersionsRemoved: 3 });
  expect([...(await readVersions(store)).keys()]).toEqual([4, 5, 6, 7]);
});

test("commits made while it runs are kept, also one that brings an old version back", async () => {
  const objects: MemoryObjects = new Map();
  const store = createMemoryStore(objects);
  const snapshot = await makeHistory(store);
  const first = objects.get(formatManifestPath(1, "v2"))!;
  let late: Promise<unknown> | undefined;
  const busy = overrideStore(store, {
    async delete(path, options) {
      late ??= (async () => {
        await appendRows(snapshot, makeRows(100, 105));
        // As a restore of version 1 whose manifest was read just before it went: its files are named again.
        await store.put(formatManifestPath(9, "v2"), first.bytes, { mode: "create" });
      })();
      await late;
      return store.delete(path, options);
    },
  });
  await cleanupOldVersions({ ...snapshot, store: busy }, { retainVersions: 1 });
  const data = await listPaths(store, "data/");
  for (const path of await listDataOf(first.bytes)) expect(data).toContain(path);
  expect(await readIds(await openSnapshot(store, { uri, version: 8 }))).toHaveLength(42);
});

async function listDataOf(manifest: Uint8Array): Promise<string[]> {
  const copy = createMemoryStore();
  await copy.put(formatManifestPath(1, "v2"), manifest, { mode: "create" });
  return dataFilesOf(await openSnapshot(copy, { uri }));
}

test("a crash at any deletion leaves the table whole; the next clean-up removes what is left and nothing else", async () => {
  const objects: MemoryObjects = new Map();
  const original = createMemoryStore(objects);
  await makeHistory(original);
  const newest = await readIds(await openSnapshot(original, { uri }));
  const clean = createMemoryStore(new Map(objects));
  const counting = createFaultyStore(clean);
  await cleanupOldVersions(await openSnapshot(counting, { uri }), { retainVersions: 1 });
  const wanted = await listPaths(clean);
  expect(counting.numWrites).toBeGreaterThan(15);
  const now = Date.now();
  for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
    const store = createMemoryStore(new Map(objects));
    const faulty = createFaultyStore(store, { stopAtWrite, stopEffect: stopAtWrite % 2 ? "none" : "full" });
    const stats = await cleanupOldVersions(await openSnapshot(faulty, { uri }), { retainVersions: 1 }).catch(
      () => null,
    );
    if (stats !== null) expect(stats.failedDeletes).toBeGreaterThan(0);
    expect(await readIds(await openSnapshot(store, { uri })), `write ${stopAtWrite}`).toEqual(newest);
    // Every version that is still listed opens and reads.
    await readVersions(store);
    vi.setSystemTime(now + 8 * DAY);
    await cleanupOldVersions(await openSnapshot(store, { uri }), { retainVersions: 1 });
    expect(await listPaths(store)).toEqual(wanted);
    vi.setSystemTime(now);
  }
});

test("debris of writes that crashed is all that a clean-up removes", async () => {
  const objects: MemoryObjects = new Map();
  await makeHistory(createMemoryStore(objects));
  const writes: readonly ((snapshot: Snapshot) => Promise<unknown>)[] = [
    (snapshot) => appendRows(snapshot, makeRows(50, 60)),
    (snapshot) => deleteRows(snapshot, new Map([[3, Uint32Array.of(7, 8)]]), { predicate: "c" }),
    (snapshot) => createIndex(snapshot, "id", "BTREE", { pool: inlinePool }),
    (snapshot) => compactFiles(snapshot, { targetRowsPerFragment: 100, materializeDeletionsThreshold: 0 }),
  ];
  const now = Date.now();
  for (const write of writes) {
    const counting = createFaultyStore(createMemoryStore(new Map(objects)));
    await write(await openSnapshot(counting, { uri }));
    for (let stopAtWrite = 1; stopAtWrite <= counting.numWrites; stopAtWrite++) {
      const copied: MemoryObjects = new Map(objects);
      const store = createMemoryStore(copied);
      const faulty = createFaultyStore(store, { stopAtWrite, stopEffect: "full" });
      await write(await openSnapshot(faulty, { uri })).catch(() => undefined);
      const opened = await openSnapshot(store, { uri });
      const versions = await readVersions(store);
      vi.setSystemTime(now + 8 * DAY);
      await cleanupOldVersions(opened, { olderThanMs: 1000 * DAY });
      expect(await readVersions(store)).toEqual(versions);
      // Nothing is left that no version names.
      const sure = await cleanupOldVersions(opened, { olderThanMs: 1000 * DAY, deleteUnverified: true, dryRun: true });
      expect(sure.bytesRemoved).toBe(0);
      vi.setSystemTime(now);
    }
  }
});

test("cancelled, it stops; a read-only or unlistable store is refused", async () => {
  const store = createMemoryStore();
  const snapshot = await makeHistory(store);
  const stop = new AbortController();
  const run = cleanupOldVersions(snapshot, { retainVersions: 1, signal: stop.signal, onProgress: () => stop.abort() });
  await expect(run).rejects.toMatchObject({ code: "ABORTED" });
  expect(await readIds(await openSnapshot(store, { uri }))).toHaveLength(37);
  const blind = overrideStore(store, { capabilities: { ...store.capabilities, list: false } });
  await expect(cleanupOldVersions({ ...snapshot, store: blind })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  const frozen = overrideStore(store, { capabilities: { ...store.capabilities, write: false } });
  await expect(cleanupOldVersions({ ...snapshot, store: frozen })).rejects.toMatchObject({ code: "UNSUPPORTED" });
});
