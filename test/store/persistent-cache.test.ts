import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { LanceError } from "../../src/errors.ts";
import { createMemoryStore, type MemoryObjects } from "../../src/store/memory.ts";
import { overrideStore } from "../../src/store/override-store.ts";
import { withPersistentCache } from "../../src/store/persistent/with-persistent-cache.ts";
import type { ByteRange, GetResult, Store } from "../../src/store/store.ts";
import { createPattern } from "../conformance/store-checks.ts";
import { type CountingStore, createCountingStore } from "../support/counting-store.ts";

const KEY = "https://host.example/table/";
let remote: MemoryObjects;
let device: MemoryObjects;
let asked: CountingStore;
let reachable: boolean;
let describeResult: (result: GetResult) => GetResult;
let opened: Store[];

beforeEach(() => {
  remote = new Map();
  device = new Map();
  reachable = true;
  describeResult = (result) => result;
  opened = [];
  asked = createCountingStore(createMemoryStore(remote));
});
afterEach(() => Promise.all(opened.map((store) => store.close?.())));

/** The table as a page opens it: a new one shares nothing with those before but the device. */
function visit(options: { maxBytes?: number; key?: string } = {}): Store {
  const host = overrideStore(asked as Store, {
    async get(path, range, call) {
      if (!reachable) throw new LanceError("IO", "could not fetch", { unreachable: true });
      const result = await asked.get(path, range, call);
      return result && describeResult(result);
    },
  });
  const { key = KEY, ...rest } = options;
  const store = withPersistentCache(host, { key, store: createMemoryStore(device), ...rest });
  opened.push(store);
  return store;
}

function setRemote(path: string, bytes: Uint8Array): void {
  remote.set(path, { bytes, modifiedMs: 0 });
}

/** Bytes of the blocks on the device. */
function deviceBytes(): number {
  return [...device.values()].reduce((sum, { bytes }) => sum + bytes.byteLength, 0);
}

const slices = () => asked.gets().map(({ offset, length, suffix }) => (suffix ? `-${suffix}` : `${offset}+${length}`));

