import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createOpfsStore } from "../../src/store/opfs.ts";
import { createOpfsDirectories } from "../../src/store/opfs-directories.ts";
import { createOpfsReader } from "../../src/store/opfs-read.ts";
import { createHandleReader, type FileSlice } from "../../src/store/opfs-read-worker.ts";
import type { ByteRange, ReadableStore } from "../../src/store/store.ts";
import { createPattern } from "../conformance/store-checks.ts";

const run = `opfs-read-test-${crypto.randomUUID()}`;
const NativeWorker = globalThis.Worker;
/** Slices a message, of each message to a worker of this thread that reads. */
const asked: number[] = [];

beforeAll(() => {
  globalThis.Worker = class extends NativeWorker {
    override postMessage(message: { op?: string; spans?: Float64Array }, options?: unknown) {
      if (message.op === "read") asked.push(message.spans!.length / 3);
      super.postMessage(message, options as Transferable[]);
    }
  };
});
afterAll(async () => {
  globalThis.Worker = NativeWorker;
  const root = await navigator.storage.getDirectory();
  await root.removeEntry(run, { recursive: true }).catch(() => {});
});

const SIZE = 300_000;

/** Slices of an object of `SIZE`, at once; the last ones reach beyond its end. */
function readSlices(store: ReadableStore, path: string, number: number) {
  const length = 1000;
  return Promise.all(
    Array.from({ length: number }, async (_, i) => {
      const offset = Math.floor((i * SIZE) / (number - 1));
      return { offset, length: Math.min(length, SIZE - offset), read: await store.get(path, { offset, length }) };
    }),
  );
}

async function expectPattern(store: ReadableStore, path: string, start: number, number = 40) {
  for (const { offset, length, read } of await readSlices(store, path, number)) {
    expect(read?.totalBytes).toBe(SIZE);
    expect(read?.bytes).toEqual(createPattern(length, start + offset));
  }
}

const slicesOf = (path: string): FileSlice[] => [0, 1000, SIZE - 10].map((offset) => ({ path, offset, length: 20 }));

describe("objects of which many slices are read", () => {
  it("are read by one message for all slices asked for at once, also of several objects", async () => {
    const store = createOpfsStore(`${run}/bursts`);
    for (const [i, path] of ["data/a", "data/b"].entries()) {
      await store.put(path, createPattern(SIZE, i), { mode: "create" });
      await expectPattern(store, path, i);
    }
    asked.length = 0;
    await Promise.all([expectPattern(store, "data/a", 0, 60), expectPattern(store, "data/b", 1, 30)]);
    expect(asked).toEqual([90]);
    const beyond = await store.get("data/a", { offset: 2 * SIZE, length: 5 });
    expect(beyond).toEqual({ bytes: new Uint8Array(0), totalBytes: SIZE });
  });

  it("are never held where the content of a path may change, or where the store was told not to", async () => {
    asked.length = 0;
    const store = createOpfsStore(`${run}/changing`);
    const plain = createOpfsStore(`${run}/changing`, { holdsHandles: false });
    for (const path of ["_versions/1.manifest", "_refs/tags/x.json"]) {
      await store.put(path, createPattern(SIZE), { mode: "create" });
      await expectPattern(store, path, 0);
      await expectPattern(plain, path, 0);
    }
    await store.put("data/a", createPattern(SIZE), { mode: "create" });
    await expectPattern(plain, "data/a", 0);
    expect(asked).toEqual([]);
  });

  it("are deleted and replaced while they are held, by this thread and another, and read anew then", async () => {
    const store = createOpfsStore(`${run}/held`);
    // As another thread or tab has it.
    const other = createHandleReader();
    const path = `${run}/held/data/a`;
    await store.put("data/a", createPattern(SIZE), { mode: "create" });
    for (const [start, change] of [
      [0, () => store.put("data/a", createPattern(SIZE, 1), { mode: "overwrite" })],
      [1, () => store.delete("data/a")],
      [2, () => store.delete("data/a")],
    ] as const) {
      if (start === 2) await store.put("data/a", createPattern(SIZE, 2), { mode: "create" });
      await expectPattern(store, "data/a", start);
      // They do not stop asking for it until it is gone.
      let changed = false;
      const reading = (async () => {
        while (!changed) await Promise.all([readSlices(store, "data/a", 9), other.read(slicesOf(path))]);
      })();
      await change().finally(() => {
        changed = true;
      });
      await reading;
      if (start === 0) await expectPattern(store, "data/a", 1);
      else expect((await readSlices(store, "data/a", 9)).every(({ read }) => read === undefined)).toBe(true);
    }
  });

  it("are let go of when the store is closed: their folder can be removed at once, and the store goes on", async () => {
    const store = createOpfsStore(`${run}/closed`);
    const folder = await (await navigator.storage.getDirectory()).getDirectoryHandle(run);
    for (const start of [0, 1]) {
      await store.put("data/a", createPattern(SIZE, start), { mode: "create" });
      await expectPattern(store, "data/a", start);
      await store.close!();
      await folder.removeEntry("closed", { recursive: true });
      expect(await store.get("data/a", { offset: 0, length: 5 })).toBeUndefined();
    }
  });

  it("an abort leaves the other reads alone", async () => {
    const store = createOpfsStore(`${run}/abort`);
    await store.put("data/a", createPattern(SIZE), { mode: "create" });
    await expectPattern(store, "data/a", 0);
    const abort = new AbortController();
    const left = store.get("data/a", { offset: 0, length: 10 }, { signal: abort.signal });
    const stays = store.get("data/a", { offset: 20, length: 10 });
    abort.abort();
    await expect(left).rejects.toMatchObject({ code: "ABORTED" });
    expect((await stays)?.bytes).toEqual(createPattern(10, 20));
  });
});

