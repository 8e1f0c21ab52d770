import { isLanceError } from "../../src/errors.ts";
import type { Store } from "../../src/store/store.ts";

/** Opens a store on one data set, named by `key`; the same key again is another handle on the same data. */
export type StoreFactory = (key: string) => Promise<Store>;

/** What a back end is not asked to show. */
export interface StoreFeatures {
  /** Bytes of the large object. Default 100 MB. */
  readonly largeBytes?: number;
}

/** One clause of the contract. It throws when it does not hold, and needs no test runner: workers run it too. */
export interface StoreCheck {
  readonly name: string;
  run(open: StoreFactory): Promise<void>;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();
const PATHS = ["data/naïve café.lance", "data/空 白/☃ %41#?&+.lance", "data/𝒳.lance"];

/** The whole contract of a store that reads and writes. */
export function listStoreChecks(features: StoreFeatures = {}): StoreCheck[] {
  const readOnly = listReadOnlyChecks().map(({ name, objects, run }) => ({
    name,
    run: (open: StoreFactory) =>
      run(async (key) => {
        const store = await open(key);
        for (const [path, bytes] of objects) await store.put(path, bytes, { mode: "overwrite" });
        return store;
      }),
  }));
  return [...readOnly, ...readChecks, ...writeChecks, ...raceChecks, ...abortChecks, largeObjectCheck(features)];
}

/** Bytes that tell their own position. */
export function createPattern(length: number, start = 0): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let i = 0; i < length; i++) bytes[i] = patternAt(start + i);
  return bytes;
}

function patternAt(position: number): number {
  return (Math.imul(position, 2654435761) >>> 24) ^ (position & 255);
}

/** A clause about reading; the store holds `objects` before it runs. */
export interface ReadOnlyCheck extends StoreCheck {
  readonly objects: readonly (readonly [path: string, bytes: Uint8Array])[];
}

/** The contract of a store that only reads. */
export function listReadOnlyChecks(): ReadOnlyCheck[] {
  return [
    {
      name: "gives slices, clipped to the object",
      objects: [["a/b.bin", createPattern(1000)]],
      async run(open) {
        const store = await open("slices");
        for (const [range, start, end] of SLICES) {
          const got = await store.get("a/b.bin", range);
          const what = `get ${JSON.stringify(range)}`;
          equalBytes(got?.bytes, createPattern(end - start, start), what);
          if (!got?.totalBytesIsLowerBound) equal(got?.totalBytes, 1000, `${what}: totalBytes`);
          else if (got.totalBytes < end || got.totalBytes > 1000) throw new Error(`${what}: ${got.totalBytes} bytes`);
          // Each alone, since stores learn from one read for the next.
          const alone = await (await open("slices")).get("a/b.bin", range);
          equalBytes(alone?.bytes, createPattern(end - start, start), `${what}, first`);
        }
      },
    },
    {
      name: "reads an empty object",
      objects: [["empty.bin", new Uint8Array()]],
      async run(open) {
        for (const range of [{}, { offset: 0, length: 4 }, { suffix: 4 }, { offset: 0, length: 0 }]) {
          const got = await (await open("empty")).get("empty.bin", range);
          equal(got?.bytes.byteLength, 0, "bytes");
          equal(got?.totalBytes, 0, "totalBytes");
        }
      },
    },
    {
      name: "gives undefined for what is not there",
      objects: [["a/b.bin", createPattern(3)]],
      async run(open) {
        const store = await open("missing");
        for (const path of ["nothing", "a/nothing", "no/such/folder", "a", "a/b.bin/below"]) {
          for (const range of [{}, { offset: 0, length: 1 }, { suffix: 1 }, { offset: 0, length: 0 }]) {
            equal(await store.get(path, range), undefined, `get ${path}`);
          }
        }
      },
    },
    {
      name: "reads paths with unicode, spaces and URL signs",
      objects: PATHS.map((path) => [path, encoder.encode(path)] as const),
      async run(open) {
        const store = await open("read-unicode");
        for (const path of PATHS) equal(await readText(store, path), path, path);
      },
    },
    {
      name: "refuses to read by paths and ranges that are none, or after an abort",
      objects: [["a", createPattern(3)]],
      async run(open) {
        const store = await open("read-refusals");
        for (const path of BAD_PATHS) await rejects(store.get(path), "INVALID_ARGUMENT", `get ${JSON.stringify(path)}`);
        for (const range of BAD_RANGES) await rejects(store.get("a", range), "INVALID_ARGUMENT", JSON.stringify(range));
        await rejects(store.get("a", {}, { signal: AbortSignal.abort() }), "ABORTED", "get");
      },
    },
  ];
}

