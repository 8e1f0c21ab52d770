import { create, equals, toBinary } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { DataFragmentSchema, ManifestSchema } from "../../src/proto/gen/lance/table_pb.ts";
import { Transaction_UpdateConfigSchema, Transaction_UpdateSchema } from "../../src/proto/gen/lance/transaction_pb.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { createDatasetManifest } from "../../src/table/commit/create-dataset.ts";
import { readDeletions, readLiveRows } from "../../src/table/deletions/deletions.ts";
import { decodeFragmentBitmap } from "../../src/table/fragment-bitmap.ts";
import { formatManifestPath } from "../../src/table/manifest/manifest-path.ts";
import { readManifest, readTransactionOf } from "../../src/table/manifest/read-manifest.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { openSnapshot, openVersion, type Snapshot } from "../../src/table/snapshot.ts";
import { createFaultyStore } from "../support/faulty-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import {
  appendOf,
  commitForeign,
  createIndexOf,
  createTable,
  decodeRowIds,
  SCHEMA,
  stageDelete,
  stageFragment,
  stageIndex,
} from "./support.ts";

useTestRuntime();

const open = (store: Store) => openSnapshot(store, { uri: "memory://t" });
const idsOf = (snapshot: Snapshot) => snapshot.fragments.map((fragment) => fragment.id);
const deletedOf = async (snapshot: Snapshot, id: number) => {
  const fragment = snapshot.fragments.find((candidate) => candidate.id === id);
  return fragment === undefined ? "gone" : [...((await readDeletions(snapshot, fragment)) ?? [])];
};

describe("a new table", () => {
  test("opens, with its hint, transaction in both places and native's names", async () => {
    const objects: MemoryObjects = new Map();
    const created = await createTable(createMemoryStore(objects));
    const paths = [...objects.keys()].sort();
    expect(paths).toEqual([
      expect.stringMatching(/^_transactions\/0-[0-9a-f-]{36}\.txn$/),
      "_versions/18446744073709551614.manifest",
      "_versions/latest_version_hint.json",
    ]);
    const opened = await open(createMemoryStore(objects));
    expect(equals(ManifestSchema, opened.manifest, created.manifest)).toBe(true);
    expect(opened.version).toBe(1);
    expect(idsOf(opened)).toEqual([0, 1, 2]);
    expect(opened.storageVersion).toBe("2.1");
    expect(opened.schema.fields.map((field) => [field.id, field.name, field.logicalType])).toEqual([
      [0, "a", "int32"],
      [1, "b", "int32"],
    ]);
    expect(opened.manifest.maxFragmentId).toBe(2);
    expect([opened.manifest.readerFeatureFlags, opened.manifest.writerFeatureFlags]).toEqual([0n, 0n]);
    const transaction = await readTransactionOf(opened.store, opened.source);
    expect(transaction?.operation.case).toBe("overwrite");
    const { transaction: _, ...withoutInline } = opened.source;
    const fromFile = await readTransactionOf(opened.store, { ...withoutInline, transaction: undefined });
    expect(fromFile?.uuid).toBe(transaction!.uuid);
  });

  test("is refused where one is", async () => {
    const store = createMemoryStore();
    await createTable(store);
    await expect(createTable(store)).rejects.toMatchObject({ code: "ALREADY_EXISTS", details: { version: 1 } });
  });

  test("is refused where version 1 was cleaned up, or has a V1 name", async () => {
    for (const path of [undefined, formatManifestPath(1, "v1")]) {
      const objects: MemoryObjects = new Map();
      const store = createMemoryStore(objects);
      const first = await createTable(store);
      if (path === undefined) await commit(first, appendOf(stageFragment()));
      else objects.set(path, objects.get(first.source.path)!);
      objects.delete(first.source.path);
      await expect(createTable(store)).rejects.toMatchObject({ code: "ALREADY_EXISTS" });
    }
  });

  test("is made once by ten racing writers", async () => {
    const store = createMemoryStore();
    const results = await Promise.allSettled(Array.from({ length: 10 }, () => createTable(store)));
    expect(results.filter((result) => result.status === "fulfilled")).toHaveLength(1);
    for (const result of results) {
      if (result.status === "rejected") expect(result.reason).toMatchObject({ code: "ALREADY_EXISTS" });
    }
    expect((await listVersions(store)).map((info) => info.version)).toEqual([1]);
  });

  test("may be empty, and takes rows later", async () => {
    const store = createMemoryStore();
    const empty = await createDatasetManifest(store, { uri: "memory://t", schema: SCHEMA, fragments: [] });
    expect(empty.manifest.maxFragmentId).toBeUndefined();
    const filled = await commit(empty, appendOf(stageFragment()));
    expect(idsOf(filled)).toEqual([0]);
    expect(filled.manifest.maxFragmentId).toBe(0);
  });
});

