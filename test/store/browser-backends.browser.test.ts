import { afterAll, afterEach, describe, expect, it } from "vitest";
import { openBrowserStore } from "../../src/store/browser-ladder.ts";
import { createHttpStore } from "../../src/store/http.ts";
import { createIndexedDbStore } from "../../src/store/indexeddb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createOpfsStore } from "../../src/store/opfs.ts";
import { withPersistentCache } from "../../src/store/persistent/with-persistent-cache.ts";
import type { Store } from "../../src/store/store.ts";
import { createPattern, listReadOnlyChecks } from "../conformance/store-checks.ts";
import { callBackendWorker, startBackendWorker } from "./support/call-worker.ts";

const run = `backend-test-${crypto.randomUUID()}`;
const root = await navigator.storage.getDirectory();
afterAll(async () => {
  await root.removeEntry(run, { recursive: true }).catch(() => {});
  for (const { name } of await indexedDB.databases()) if (name?.startsWith(run)) indexedDB.deleteDatabase(name);
});

async function listPaths(store: Store): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list("")) paths.push(path);
  return paths;
}

async function listNames(folder: FileSystemDirectoryHandle): Promise<string[]> {
  const names: string[] = [];
  for await (const name of folder.keys()) names.push(name);
  return names.sort();
}

async function openFolder(path: string): Promise<FileSystemDirectoryHandle> {
  let folder = root;
  for (const name of path.split("/")) folder = await folder.getDirectoryHandle(name, { create: true });
  return folder;
}

describe("opfs", () => {
  it("leaves no temporary file after success, refusal or abort, and sweeps old ones", async () => {
    const store = createOpfsStore(`${run}/sweep`);
    await store.put("a", createPattern(1), { mode: "create" });
    await store.put("a", createPattern(1), { mode: "create" }).catch(() => {});
    await store.put("a", createPattern(1), { mode: "overwrite" });
    const writer = await store.createWriter("b");
    await writer.write(createPattern(10));
    await writer.abort();
    const folder = await openFolder(`${run}/sweep`);
    expect(await listNames(folder)).toEqual(["a"]);
    const old = `.lancelet-tmp-${(Date.now() - 2 * 86_400_000).toString(36)}-x`;
    const young = `.lancelet-tmp-${Date.now().toString(36)}-x`;
    for (const name of [old, young]) await folder.getFileHandle(name, { create: true });
    expect(await listPaths(store)).toEqual(["a"]);
    expect(await listNames(folder)).toEqual([young, "a"]);
  });

  it("says that a file is held by an open handle, and waits for one that closes", async () => {
    const store = createOpfsStore(`${run}/locked`);
    await store.put("x", createPattern(5), { mode: "create" });
    const file = await (await openFolder(`${run}/locked`)).getFileHandle("x");
    const held = await file.createWritable();
    await held.write(new Uint8Array(3));
    // Reads are not in the way of a writer, nor it in theirs.
    expect((await store.get("x"))?.bytes).toEqual(createPattern(5));
    await expect(store.delete("x")).rejects.toMatchObject({
      code: "IO",
      message: expect.stringContaining("open handle"),
      details: { path: "x", locked: true },
    });
    // It closes once the store has met it.
    const { removeEntry } = FileSystemDirectoryHandle.prototype;
    let met = 0;
    FileSystemDirectoryHandle.prototype.removeEntry = async function (...args) {
      try {
        await removeEntry.apply(this, args);
      } catch (error) {
        if (met++ === 0) await held.abort();
        throw error;
      }
    };
    await store.delete("x").finally(() => {
      FileSystemDirectoryHandle.prototype.removeEntry = removeEntry;
    });
    expect(met).toBeGreaterThan(0);
    expect(await store.get("x")).toBeUndefined();
  });

  it("goes on after its folder was removed behind its back", async () => {
    const store = createOpfsStore(`${run}/removed`);
    await store.put("deep/er/x", createPattern(5), { mode: "create" });
    await (await openFolder(run)).removeEntry("removed", { recursive: true });
    expect(await store.get("deep/er/x")).toBeUndefined();
    expect(await listPaths(store)).toEqual([]);
    await store.delete("deep/er/x");
    await store.put("deep/er/x", createPattern(6), { mode: "create" });
    expect((await store.get("deep/er/x"))?.totalBytes).toBe(6);
    expect(await listPaths(store)).toEqual(["deep/er/x"]);
  });
});