const SLICES: [Parameters<Store["get"]>[1], number, number][] = [
  [undefined, 0, 1000],
  [{}, 0, 1000],
  [{ offset: 0, length: 1 }, 0, 1],
  [{ offset: 10, length: 20 }, 10, 30],
  [{ offset: 990, length: 100 }, 990, 1000],
  [{ offset: 999, length: 1 }, 999, 1000],
  [{ offset: 5, length: 0 }, 5, 5],
  [{ offset: 1000, length: 5 }, 1000, 1000],
  [{ offset: 5000, length: 5 }, 1000, 1000],
  [{ suffix: 7 }, 993, 1000],
  [{ suffix: 0 }, 1000, 1000],
  [{ suffix: 5000 }, 0, 1000],
];
const BAD_PATHS = ["", "/a", "a//b", "a/", "../a", "a/../b", "./a", "a\\b", "a\0b", ".lancelet-tmp-1"];
const BAD_RANGES = [{ offset: -1, length: 1 }, { offset: 0, length: 0.5 }, { offset: 1 }, { suffix: Number.NaN }] as {
  suffix: number;
}[];

const readChecks: StoreCheck[] = [
  {
    name: "refuses to write by paths that are none",
    async run(open) {
      const store = await open("refusals");
      for (const path of BAD_PATHS) {
        await rejects(store.put(path, createPattern(1), { mode: "overwrite" }), "INVALID_ARGUMENT", `put ${path}`);
        await rejects(store.createWriter(path), "INVALID_ARGUMENT", `createWriter ${path}`);
        await rejects(store.delete(path), "INVALID_ARGUMENT", `delete ${path}`);
      }
      await rejects(listPaths(store, "../"), "INVALID_ARGUMENT", "list");
    },
  },
];

/** Kept from the garbage collector, which would close their files with a warning. */
const deadWriters: unknown[] = [];