describe("append", () => {
  test("takes new fragment ids from the highest ever, not from the highest there is", async () => {
    const store = createMemoryStore();
    const one = await createTable(store);
    const two = await commit(one, await stageDelete(one, {}, [2]));
    expect(idsOf(two)).toEqual([0, 1]);
    const three = await commit(two, appendOf(stageFragment(), stageFragment()));
    expect(idsOf(three)).toEqual([0, 1, 3, 4]);
    expect(three.manifest.maxFragmentId).toBe(4);
  });

  test("from a stale handle rebases", async () => {
    const store = createMemoryStore();
    const stale = await createTable(store);
    const other = await open(store);
    await commit(other, appendOf(stageFragment()));
    const mine = await commit(stale, appendOf(stageFragment()));
    expect(mine.version).toBe(3);
    expect(idsOf(mine)).toEqual([0, 1, 2, 3, 4]);
  });

  test("fifty racing: none is lost", async () => {
    const store = createMemoryStore();
    const snapshot = await createTable(store, 1);
    const rows = Array.from({ length: 50 }, (_, i) => 1000 + i);
    const versions = await Promise.all(
      rows.map(async (count) => (await commit(snapshot, appendOf(stageFragment(count)))).version),
    );
    expect(versions.sort((a, b) => a - b)).toEqual(rows.map((_, i) => i + 2));
    const latest = await open(store);
    expect(latest.version).toBe(51);
    expect(latest.fragments.map((fragment) => fragment.physicalRows).sort((a, b) => a - b)).toEqual([100, ...rows]);
    expect(idsOf(latest)).toEqual(Array.from({ length: 51 }, (_, i) => i));
  });

  test("to a table with stable row ids continues them", async () => {
    const store = createMemoryStore();
    const one = await createTable(store, 2, { stableRowIds: true });
    expect(one.stableRowIds).toBe(true);
    const two = await commit(one, appendOf(stageFragment(7)));
    expect(two.manifest.nextRowId).toBe(207n);
    const fragment = two.fragments[2]!.proto;
    expect([...decodeRowIds(fragment.inlineRowIds!, 7)]).toEqual([200n, 201n, 202n, 203n, 204n, 205n, 206n]);
    expect(fragment.inlineCreatedAtVersions).toBeDefined();
  });

  test.each([
    ["fields the schema lacks", (file: object) => Object.assign(file, { fields: [0, 7] })],
    ["another file version", (file: object) => Object.assign(file, { fileMinorVersion: 2 })],
    ["columns not told", (file: object) => Object.assign(file, { columnIndices: [0] })],
  ])("of a file with %s is refused, and nothing changes", async (_, spoil) => {
    const store = createMemoryStore();
    const snapshot = await createTable(store);
    const fragment = stageFragment();
    spoil(fragment.files[0]!);
    await expect(commit(snapshot, appendOf(fragment))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await open(store)).version).toBe(1);
  });
});