describe("indexeddb", () => {
  it("reads few records for a slice of a large object, in chunks of any size", async () => {
    const bytes = createPattern(10_007);
    for (const chunkBytes of [1, 7, 1000, 10_007, 20_000]) {
      const store = createIndexedDbStore(`${run}-chunks-${chunkBytes}`, { chunkBytes });
      const size = chunkBytes === 1 ? 300 : bytes.byteLength;
      const writer = await store.createWriter("x");
      for (let at = 0; at < size; at += 333) await writer.write(bytes.subarray(at, Math.min(at + 333, size)));
      expect(await writer.close()).toBe(size);
      expect((await store.get("x"))?.bytes).toEqual(bytes.subarray(0, size));
      for (const [offset, length] of [
        [0, 1],
        [6, 2],
        [99, 150],
        [size - 1, 5],
      ] as const) {
        const got = await store.get("x", { offset, length });
        expect(got?.bytes).toEqual(bytes.subarray(offset, Math.min(offset + length, size)));
      }
      await store.close?.();
    }
  });

  it("frees the records of what is overwritten, deleted or abandoned", async () => {
    const name = `${run}-records`;
    const store = createIndexedDbStore(name, { chunkBytes: 100 });
    await store.put("x", createPattern(1000), { mode: "create" });
    await store.put("x", createPattern(250), { mode: "overwrite" });
    await store.put("x", createPattern(1000), { mode: "create" }).catch(() => {});
    const writer = await store.createWriter("y");
    await writer.write(createPattern(1000));
    await writer.abort();
    expect(await countRecords(name)).toBe(1 + 3);
    await store.delete("x");
    expect(await countRecords(name)).toBe(0);
  });

  it("makes way for a deletion of its database, and opens it anew", async () => {
    const name = `${run}-deleted`;
    const store = createIndexedDbStore(name);
    await store.put("x", createPattern(3), { mode: "create" });
    await new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.onsuccess = resolve;
      request.onerror = request.onblocked = reject;
    });
    expect(await store.get("x")).toBeUndefined();
    await store.put("x", createPattern(4), { mode: "create" });
    expect((await store.get("x"))?.totalBytes).toBe(4);
  });

  it("makes way for an upgrade by another tab, and goes on with the upgraded database", async () => {
    const name = `${run}-upgraded`;
    const store = createIndexedDbStore(name);
    await store.put("x", createPattern(3), { mode: "create" });
    const upgraded = await new Promise<IDBDatabase>((resolve, reject) => {
      const request = indexedDB.open(name, 5);
      request.onupgradeneeded = () => request.result.createObjectStore("of a later version");
      request.onsuccess = () => resolve(request.result);
      request.onerror = request.onblocked = reject;
    });
    upgraded.close();
    expect((await store.get("x"))?.totalBytes).toBe(3);
    await store.put("y", createPattern(4), { mode: "create" });
    expect(await listPaths(createIndexedDbStore(name))).toEqual(["x", "y"]);
  });

  it("is made once when several open it for the first time at once", async () => {
    const name = `${run}-first`;
    const stores = Array.from({ length: 6 }, () => createIndexedDbStore(name));
    await Promise.all(stores.map((store, i) => store.put(`data/${i}`, createPattern(i), { mode: "create" })));
    expect(await listPaths(stores[0]!)).toHaveLength(6);
  });

  it("refuses a database that belongs to something else", async () => {
    const name = `${run}-foreign`;
    const foreign = await new Promise<IDBDatabase>((resolve) => {
      const request = indexedDB.open(name);
      request.onupgradeneeded = () => request.result.createObjectStore("theirs");
      request.onsuccess = () => resolve(request.result);
    });
    foreign.close();
    await expect(createIndexedDbStore(name).get("x")).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
      details: { received: ["theirs"] },
    });
  });
});

for (const backend of ["opfs", "indexeddb"] as const) {
  it(`a worker that is killed while it writes leaves nothing to see on ${backend}`, async () => {
    const name = `${run}-killed-${backend}`;
    const store = backend === "opfs" ? createOpfsStore(name) : createIndexedDbStore(name);
    const worker = startBackendWorker();
    await callBackendWorker(worker, { id: 1, backend, prefix: name, half: "data/half.lance" });
    worker.terminate();
    expect(await store.get("data/half.lance")).toBeUndefined();
    expect(await listPaths(store)).toEqual([]);
    const writer = await store.createWriter("data/half.lance");
    await writer.write(createPattern(5));
    expect(await writer.close()).toBe(5);
    expect(await listPaths(store)).toEqual(["data/half.lance"]);
    if (backend === "opfs") await root.removeEntry(name, { recursive: true });
  });
}

