import { describe, expect, test } from "vitest";
import { LanceError } from "../../src/errors.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import type { ReadableStore } from "../../src/store/store.ts";
import { commit } from "../../src/table/commit/commit.ts";
import { formatManifestPath, VERSION_HINT_PATH } from "../../src/table/manifest/manifest-path.ts";
import { listVersions } from "../../src/table/manifest/versions.ts";
import { openSnapshot, openVersion } from "../../src/table/snapshot.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";
import { appendOf, createTable, findLatestVersion, stageFragment } from "./support.ts";

useTestRuntime();

/** A table with versions 1 to `versions`, and the map that holds it. */
async function build(versions: number): Promise<MemoryObjects> {
  const objects: MemoryObjects = new Map();
  let snapshot = await createTable(createMemoryStore(objects), 1);
  while (snapshot.version < versions) snapshot = await commit(snapshot, appendOf(stageFragment()));
  return objects;
}

/** A host that cannot list, as HTTP. */
function withoutList(objects: MemoryObjects): ReadableStore {
  const store = createMemoryStore(objects);
  return { get: store.get, capabilities: { ...store.capabilities, list: false, write: false } };
}

function setHint(objects: MemoryObjects, text: string): void {
  objects.set(VERSION_HINT_PATH, { bytes: new TextEncoder().encode(text), modifiedMs: 0 });
}

function renameToV1(objects: MemoryObjects, versions: readonly number[]): void {
  for (const version of versions) {
    const path = formatManifestPath(version, "v2");
    objects.set(formatManifestPath(version, "v1"), objects.get(path)!);
    objects.delete(path);
  }
}

describe("the newest version", () => {
  test("by listing, whatever the hint says", async () => {
    const objects = await build(12);
    setHint(objects, '{"version":3}');
    expect(await findLatestVersion(createMemoryStore(objects))).toBe(12);
  });

  test("by listing V1 names, which do not sort by version", async () => {
    const objects = await build(12);
    renameToV1(
      objects,
      Array.from({ length: 12 }, (_, i) => i + 1),
    );
    expect(await findLatestVersion(createMemoryStore(objects))).toBe(12);
    expect(await findLatestVersion(withoutList(objects))).toBe(12);
  });

  test("mixed names are refused", async () => {
    const objects = await build(3);
    renameToV1(objects, [1]);
    await expect(findLatestVersion(createMemoryStore(objects))).rejects.toMatchObject({ code: "CORRUPT" });
  });

  test("detached versions and strangers are passed over", async () => {
    const objects = await build(2);
    const bytes = objects.get(formatManifestPath(2, "v2"))!;
    objects.set("_versions/d9223372036854775900.manifest", bytes);
    objects.set("_versions/18446744073709551613.manifest.tmp", bytes);
    objects.set("_versions/deep/18446744073709551600.manifest", bytes);
    expect(await findLatestVersion(createMemoryStore(objects))).toBe(2);
  });

  test.each([12, 11, 5, 1])("without listing, from a hint at %i of 12", async (hint) => {
    const objects = await build(12);
    setHint(objects, JSON.stringify({ version: hint }));
    expect(await findLatestVersion(withoutList(objects))).toBe(12);
  });

  test("without listing, from a hint whose version was cleaned up", async () => {
    const objects = await build(12);
    setHint(objects, '{"version":3}');
    for (let version = 1; version <= 6; version++) objects.delete(formatManifestPath(version, "v2"));
    expect(await findLatestVersion(withoutList(objects))).toBe(12);
  });

  test("without listing, an exact hint costs the hint, the manifest and one probe", async () => {
    const objects = await build(12);
    const counting = createCountingStore(createMemoryStore(objects));
    const store: ReadableStore = {
      get: counting.get.bind(counting),
      capabilities: { ...counting.capabilities, list: false },
    };
    expect((await openSnapshot(store, { uri: "https://t" })).version).toBe(12);
    expect(counting.gets().map((get) => get.path)).toEqual([
      VERSION_HINT_PATH,
      formatManifestPath(12, "v2"),
      formatManifestPath(13, "v2"),
    ]);
  });

  test.each([
    "",
    "{}",
    "null",
    "[1]",
    '{"version":"9"}',
    '{"version":-1}',
    '{"version":1e300}',
    '{"version":900}',
    "\u0000",
    "x".repeat(5000),
  ])("without listing, the hint %j is no help and no harm", async (text) => {
    const objects = await build(5);
    setHint(objects, text);
    expect(await findLatestVersion(withoutList(objects))).toBe(5);
  });

  test("without listing and hint, by galloping; also when the first versions were cleaned up", async () => {
    const objects = await build(9);
    objects.delete(VERSION_HINT_PATH);
    expect(await findLatestVersion(withoutList(objects))).toBe(9);
    for (const version of [1, 2, 3]) objects.delete(formatManifestPath(version, "v2"));
    expect(await findLatestVersion(withoutList(objects))).toBe(9);
  });

  test("no table", async () => {
    await expect(findLatestVersion(createMemoryStore())).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(findLatestVersion(withoutList(new Map()))).rejects.toMatchObject({ code: "NOT_FOUND" });
    await expect(openSnapshot(createMemoryStore(), { uri: "memory://none" })).rejects.toMatchObject({
      code: "NOT_FOUND",
      message: expect.stringContaining("memory://none"),
    });
  });

  test("an abort stops it", async () => {
    const objects = await build(2);
    await expect(findLatestVersion(createMemoryStore(objects), AbortSignal.abort())).rejects.toMatchObject({
      code: "ABORTED",
    });
  });
});