const writeChecks: StoreCheck[] = [
  {
    name: "create refuses an existing path, overwrite replaces it",
    async run(open) {
      const store = await open("modes");
      await store.put("x", encoder.encode("first"), { mode: "create" });
      await rejects(store.put("x", encoder.encode("second"), { mode: "create" }), "ALREADY_EXISTS", "second create");
      equal(await readText(store, "x"), "first", "content");
      await store.put("x", encoder.encode("3"), { mode: "overwrite" });
      equal(await readText(store, "x"), "3", "content");
      await store.put("new/y", encoder.encode("y"), { mode: "overwrite" });
      equal(await readText(store, "new/y"), "y", "content");
    },
  },
  {
    name: "keeps its own copy of what is written",
    async run(open) {
      const store = await open("copies");
      const backing = createPattern(64);
      const view = backing.subarray(8, 24);
      await store.put("put", view, { mode: "create" });
      const writer = await store.createWriter("written");
      await writer.write(view);
      backing.fill(0);
      await writer.write(createPattern(8, 24));
      equal(await writer.close(), 24, "size");
      equalBytes((await store.get("put"))?.bytes, createPattern(16, 8), "put");
      equalBytes((await store.get("written"))?.bytes, createPattern(24, 8), "written");
    },
  },
  {
    name: "a writer shows nothing before close, and all of it after",
    async run(open) {
      const store = await open("writer");
      const writer = await store.createWriter("data/w.bin");
      await Promise.all([writer.write(createPattern(500)), writer.write(createPattern(700, 500))]);
      equal(await store.get("data/w.bin"), undefined, "before close");
      equalJson(await listPaths(store), [], "listing before close");
      equal(await writer.close(), 1200, "size");
      equalBytes((await store.get("data/w.bin"))?.bytes, createPattern(1200), "content");
      equalJson(await listPaths(store), ["data/w.bin"], "listing after close");
      await rejects(writer.write(createPattern(1)), "INVALID_ARGUMENT", "write after close");
      await writer.abort();
      equal((await store.get("data/w.bin"))?.totalBytes, 1200, "abort after close");
    },
  },
  {
    name: "a writer without bytes makes an empty object",
    async run(open) {
      const store = await open("writer-empty");
      equal(await (await store.createWriter("none")).close(), 0, "size");
      equal((await store.get("none"))?.totalBytes, 0, "totalBytes");
    },
  },
  {
    name: "a writer that stops half-way leaves nothing, and what was there before stays",
    async run(open) {
      const store = await open("half");
      await store.put("old", encoder.encode("old"), { mode: "create" });
      for (const path of ["old", "new"]) {
        const writer = await store.createWriter(path);
        await writer.write(createPattern(100_000));
        await writer.abort();
        await writer.abort();
        await rejects(writer.close(), "ABORTED", "close after abort");
        // One that is never ended: its process died.
        const dead = await store.createWriter(path);
        await dead.write(createPattern(100_000));
        deadWriters.push(dead);
      }
      const again = await open("half");
      for (const each of [store, again]) {
        equalJson(await listPaths(each), ["old"], "listing");
        equal(await readText(each, "old"), "old", "old content");
        equal(await each.get("new"), undefined, "new");
      }
    },
  },
  {
    name: "a writer replaces an object whole",
    async run(open) {
      const store = await open("replace");
      await store.put("p", createPattern(5000), { mode: "create" });
      const writer = await store.createWriter("p");
      await writer.write(createPattern(10, 3));
      equal((await store.get("p"))?.totalBytes, 5000, "before close");
      await writer.close();
      equalBytes((await store.get("p"))?.bytes, createPattern(10, 3), "after close");
    },
  },
  {
    name: "lists in order, by prefix, recursively, with sizes",
    async run(open) {
      const store = await open("list");
      const paths = ["a.bin", "a/1", "a/2/3", "a/2/4", "a-b", "b/1", "ab/x", "a/10", "Z"];
      for (const [i, path] of paths.entries()) await store.put(path, createPattern(i), { mode: "create" });
      const sorted = [...paths].sort();
      equalJson(await listPaths(store), sorted, "all");
      for (const prefix of ["a", "a/", "a/2", "a/2/", "a/1", "b/1", "nothing", "a/2/3/", "no/such/"]) {
        equalJson(
          await listPaths(store, prefix),
          sorted.filter((path) => path.startsWith(prefix)),
          `prefix ${prefix}`,
        );
      }
      for await (const object of store.list("")) {
        equal(object.sizeBytes, paths.indexOf(object.path), `size of ${object.path}`);
      }
    },
  },
  {
    name: "deletes, also what is not there",
    async run(open) {
      const store = await open("delete");
      await store.put("d/1", createPattern(10), { mode: "create" });
      await store.put("d/2", createPattern(10), { mode: "create" });
      await store.delete("d/1");
      await store.delete("d/1");
      await store.delete("no/such/path");
      equal(await store.get("d/1"), undefined, "deleted");
      equalJson(await listPaths(store), ["d/2"], "listing");
      await store.put("d/1", createPattern(4), { mode: "create" });
      equal((await store.get("d/1"))?.totalBytes, 4, "created again");
    },
  },
  {
    name: "keeps unicode, spaces and URL signs in paths",
    async run(open) {
      const store = await open("unicode");
      for (const path of PATHS) await store.put(path, encoder.encode(path), { mode: "create" });
      for (const path of PATHS) equal(await readText(store, path), path, path);
      equalJson(await listPaths(store), [...PATHS].sort(), "listing");
    },
  },
  {
    name: "another handle on the same data sees it",
    async run(open) {
      const [one, two] = [await open("handles"), await open("handles")];
      await one.put("x", encoder.encode("1"), { mode: "create" });
      equal(await readText(two, "x"), "1", "content");
      await two.put("x", encoder.encode("22"), { mode: "overwrite" });
      equal(await readText(one, "x"), "22", "content after overwrite");
      await one.delete("x");
      equal(await two.get("x"), undefined, "after delete");
      equalJson(await listPaths(two), [], "listing");
    },
  },
  {
    name: "keeps two data sets apart",
    async run(open) {
      const [one, two] = [await open("apart-1"), await open("apart-2")];
      await one.put("x", encoder.encode("1"), { mode: "create" });
      await two.put("x", encoder.encode("2"), { mode: "create" });
      equal(await readText(one, "x"), "1", "first");
      equal(await readText(two, "x"), "2", "second");
    },
  },
];