describe("http from a page", () => {
  const url = new URL("./support/host/", import.meta.url).href;
  const served = ["a/b.bin", "empty.bin"];
  for (const check of listReadOnlyChecks()) {
    if (!check.objects.every(([path]) => served.includes(path))) continue;
    it(`${check.name}, on the main thread`, () => check.run(async () => createHttpStore(url)));
    it(`${check.name}, in a worker`, async () => {
      const worker = startBackendWorker();
      await callBackendWorker(worker, { id: 1, backend: "http", prefix: url, check: check.name });
      worker.terminate();
    });
  }

  it("explains what CORS refused", async () => {
    const store = createHttpStore(`http://127.0.0.1:1/table`);
    await expect(store.get("x")).rejects.toMatchObject({ code: "IO", message: expect.stringContaining("CORS") });
  });
});

describe("openBrowserStore", () => {
  it("takes OPFS here, and finds the data again", async () => {
    const opened = await openBrowserStore(`${run}/ladder`);
    expect(opened).toMatchObject({ rung: "opfs", refused: [] });
    expect(opened.message).toContain("stays on this device");
    await opened.store.put("x", createPattern(3), { mode: "create" });
    const again = await openBrowserStore(`${run}/ladder`);
    expect((await again.store.get("x"))?.totalBytes).toBe(3);
    expect(await listPaths(again.store)).toEqual(["x"]);
  });

  it("takes IndexedDB where OPFS refuses, as in a private window", async () => {
    const { getDirectory } = StorageManager.prototype;
    StorageManager.prototype.getDirectory = () => Promise.reject(new DOMException("denied", "SecurityError"));
    try {
      const opened = await openBrowserStore(`${run}-private`);
      expect(opened.rung).toBe("indexeddb");
      expect(opened.refused).toMatchObject([{ rung: "opfs", reason: expect.stringContaining("denied") }]);
    } finally {
      StorageManager.prototype.getDirectory = getDirectory;
    }
  });
});

describe("withPersistentCache", () => {
  const objects = new Map([["data/a", { bytes: createPattern(5000), modifiedMs: 0 }]]);
  const refuse = () => Promise.reject(new DOMException("denied", "SecurityError"));
  const { getDirectory } = StorageManager.prototype;
  const { open } = CacheStorage.prototype;
  afterEach(() => {
    StorageManager.prototype.getDirectory = getDirectory;
    CacheStorage.prototype.open = open;
  });

  it.each([
    ["the Cache API", [], true],
    ["OPFS where the Cache API refuses, as in a private window", ["caches"], true],
    ["nothing where both refuse", ["caches", "opfs"], false],
  ] as const)("keeps blocks in %s", async (_, refused, kept) => {
    if ((refused as readonly string[]).includes("caches")) CacheStorage.prototype.open = refuse;
    if ((refused as readonly string[]).includes("opfs")) StorageManager.prototype.getDirectory = refuse;
    const name = `${run}-cache-${refused.join("-")}`;
    let asked = 0;
    for (let visit = 0; visit < 2; visit++) {
      const host = createMemoryStore(objects);
      const counting: Store = {
        ...host,
        get: (...call) => {
          asked++;
          return host.get(...call);
        },
      };
      // Another bound is another handle on the same blocks, as in another tab.
      const store = withPersistentCache(counting, { key: "https://host/t/", name, maxBytes: 1_000_000 + visit });
      const slice = await store.get("data/a", { offset: 100, length: 900 });
      expect(slice?.bytes).toEqual(createPattern(900, 100));
      await store.close!();
    }
    expect(asked).toBe(kept ? 1 : 2);
    await root.removeEntry(`${name}-cache`, { recursive: true }).catch(() => {});
    await caches.delete(name).catch(() => {});
  });
});

async function countRecords(name: string): Promise<number> {
  const database = await new Promise<IDBDatabase>((resolve) => {
    const request = indexedDB.open(name);
    request.onsuccess = () => resolve(request.result);
  });
  const request = database.transaction("objects").objectStore("objects").count();
  await new Promise((resolve) => {
    request.onsuccess = resolve;
  });
  database.close();
  return request.result;
}