describe("withPersistentCache", () => {
  it("asks for what was asked for, once, also after a reload", async () => {
    setRemote("data/a", createPattern(1_000_000));
    const first = visit();
    const ranges: ByteRange[] = [{ suffix: 100 }, { offset: 10, length: 20 }, { offset: 262_000, length: 600_000 }];
    for (const range of ranges) await first.get("data/a", range);
    await first.close!();
    expect(slices()).toEqual(["-100", "10+20", "262000+600000"]);
    const second = visit();
    for (const range of ranges) {
      expect(await second.get("data/a", range)).toEqual(await createMemoryStore(remote).get("data/a", range));
    }
    expect((await second.get("data/a", { offset: 300_000, length: 7 }))?.bytes).toEqual(createPattern(7, 300_000));
    expect(slices()).toHaveLength(3);
  });

  it("fetches only the parts it lacks, and near ones together", async () => {
    setRemote("data/a", createPattern(1_000_000));
    const store = visit();
    await store.get("data/a", { offset: 100_000, length: 100_000 });
    await store.get("data/a", { offset: 400_000, length: 10_000 });
    asked.reset();
    const whole = await store.get("data/a", { offset: 50_000, length: 450_000 });
    expect(whole?.bytes).toEqual(createPattern(450_000, 50_000));
    expect(slices().sort()).toEqual(["200000+300000", "50000+50000"]);
    asked.reset();
    expect((await store.get("data/a"))?.bytes).toEqual(createPattern(1_000_000));
    expect(slices().sort()).toEqual(["0+50000", "500000+500000"]);
  });

  it("keeps within its budget, the least recently used first to go, across reloads", async () => {
    const maxBytes = 700_000;
    for (const name of ["a", "b", "c", "d"]) setRemote(`data/${name}`, createPattern(200_000));
    for (const name of ["a", "b", "c"]) {
      const store = visit({ maxBytes });
      await store.get(`data/${name}`, { offset: 0, length: 200_000 });
      await store.close!();
    }
    const reader = visit({ maxBytes });
    await reader.get("data/a", { offset: 0, length: 200_000 });
    await reader.close!();
    expect(asked.gets()).toHaveLength(3);
    const writer = visit({ maxBytes });
    await writer.get("data/d", { offset: 0, length: 200_000 });
    await writer.close!();
    expect(deviceBytes()).toBeLessThan(maxBytes);
    asked.reset();
    const last = visit({ maxBytes });
    for (const name of ["d", "a", "c", "b"]) await last.get(`data/${name}`, { offset: 0, length: 200_000 });
    expect(asked.gets().map(({ path }) => path)).toEqual(["data/b"]);
  });

  it("holds the budget against a stream much larger than it, and against slices too large for it", async () => {
    const maxBytes = 600_000;
    setRemote("data/a", createPattern(5_000_000));
    const store = visit({ maxBytes });
    for (let at = 0; at < 5_000_000; at += 250_000) {
      expect((await store.get("data/a", { offset: at, length: 250_000 }))?.bytes).toEqual(createPattern(250_000, at));
    }
    expect((await store.get("data/a"))?.bytes).toEqual(createPattern(5_000_000));
    await store.close!();
    expect(deviceBytes()).toBeLessThan(maxBytes);
    const small = visit({ maxBytes: 10, key: "https://other/" });
    await small.get("data/a", { offset: 0, length: 100 });
    await small.close!();
    expect((await small.get("data/a", { offset: 0, length: 100 }))?.bytes).toEqual(createPattern(100));
  });

  it("answers offline from what is kept, and says what is not", async () => {
    setRemote("data/a", createPattern(1000));
    const store = visit();
    await store.get("data/a", { offset: 100, length: 200 });
    await store.close!();
    reachable = false;
    const offline = visit();
    expect((await offline.get("data/a", { offset: 150, length: 50 }))?.bytes).toEqual(createPattern(50, 150));
    await expect(offline.get("data/a", { offset: 250, length: 100 })).rejects.toMatchObject({
      code: "IO",
      message: expect.stringMatching(/^offline: .*bytes 300 to 349 are not on this device.*copyTo/),
      details: { offline: true, missing: [{ start: 300, end: 350 }] },
    });
    await expect(offline.get("data/b")).rejects.toMatchObject({ code: "IO", details: { offline: true } });
  });

  it("asks the host for manifests and refs first, and keeps no absence and no hint", async () => {
    const manifest = "_versions/18446744073709551614.manifest";
    const hint = "_versions/latest_version_hint.json";
    for (const path of [manifest, hint, "_refs/tags/a.json"]) setRemote(path, createPattern(100));
    const store = visit();
    for (const path of [manifest, hint, "_refs/tags/a.json", "data/none", "_versions/2.manifest"])
      await store.get(path);
    expect(await store.listKept!("_versions/")).toEqual([manifest]);
    await store.close!();
    // The table was made anew.
    setRemote(manifest, createPattern(90, 7));
    expect((await visit().get(manifest, { suffix: 50 }))?.bytes).toEqual(createPattern(50, 47));
    setRemote("data/none", createPattern(3));
    expect((await visit().get("data/none"))?.totalBytes).toBe(3);
    await Promise.all(opened.map((each) => each.close!()));
    reachable = false;
    const offline = visit();
    expect((await offline.get("_refs/tags/a.json"))?.bytes).toEqual(createPattern(100));
    expect((await offline.get(manifest, { suffix: 50 }))?.bytes).toEqual(createPattern(50, 47));
    await expect(offline.get(hint)).rejects.toMatchObject({ details: { unreachable: true } });
    expect(await offline.listKept!("_versions/")).toEqual([manifest]);
  });

  it.each([
    ["another length", (result: GetResult) => result, 900],
    ["another etag", (result: GetResult) => ({ ...result, etag: '"2"' }), 1000],
  ])("drops an object that became another one: %s", async (_, describeNew, sizeBytes) => {
    describeResult = (result) => (sizeBytes === 1000 ? { ...result, etag: '"1"' } : result);
    setRemote("data/a", createPattern(1000));
    const store = visit();
    await store.get("data/a", { offset: 0, length: 500 });
    await store.close!();
    describeResult = describeNew;
    setRemote("data/a", createPattern(sizeBytes, 11));
    const later = visit();
    expect((await later.get("data/a", { offset: 400, length: 200 }))?.bytes).toEqual(createPattern(200, 411));
    expect((await later.get("data/a", { offset: 0, length: 500 }))?.bytes).toEqual(createPattern(500, 11));
  });

  it("serves a host that hides sizes", async () => {
    describeResult = (result) => ({ ...result, totalBytes: 300, totalBytesIsLowerBound: true });
    setRemote("data/a", createPattern(1000));
    for (const store of [visit(), visit()]) {
      const got = await store.get("data/a", { offset: 100, length: 200 });
      expect(got).toEqual({ bytes: createPattern(200, 100), totalBytes: 300, totalBytesIsLowerBound: true });
      await store.close!();
    }
    expect(asked.gets()).toHaveLength(1);
  });

  it("keeps nothing of what only passes through", async () => {
    setRemote("data/a", createPattern(1000));
    const store = visit();
    await store.get("data/a", {}, { transient: true });
    await store.close!();
    expect([...device.keys()].filter((key) => key !== "ledger" && !key.startsWith("probe"))).toEqual([]);
    await store.get("data/a", { offset: 0, length: 1000 });
    asked.reset();
    await store.get("data/a", {}, { transient: true });
    expect(asked.gets()).toEqual([]);
  });

  it("gives right bytes whatever became of its blocks, from several tabs at once", async () => {
    const size = 700_000;
    setRemote("data/a", createPattern(size));
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1103515245) + 12345) >>> 0;
      return Math.floor((seed / 2 ** 32) * below);
    };
    for (let round = 0; round < 30; round++) {
      const tabs = [visit({ maxBytes: 900_000 }), visit({ maxBytes: 900_000 })];
      await Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          const offset = random(size);
          const length = random(random(2) ? 300_000 : 500);
          const got = await tabs[i % 2]!.get("data/a", { offset, length });
          expect(got?.bytes).toEqual(createPattern(size).subarray(offset, offset + length));
        }),
      );
      await Promise.all(tabs.map((tab) => tab.close!()));
      const keys = [...device.keys()];
      const key = keys[random(keys.length)]!;
      const { bytes } = device.get(key)!;
      const fate = random(4);
      if (fate === 0) device.delete(key);
      if (fate === 1) device.set(key, { bytes: bytes.subarray(0, random(bytes.length)), modifiedMs: 0 });
      if (fate === 2) device.set(key, { bytes: new TextEncoder().encode('{"rows":[[1,2]]}'), modifiedMs: 0 });
    }
    expect(deviceBytes()).toBeLessThan(900_000);
  });

  it("reads on when the device is full", async () => {
    setRemote("data/a", createPattern(100_000));
    const full = overrideStore(createMemoryStore(device), {
      put: () => Promise.reject(new LanceError("QUOTA_EXCEEDED", "full")),
    });
    const store = withPersistentCache(asked as Store, { key: KEY, store: full });
    for (let i = 0; i < 20; i++) {
      expect((await store.get("data/a", { offset: i * 5, length: 50 }))?.bytes).toEqual(createPattern(50, i * 5));
      if (i % 5 === 0) await store.close!();
    }
  });
});