const raceChecks: StoreCheck[] = [
  {
    name: "of 50 racing creates exactly one wins, on one handle and on two",
    async run(open) {
      for (const numHandles of [1, 2]) {
        const key = `race-${numHandles}`;
        const handles = await Promise.all(Array.from({ length: numHandles }, () => open(key)));
        const contents = Array.from({ length: 50 }, (_, i) => `writer ${i} ${"x".repeat(i)}`);
        const outcomes = await Promise.allSettled(
          contents.map((text, i) =>
            handles[i % numHandles]!.put("_versions/1.manifest", encoder.encode(text), { mode: "create" }),
          ),
        );
        const winners = contents.filter((_, i) => outcomes[i]!.status === "fulfilled");
        equal(winners.length, 1, `winners on ${numHandles} handles`);
        for (const outcome of outcomes) {
          if (outcome.status === "rejected" && !isLanceError(outcome.reason, "ALREADY_EXISTS")) throw outcome.reason;
        }
        for (const handle of handles) equal(await readText(handle, "_versions/1.manifest"), winners[0], "content");
        equalJson(await listPaths(handles[0]!), ["_versions/1.manifest"], "listing");
      }
    },
  },
  {
    name: "many writers into one new folder all arrive",
    async run(open) {
      const store = await open("folder-race");
      const paths = Array.from({ length: 30 }, (_, i) => `new/folder/${String(i).padStart(2, "0")}`);
      await Promise.all(
        paths.map(async (path, i) => {
          const writer = await store.createWriter(path);
          await writer.write(createPattern(i));
          await writer.close();
        }),
      );
      equalJson(await listPaths(store), paths, "listing");
    },
  },
  {
    name: "readers beside an overwrite see the old or the new object",
    async run(open) {
      const store = await open("overwrite-race");
      const [old, fresh] = ["o".repeat(1000), "n".repeat(2000)];
      await store.put("hint", encoder.encode(old), { mode: "create" });
      const reads = Array.from({ length: 20 }, () => readText(store, "hint"));
      const write = store.put("hint", encoder.encode(fresh), { mode: "overwrite" });
      reads.push(...Array.from({ length: 20 }, () => readText(store, "hint")));
      for (const text of await Promise.all(reads)) {
        if (text !== old && text !== fresh) throw new Error(`read a mixture: ${text?.length} characters`);
      }
      await write;
      equal(await readText(store, "hint"), fresh, "after");
    },
  },
];

const abortChecks: StoreCheck[] = [
  {
    name: "an aborted signal refuses every call before it does anything",
    async run(open) {
      const store = await open("aborted");
      await store.put("x", createPattern(10), { mode: "create" });
      const signal = AbortSignal.abort();
      await rejects(store.get("x", {}, { signal }), "ABORTED", "get");
      await rejects(store.put("y", createPattern(1), { mode: "create", signal }), "ABORTED", "put");
      await rejects(store.createWriter("z", { signal }), "ABORTED", "createWriter");
      await rejects(store.delete("x", { signal }), "ABORTED", "delete");
      await rejects(listPaths(store, "", signal), "ABORTED", "list");
      equalJson(await listPaths(store), ["x"], "listing");
    },
  },
  {
    name: "an abort during a write leaves nothing",
    async run(open) {
      const store = await open("abort-during");
      const abort = new AbortController();
      const writer = await store.createWriter("w", { signal: abort.signal });
      await writer.write(createPattern(1000));
      abort.abort();
      await rejects(writer.write(createPattern(1000)), "ABORTED", "write");
      await rejects(writer.close(), "ABORTED", "close");
      equal(await store.get("w"), undefined, "content");
      const during = new AbortController();
      const put = store.put("p", createPattern(3_000_000), { mode: "create", signal: during.signal });
      during.abort();
      const outcome = await put.then(
        () => "done",
        (error: unknown) => error,
      );
      const there = await store.get("p");
      // A put may win the race against its abort; it may not leave a part.
      if (outcome !== "done" && !isLanceError(outcome, "ABORTED")) throw outcome;
      if (outcome === "done" || there) equal(there?.totalBytes, 3_000_000, "content");
    },
  },
  {
    name: "an abort during a read rejects it and harms no other",
    async run(open) {
      const store = await open("abort-read");
      await store.put("x", createPattern(2_000_000), { mode: "create" });
      const abort = new AbortController();
      const left = store.get("x", {}, { signal: abort.signal });
      const stays = store.get("x", { offset: 1_999_990, length: 10 });
      abort.abort();
      const outcome = await left.then(
        () => "done",
        (error: unknown) => error,
      );
      if (outcome !== "done" && !isLanceError(outcome, "ABORTED")) throw outcome;
      equalBytes((await stays)?.bytes, createPattern(10, 1_999_990), "the other read");
    },
  },
];