describe("delete", () => {
  test("sets the feature flags, and lifts them with the last deletion file", async () => {
    const store = createMemoryStore();
    const one = await createTable(store);
    const two = await commit(one, await stageDelete(one, { 1: [3, 4] }));
    expect([two.manifest.readerFeatureFlags, two.manifest.writerFeatureFlags]).toEqual([1n, 1n]);
    expect(two.fragments[1]!.numRows).toBe(98);
    expect((await readLiveRows(two)).count()).toBe(298);
    const three = await commit(two, await stageDelete(two, {}, [1]));
    expect([three.manifest.readerFeatureFlags, three.manifest.writerFeatureFlags]).toEqual([0n, 0n]);
  });

  test("of other rows of the same fragment is united with what was deleted meanwhile", async () => {
    const store = createMemoryStore();
    const zero = await createTable(store);
    const base = await commit(zero, await stageDelete(zero, { 0: [50] }));
    const mine = await stageDelete(base, { 0: [1, 2, 50], 1: [9] });
    const second = await stageDelete(base, { 0: [7, 50] });
    const third = await stageDelete(base, { 2: [5] });
    await commit(base, second);
    await commit(base, third);
    const merged = await commit(base, mine);
    expect(merged.version).toBe(5);
    expect(await deletedOf(merged, 0)).toEqual([1, 2, 7, 50]);
    expect(await deletedOf(merged, 1)).toEqual([9]);
    expect(await deletedOf(merged, 2)).toEqual([5]);
    const reopened = await open(store);
    expect(await deletedOf(reopened, 0)).toEqual([1, 2, 7, 50]);
  });

  test("of a row another deleted too is a retryable conflict", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const mine = await stageDelete(base, { 0: [1, 2] });
    await commit(base, await stageDelete(base, { 0: [2, 3] }));
    await expect(commit(base, mine)).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true, fragmentId: 0 },
    });
    const latest = await open(store);
    expect(latest.version).toBe(2);
    expect(await deletedOf(latest, 0)).toEqual([2, 3]);
  });

  test("that takes the last rows together with another's drops the fragment", async () => {
    const store = createMemoryStore();
    const base = await createDatasetManifest(store, {
      uri: "memory://t",
      schema: SCHEMA,
      fragments: [stageFragment(4), stageFragment(4)],
    });
    const mine = await stageDelete(base, { 0: [0, 1] });
    await commit(base, await stageDelete(base, { 0: [2, 3].slice(0, 2) }));
    const merged = await commit(base, mine);
    expect(idsOf(merged)).toEqual([1]);
  });

  test("twenty racing on one fragment, disjoint: all hold", async () => {
    const store = createMemoryStore();
    const base = await createTable(store, 1);
    const staged = await Promise.all(Array.from({ length: 20 }, (_, i) => stageDelete(base, { 0: [i * 5] })));
    await Promise.all(staged.map((operation) => commit(base, operation)));
    expect(await deletedOf(await open(store), 0)).toEqual(Array.from({ length: 20 }, (_, i) => i * 5));
  });

  test("leaves no deletion file of a lost attempt", async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const base = await createTable(store, 1);
    const staged = await Promise.all(Array.from({ length: 8 }, (_, i) => stageDelete(base, { 0: [i] })));
    await Promise.all(staged.map((operation) => commit(base, operation)));
    // One file each by its stager, one by each rebase that became a version.
    expect([...objects.keys()].filter((path) => path.startsWith("_deletions/"))).toHaveLength(8 + 7);
    expect([...objects.keys()].filter((path) => path.startsWith("_transactions/"))).toHaveLength(9);
  });
});

test("a delete rebased in vain takes its united deletion file with it", async () => {
  const objects: MemoryObjects = new Map();
  const inner = createMemoryStore(objects);
  const base = await createTable(inner, 1);
  const mine = await stageDelete(base, { 0: [1] });
  let rivals = 3;
  const store: Store = {
    ...inner,
    async put(path, bytes, options) {
      // Another writer is first, three times over.
      if (path.endsWith(".manifest") && rivals-- > 0) {
        const latest = await open(inner);
        const rows = [...((await readDeletions(latest, latest.fragments[0]!)) ?? []), 90 - rivals];
        await commit(latest, await stageDelete(latest, { 0: rows.sort((a, b) => a - b) }));
      }
      await inner.put(path, bytes, options);
    },
  };
  const done = await commit({ ...base, store }, mine);
  expect(await deletedOf(done, 0)).toEqual([1, 88, 89, 90]);
  // Mine as staged, the rivals' three, and the one that was published.
  expect([...objects.keys()].filter((path) => path.startsWith("_deletions/"))).toHaveLength(5);
});