describe("handles that read", () => {
  const start = (url: string | URL) => new NativeWorker(url);

  it.each([
    ["no worker", () => Promise.reject(new DOMException("denied", "SecurityError"))],
    ["a worker that cannot start", () => start("data:text/javascript,throw new Error('refused')")],
    [
      "handles that only one may hold",
      (url: string) => {
        const source = `delete FileSystemSyncAccessHandle.prototype.mode; importScripts("${url}");`;
        return start(URL.createObjectURL(new Blob([source])));
      },
    ],
  ] as const)("are given up where the host has %s", async (name, startWorker) => {
    const store = createOpfsStore(`${run}/refused`);
    await store.put("data/a", createPattern(SIZE), { mode: "overwrite" });
    const counting = globalThis.Worker;
    globalThis.Worker = function refuse(url: string) {
      if (name === "no worker") throw new DOMException("denied", "SecurityError");
      return (startWorker as (url: string) => Worker)(url);
    } as unknown as typeof Worker;
    try {
      expect(await createHandleReader().read(slicesOf(`${run}/refused/data/a`))).toEqual([
        undefined,
        undefined,
        undefined,
      ]);
    } finally {
      globalThis.Worker = counting;
    }
  });

  it("are done without by one snapshot for all slices of an object asked for at once", async () => {
    const name = `${run}/snapshots`;
    await createOpfsStore(name).put("data/a", createPattern(SIZE), { mode: "create" });
    const reader = createOpfsReader({
      directories: createOpfsDirectories(name),
      toFullPath: (path) => `${name}/${path}`,
      holdsHandles: true,
      handles: { read: async (slices) => slices.map(() => undefined), release: async () => {} },
    });
    const store = { get: (path: string, range?: ByteRange) => reader.read(path, range ?? {}, undefined) };
    await expectPattern(store, "data/a", 0);
    const { getFile } = FileSystemFileHandle.prototype;
    let snapshots = 0;
    FileSystemFileHandle.prototype.getFile = function count() {
      snapshots++;
      return getFile.call(this);
    };
    try {
      await expectPattern(store, "data/a", 0);
    } finally {
      FileSystemFileHandle.prototype.getFile = getFile;
    }
    expect(snapshots).toBe(1);
    await createOpfsStore(name).delete("data/a");
    expect((await readSlices(store, "data/a", 9)).every(({ read }) => read === undefined)).toBe(true);
  });

  it("are let go of after the reads under way when a store is closed, and held no more", async () => {
    const name = `${run}/closing`;
    await createOpfsStore(name).put("data/a", createPattern(SIZE), { mode: "create" });
    const said: string[] = [];
    const reader = createOpfsReader({
      directories: createOpfsDirectories(name),
      toFullPath: (path) => `${name}/${path}`,
      holdsHandles: true,
      handles: {
        async read(slices) {
          await new Promise((resolve) => setTimeout(resolve));
          said.push("read");
          return slices.map(() => undefined);
        },
        release: async (paths) => void said.push(`release ${paths}`),
      },
    });
    const store = { get: (path: string, range?: ByteRange) => reader.read(path, range ?? {}, undefined) };
    const reading = expectPattern(store, "data/a", 0);
    await reader.close();
    expect(said).toEqual(["read", `release ${name}/data/a`]);
    await reading;
    await expectPattern(store, "data/a", 0);
    expect(said.length).toBe(2);
  });

  it("give nothing of what is not there, and of the others what lies there", async () => {
    const store = createOpfsStore(`${run}/partly`);
    await store.put("data/a", createPattern(SIZE), { mode: "create" });
    const there = slicesOf(`${run}/partly/data/a`);
    const found = await createHandleReader().read([
      ...slicesOf(`${run}/partly/data/b`),
      ...there,
      ...slicesOf(`${run}/x/y/z`),
    ]);
    expect(found.map((one) => one !== undefined)).toEqual([0, 0, 0, 1, 1, 1, 0, 0, 0].map(Boolean));
    for (const [i, { offset, length }] of there.entries()) {
      expect(found[3 + i]).toEqual({ bytes: createPattern(Math.min(length, SIZE - offset), offset), totalBytes: SIZE });
    }
  });
});