function largeObjectCheck(features: StoreFeatures): StoreCheck {
  const largeBytes = features.largeBytes ?? 100_000_000;
  return {
    name: `writes an object of ${largeBytes / 1e6} MB and reads slices of it`,
    async run(open) {
      const store = await open("large");
      const stepBytes = 4_000_000;
      // One block again and again: patterns of 100 MB would take longer than the store.
      const block = createPattern(stepBytes);
      const writer = await store.createWriter("large.bin");
      for (let done = 0; done < largeBytes; done += stepBytes) await writer.write(block);
      equal(await writer.close(), largeBytes, "size");
      for (const offset of [0, 1, stepBytes - 5, largeBytes / 2 - 50, largeBytes - 100]) {
        const got = await store.get("large.bin", { offset, length: 100 });
        const expected = Uint8Array.from({ length: 100 }, (_, i) => patternAt((offset + i) % stepBytes));
        equalBytes(got?.bytes, expected, `slice at ${offset}`);
        equal(got?.totalBytes, largeBytes, "totalBytes");
      }
      const slicesMs: number[] = [];
      for (let i = 0; i < 50; i++) {
        const offset = (i * 1_000_003) % (largeBytes - 4096);
        slicesMs.push(await measureMs(() => store.get("large.bin", { offset, length: 4096 })));
      }
      const readWhole = async () => equal((await store.get("large.bin"))?.bytes.byteLength, largeBytes, "whole read");
      const wholeMs = Math.min(await measureMs(readWhole), await measureMs(readWhole));
      // A store that reads all of the object for each slice takes as long as this. Of fifty a quarter is undisturbed,
      // and where all of it takes no time a slice may take as much.
      const sliceMs = slicesMs.sort((a, b) => a - b)[12]!;
      if (sliceMs > Math.max(10, wholeMs / 4)) {
        throw new Error(`slices of 4 KB take ${sliceMs} ms, all of it ${wholeMs}: is all of it read each time?`);
      }
      await store.delete("large.bin");
      equal(await store.get("large.bin", { suffix: 1 }), undefined, "deleted");
    },
  };
}

async function measureMs(run: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  await run();
  return performance.now() - startedMs;
}

async function listPaths(store: Store, prefix = "", signal?: AbortSignal): Promise<string[]> {
  const paths: string[] = [];
  for await (const object of store.list(prefix, { signal })) paths.push(object.path);
  return paths;
}

async function readText(store: Store, path: string): Promise<string | undefined> {
  const got = await store.get(path);
  return got && decoder.decode(got.bytes);
}

function equal(actual: unknown, expected: unknown, what: string): void {
  if (!Object.is(actual, expected))
    throw new Error(`${what}: expected ${String(expected)}, received ${String(actual)}`);
}

function equalJson(actual: unknown, expected: unknown, what: string): void {
  equal(JSON.stringify(actual), JSON.stringify(expected), what);
}

function equalBytes(actual: Uint8Array | undefined, expected: Uint8Array, what: string): void {
  equal(actual?.byteLength, expected.byteLength, `${what}: length`);
  const at = expected.findIndex((byte, i) => byte !== actual![i]);
  if (at >= 0) throw new Error(`${what}: byte ${at} is ${actual![at]}, expected ${expected[at]}`);
}

async function rejects(promise: Promise<unknown>, code: string, what: string): Promise<void> {
  const outcome = await promise.then(
    () => "nothing",
    (error: unknown) => error,
  );
  if (isLanceError(outcome) && outcome.code === code) return;
  throw new Error(`${what}: expected a rejection with ${code}, received ${String(outcome)}`, { cause: outcome });
}