describe("createIndex", () => {
  test("adds and drops segments, and an append carries them byte for byte", async () => {
    const store = createMemoryStore();
    const one = await createTable(store);
    const [first, second] = [await stageIndex("a_idx", [0, 1]), await stageIndex("b_idx", [0], 1)];
    const two = await commit(one, createIndexOf([first, second]));
    expect(two.indices.map((index) => index.name)).toEqual(["a_idx", "b_idx"]);
    const three = await commit(two, appendOf(stageFragment()));
    expect(three.source.indexSection).toEqual(two.source.indexSection);
    expect((await open(store)).indices.map((index) => index.name)).toEqual(["a_idx", "b_idx"]);
    const four = await commit(three, createIndexOf([], [first]));
    expect(four.indices.map((index) => index.name)).toEqual(["b_idx"]);
    const five = await commit(four, createIndexOf([], [second]));
    expect(five.indices).toEqual([]);
    expect(five.source.indexSection).toBeUndefined();
    expect((await open(store)).manifest.indexSection).toBeUndefined();
  });

  test("rebases over appends and deletes; fragments that are gone leave its coverage", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const index = await stageIndex("a_idx", [0, 1, 2]);
    await commit(base, appendOf(stageFragment()));
    await commit(base, await stageDelete(base, { 0: [1] }, [1]));
    const done = await commit(base, createIndexOf([index]));
    expect(done.version).toBe(4);
    expect([...(await decodeFragmentBitmap(done.indices[0]!.fragmentBitmap))]).toEqual([0, 2]);
  });

  test("lets go of a fragment whose indexed column was written anew, and of no other", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const [onA, onB] = [await stageIndex("a_idx", [0, 1]), await stageIndex("b_idx", [0, 1], 1)];
    await commitForeign(
      base,
      {
        case: "update",
        value: create(Transaction_UpdateSchema, { fieldsModified: [0], updateMode: 1 }),
      },
      {
        change: (manifest) => {
          const file = manifest.fragments[0]!.files[0]!;
          file.fields = [-2, 1];
          manifest.fragments[0]!.files.push({ ...file, path: "new.lance", fields: [0], columnIndices: [0] });
        },
      },
    );
    const done = await commit(base, createIndexOf([onA, onB]));
    const [a, b] = done.indices;
    expect([...(await decodeFragmentBitmap(a!.fragmentBitmap))]).toEqual([1]);
    expect([...(await decodeFragmentBitmap(b!.fragmentBitmap))]).toEqual([0, 1]);
  });

  test("on a column dropped meanwhile is a retryable conflict", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const index = await stageIndex("b_idx", [0], 1);
    await commitForeign(
      base,
      {
        case: "project",
        value: { $typeName: "lance.table.Transaction.Project", schema: [], preservesNullability: true },
      },
      { change: (manifest) => void manifest.fields.splice(1, 1) },
    );
    await expect(commit(base, createIndexOf([index]))).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true, index: "b_idx", fields: [1] },
    });
  });

  test("of one name by two racers: one wins, the other is told to retry", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const results = await Promise.allSettled([
      commit(base, createIndexOf([await stageIndex("a_idx", [0])])),
      commit(base, createIndexOf([await stageIndex("a_idx", [1])])),
    ]);
    expect(results.map((result) => result.status).sort()).toEqual(["fulfilled", "rejected"]);
    const lost = results.find((result) => result.status === "rejected")!;
    expect(lost.reason).toMatchObject({ code: "COMMIT_CONFLICT", details: { retryable: true } });
  });
});