describe("a host that cannot be reached", () => {
  const unreachable = async () => {
    throw new LanceError("IO", "could not fetch", { unreachable: true });
  };
  const openOffline = (objects: MemoryObjects, kept: readonly number[]): ReadableStore => {
    const paths = kept.map((version) => formatManifestPath(version, "v2"));
    const { get, capabilities } = withoutList(objects);
    return {
      get: (path, range) => (paths.includes(path) ? get(path, range) : unreachable()),
      listKept: async () => paths,
      ...(capabilities ? { capabilities } : {}),
    };
  };

  test("leaves the newest version that is kept, and says so", async () => {
    const objects = await build(5);
    const snapshot = await openSnapshot(openOffline(objects, [4, 2]), { uri: "https://t" });
    expect([snapshot.version, snapshot.offline]).toEqual([4, true]);
    await expect(openSnapshot(openOffline(objects, []), { uri: "https://t" })).rejects.toMatchObject({ code: "IO" });
  });

  test("does not move a handle back", async () => {
    const objects = await build(5);
    const online = await openSnapshot(withoutList(objects), { uri: "https://t" });
    const stayed = await openVersion({ ...online, store: openOffline(objects, [2]) });
    expect([online.offline, stayed.version, stayed.offline]).toEqual([undefined, 5, true]);
  });
});

describe("pinned versions", () => {
  test("open with one read, and share nothing newer", async () => {
    const objects = await build(4);
    const counting = createCountingStore(createMemoryStore(objects));
    const snapshot = await openSnapshot(counting, { uri: "memory://t", version: 2 });
    expect(snapshot.version).toBe(2);
    expect(snapshot.fragments).toHaveLength(2);
    expect(counting.gets()).toHaveLength(1);
  });

  test("that are not there are named", async () => {
    const objects = await build(2);
    await expect(openSnapshot(createMemoryStore(objects), { uri: "memory://t", version: 7 })).rejects.toMatchObject({
      code: "NOT_FOUND",
      details: { version: 7 },
    });
    await expect(openSnapshot(createMemoryStore(objects), { uri: "memory://t", version: 0.5 })).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
  });
});

test("versions are listed with their figures, with and without a listing", async () => {
  const objects = await build(4);
  objects.delete(formatManifestPath(2, "v2"));
  for (const store of [createMemoryStore(objects), withoutList(objects)]) {
    const versions = await listVersions(store);
    expect(versions.map(({ version, numRows, numFragments }) => [version, numRows, numFragments])).toEqual([
      [1, 100, 1],
      [3, 300, 3],
      [4, 400, 4],
    ]);
    for (const { timestampMs } of versions) expect(Math.abs(Date.now() - timestampMs)).toBeLessThan(60_000);
  }
});