describe("what a commit meets", () => {
  test("an overwrite voids it for good", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    await commitForeign(base, {
      case: "overwrite",
      value: {
        $typeName: "lance.table.Transaction.Overwrite",
        fragments: [],
        schema: [],
        schemaMetadata: {},
        configUpsertValues: {},
        initialBases: [],
      },
    });
    await expect(commit(base, appendOf(stageFragment()))).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: false, readVersion: 1, version: 2 },
    });
  });

  test("what it does not know it carries over: config, metadata, base paths, tags of fields", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const changed = await commitForeign(
      base,
      { case: "updateConfig", value: create(Transaction_UpdateConfigSchema) },
      {
        change: (manifest) => {
          manifest.config = { "lance.auto_cleanup.interval": "20" };
          manifest.tableMetadata = { owner: "tests" };
          manifest.schemaMetadata = { note: new Uint8Array([1, 2, 3]) };
          manifest.basePaths = [
            { $typeName: "lance.table.BasePath", id: 4, isDatasetRoot: true, path: "/elsewhere", name: "old" },
          ];
          manifest.readerFeatureFlags = 16n;
          manifest.writerFeatureFlags = 16n + 32768n;
          manifest.maxAllocatedFieldId = 9;
          manifest.$unknown = [{ no: 99, wireType: 0, data: new Uint8Array([42]) }];
          manifest.fragments[0]!.$unknown = [{ no: 77, wireType: 0, data: new Uint8Array([7]) }];
        },
      },
    );
    const after = await commit(base, appendOf(stageFragment()));
    for (const key of ["config", "tableMetadata", "schemaMetadata", "basePaths", "maxAllocatedFieldId"] as const) {
      expect(after.manifest[key]).toEqual(changed.manifest[key]);
    }
    expect(after.manifest.readerFeatureFlags).toBe(16n);
    expect(after.manifest.writerFeatureFlags).toBe(16n + 32768n + 8n);
    const reopened = await open(store);
    expect(reopened.manifest.$unknown).toEqual([{ no: 99, wireType: 0, data: new Uint8Array([42]) }]);
    expect(toBinary(DataFragmentSchema, reopened.manifest.fragments[0]!)).toEqual(
      toBinary(DataFragmentSchema, changed.manifest.fragments[0]!),
    );
  });

  test("a table that keeps no transaction files gets none", async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    const base = await createTable(store);
    const changed = await commitForeign(
      base,
      { case: "updateConfig", value: create(Transaction_UpdateConfigSchema) },
      { change: (manifest) => Object.assign(manifest, { writerFeatureFlags: 32n }) },
    );
    const before = [...objects.keys()].filter((path) => path.startsWith("_transactions/")).length;
    const after = await commit(changed, appendOf(stageFragment()));
    expect([...objects.keys()].filter((path) => path.startsWith("_transactions/"))).toHaveLength(before);
    expect((await readTransactionOf(store, (await openVersion(after)).source))?.operation.case).toBe("append");
  });

  test("V1 names stay V1 names", async () => {
    const objects: MemoryObjects = new Map();
    const store = createMemoryStore(objects);
    await createTable(store);
    objects.set(formatManifestPath(1, "v1"), objects.get(formatManifestPath(1, "v2"))!);
    objects.delete(formatManifestPath(1, "v2"));
    const after = await commit(await open(store), appendOf(stageFragment()));
    expect(after.source.path).toBe("_versions/2.manifest");
    expect((await open(store)).version).toBe(2);
  });

  test("flags it cannot write", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    await commitForeign(
      base,
      { case: "updateConfig", value: create(Transaction_UpdateConfigSchema) },
      { change: (manifest) => Object.assign(manifest, { writerFeatureFlags: 131072n + 2n ** 40n }) },
    );
    await expect(commit(base, appendOf(stageFragment()))).rejects.toMatchObject({
      code: "UNSUPPORTED",
      message: expect.stringMatching(/131072 \(object metadata\), 1099511627776 \(unknown\)/),
    });
  });

  test("a version cleaned up between is a conflict, since nothing tells what it did", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    await commit(base, appendOf(stageFragment()));
    await commit(base, appendOf(stageFragment()));
    await store.delete(formatManifestPath(2, "v2"));
    await expect(commit(base, appendOf(stageFragment()))).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true, version: 2 },
    });
  });

  test("a read-only store", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const reader = { get: store.get.bind(store), capabilities: { ...store.capabilities, write: false } };
    const snapshot = await openSnapshot(reader, { uri: "https://t" });
    await expect(commit(snapshot, appendOf(stageFragment()))).rejects.toMatchObject({ code: "UNSUPPORTED" });
    expect(base.version).toBe(1);
  });

  test("an abort before it starts", async () => {
    const store = createMemoryStore();
    const base = await createTable(store);
    const signal = AbortSignal.abort();
    await expect(commit(base, appendOf(stageFragment()), { signal })).rejects.toMatchObject({ code: "ABORTED" });
    expect((await open(store)).version).toBe(1);
  });

  test("its own write reported as lost is known again", async () => {
    const inner = createMemoryStore();
    const base = await createTable(inner);
    let lies = 1;
    const store: Store = {
      ...inner,
      async put(path, bytes, options) {
        await inner.put(path, bytes, options);
        if (path.endsWith(".manifest") && lies-- > 0) await inner.put(path, bytes, options);
      },
    };
    const snapshot = await open(store);
    const after = await commit(snapshot, appendOf(stageFragment()));
    expect(after.version).toBe(2);
    expect((await open(inner)).version).toBe(2);
    expect(base.version).toBe(1);
  });

  test("more losses than it may take", async () => {
    const inner = createMemoryStore();
    await createTable(inner);
    const store: Store = {
      ...inner,
      async put(path, bytes, options) {
        // Another writer is always first.
        if (path.endsWith(".manifest")) await commit(await open(inner), appendOf(stageFragment()));
        await inner.put(path, bytes, options);
      },
    };
    await expect(commit(await open(store), appendOf(stageFragment()), { maxRetries: 2 })).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: true, attempts: 3 },
    });
  });
});

test("no space left is an error with its code, and leaves the old version without debris", async () => {
  const outcomes = new Set<string>();
  for (let quotaBytes = 0; quotaBytes < 2000; quotaBytes += 50) {
    const objects: MemoryObjects = new Map();
    await createTable(createMemoryStore(objects));
    const before = [...objects.keys()].sort();
    const faulty = createFaultyStore(createMemoryStore(objects), { quotaBytes });
    const outcome = await commit(await open(faulty), appendOf(stageFragment())).then(
      () => "committed",
      (error) => error.code as string,
    );
    outcomes.add(outcome);
    expect((await open(createMemoryStore(objects))).version).toBe(outcome === "committed" ? 2 : 1);
    if (outcome !== "committed") expect([...objects.keys()].sort()).toEqual(before);
  }
  expect([...outcomes]).toEqual(["QUOTA_EXCEEDED", "committed"]);
});

describe("a table made anew under a handle", () => {
  test("voids its operations", async () => {
    const store = createMemoryStore();
    const one = await createTable(store);
    const two = await commit(one, appendOf(stageFragment()));
    for await (const { path } of store.list("")) await store.delete(path);
    await createTable(store);
    await expect(commit(two, appendOf(stageFragment()))).rejects.toMatchObject({
      code: "COMMIT_CONFLICT",
      details: { retryable: false },
    });
  });
});

test("a handle forty versions behind rebases over them all", async () => {
  const store = createMemoryStore();
  const stale = await createTable(store, 1);
  let latest = stale;
  for (let i = 0; i < 40; i++) latest = await commit(latest, appendOf(stageFragment()));
  expect((await commit(stale, appendOf(stageFragment()))).version).toBe(42);
  const overwritten = await commitForeign(latest, {
    case: "restore",
    value: { $typeName: "lance.table.Transaction.Restore", version: 1n },
  });
  for (let i = 0; i < 10; i++) latest = await commit(overwritten, appendOf(stageFragment()));
  await expect(commit(stale, appendOf(stageFragment()))).rejects.toMatchObject({
    details: { version: 43, retryable: false },
  });
});

test("indexes of a table with a write-ahead log are left to native", async () => {
  const store = createMemoryStore();
  const base = await createTable(store);
  const log = await commit(base, createIndexOf([await stageIndex("__lance_mem_wal", [0])]));
  await expect(commit(log, createIndexOf([await stageIndex("a_idx", [0])]))).rejects.toMatchObject({
    code: "UNSUPPORTED",
  });
  expect((await commit(log, appendOf(stageFragment()))).indices).toHaveLength(1);
});

describe("a crash at any write leaves the old version or the new one, whole", () => {
  const cases: Record<string, (snapshot: Snapshot) => Promise<Snapshot>> = {
    append: (snapshot) => commit(snapshot, appendOf(stageFragment())),
    delete: async (snapshot) => commit(snapshot, await stageDelete(snapshot, { 0: [1] }, [1])),
    createIndex: async (snapshot) => commit(snapshot, createIndexOf([await stageIndex("a_idx", [0])])),
  };

  test("create: no table, or the whole one", async () => {
    for (const stopEffect of ["none", "full"] as const) {
      for (let stopAtWrite = 1, stopped = true; stopped; stopAtWrite++) {
        const inner = createMemoryStore();
        const faulty = createFaultyStore(inner, { stopAtWrite, stopEffect });
        const made = await createTable(faulty).then(
          () => true,
          () => false,
        );
        stopped = faulty.stopped;
        const left = await open(inner).catch((error) => error.code as string);
        if (made) expect(left).toMatchObject({ version: 1 });
        else if (left === "NOT_FOUND") expect((await createTable(inner)).version).toBe(1);
        else expect(left).toMatchObject({ version: 1, fragments: [{ id: 0 }, { id: 1 }, { id: 2 }] });
      }
    }
  });

  test.each(Object.entries(cases))("%s", async (_, run) => {
    for (const stopEffect of ["none", "full"] as const) {
      for (let stopAtWrite = 1, stopped = true; stopped; stopAtWrite++) {
        const inner = createMemoryStore();
        await createTable(inner);
        const faulty = createFaultyStore(inner, { stopAtWrite, stopEffect });
        const outcome = await run(await open(faulty)).then(
          (snapshot) => snapshot.version,
          (error) => error.code as string,
        );
        stopped = faulty.stopped;
        const left = await open(inner);
        expect([1, 2]).toContain(left.version);
        if (!stopped) expect(outcome).toBe(2);
        if (outcome === 2) expect(left.version).toBe(2);
        for (const fragment of left.fragments) await readDeletions(left, fragment);
        expect((await readManifest(inner, left.source.path))?.manifest.version).toBe(BigInt(left.version));
        // And the next writer gets on.
        expect((await commit(left, appendOf(stageFragment()))).version).toBe(left.version + 1);
      }
    }
  });
});
