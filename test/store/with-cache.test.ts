import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createRangeCache } from "../../src/store/range-cache.ts";
import { withCache } from "../../src/store/with-cache.ts";
import { withCoalescing } from "../../src/store/with-coalescing.ts";
import { createPattern } from "../conformance/store-checks.ts";
import { createCountingStore } from "../support/counting-store.ts";
import fc from "../support/fast-check.ts";
import { createFaultyStore } from "../support/faulty-store.ts";

async function open(maxBytes = 100_000) {
  const memory = createMemoryStore();
  for (const path of ["a", "b", "_versions/latest_version_hint.json", "t.lance/_refs/tags/x.json"]) {
    await memory.put(path, createPattern(10_000), { mode: "create" });
  }
  const counting = createCountingStore(memory);
  return { memory, counting, store: withCache(counting, { maxBytes }) };
}

describe("withCache", () => {
  it("reads a slice once, and any slice within it not at all", async () => {
    const { store, counting } = await open();
    await store.get("a", { offset: 100, length: 100 });
    for (const range of [
      { offset: 100, length: 100 },
      { offset: 150, length: 20 },
      { offset: 199, length: 1 },
      { offset: 120, length: 0 },
    ]) {
      expect(await store.get("a", range)).toEqual({
        bytes: createPattern(range.length, range.offset),
        totalBytes: 10_000,
      });
    }
    expect(counting.log.length).toBe(1);
    await store.get("a", { offset: 150, length: 51 });
    await store.get("b", { offset: 100, length: 100 });
    expect(counting.log.length).toBe(3);
  });

  it("keeps what was fetched between slices that were one request", async () => {
    const { counting } = await open();
    const store = withCache(withCoalescing(counting, { maxGapBytes: 1000 }), { maxBytes: 100_000 });
    const slices = [100, 900, 1700].map((offset) => store.get("a", { offset, length: 10 }));
    expect((await Promise.all(slices)).map((result) => result?.bytes)).toEqual(
      [100, 900, 1700].map((offset) => createPattern(10, offset)),
    );
    expect((await store.get("a", { offset: 300, length: 1400 }))?.bytes).toEqual(createPattern(1400, 300));
    expect(counting.log.map(({ offset, length }) => [offset, length])).toEqual([[100, 1610]]);
    await store.get("a", { offset: 1700, length: 11 });
    expect(counting.log.length).toBe(2);
  });

  it("finds clipped, suffix and whole reads again", async () => {
    const { store, counting } = await open();
    await store.get("a", { suffix: 50 });
    expect((await store.get("a", { offset: 9990, length: 500 }))?.bytes).toEqual(createPattern(10, 9990));
    expect((await store.get("a", { suffix: 3 }))?.bytes).toEqual(createPattern(3, 9997));
    expect((await store.get("a", { offset: 20_000, length: 5 }))?.bytes.byteLength).toBe(0);
    expect(counting.log.length).toBe(1);
    await store.get("b");
    expect((await store.get("b", { offset: 5, length: 5 }))?.bytes).toEqual(createPattern(5, 5));
    expect(counting.log.length).toBe(2);
  });

  it("gives callers of one slice one request", async () => {
    const { store, counting } = await open();
    const reads = Array.from({ length: 10 }, () => store.get("a", { offset: 0, length: 10 }));
    for (const read of await Promise.all(reads)) expect(read?.bytes).toEqual(createPattern(10));
    expect(counting.log.length).toBe(1);
  });

  it("a caller that aborts leaves the others alone, and no cancelled request behind", async () => {
    const { memory } = await open();
    const store = withCache(createFaultyStore(memory, { latencyMs: 20 }), { maxBytes: 1000 });
    const abort = new AbortController();
    const range = { offset: 0, length: 10 };
    const left = store.get("a", range, { signal: abort.signal });
    const stays = store.get("a", range);
    abort.abort();
    await expect(left).rejects.toMatchObject({ code: "ABORTED" });
    expect((await stays)?.bytes).toEqual(createPattern(10));
    const alone = new AbortController();
    const cancelled = store.get("b", range, { signal: alone.signal });
    alone.abort();
    const next = store.get("b", range);
    await expect(cancelled).rejects.toMatchObject({ code: "ABORTED" });
    expect((await next)?.bytes).toEqual(createPattern(10));
  });

  it("keeps neither what may change, nor absence, nor failure", async () => {
    const { store, counting, memory } = await open();
    for (const path of ["_versions/latest_version_hint.json", "t.lance/_refs/tags/x.json"]) {
      counting.reset();
      await store.get(path);
      await store.get(path);
      expect(counting.log.length).toBe(2);
    }
    expect(await store.get("_versions/2.manifest")).toBeUndefined();
    await memory.put("_versions/2.manifest", createPattern(5), { mode: "create" });
    expect((await store.get("_versions/2.manifest"))?.totalBytes).toBe(5);
    const faulty = createFaultyStore(memory, { refuseReads: /a/ });
    const cached = withCache(faulty, { maxBytes: 1000 });
    await expect(cached.get("a", { offset: 0, length: 5 })).rejects.toMatchObject({ code: "IO" });
    faulty.setPlan({});
    expect((await cached.get("a", { offset: 0, length: 5 }))?.bytes).toEqual(createPattern(5));
  });

  it("forgets what is written or deleted through it, also while a read runs", async () => {
    const { store } = await open();
    const fresh = createPattern(10, 77);
    await store.get("a");
    await store.put("a", fresh, { mode: "overwrite" });
    expect((await store.get("a"))?.bytes).toEqual(fresh);
    await store.delete("a");
    expect(await store.get("a")).toBeUndefined();
    await store.get("b");
    const writer = await store.createWriter("b");
    await writer.write(fresh);
    const [, during] = await Promise.all([writer.close(), store.get("b", { offset: 0, length: 3 })]);
    expect(during?.bytes.byteLength).toBe(3);
    expect((await store.get("b"))?.bytes).toEqual(fresh);
  });

  it("is bounded: the least recently used goes first", async () => {
    const { store, counting } = await open(4000);
    const read = (offset: number) => store.get("a", { offset, length: 1000 });
    for (const offset of [0, 1000, 2000]) await read(offset);
    await read(0);
    await read(3000);
    counting.reset();
    await read(0);
    await read(2000);
    await read(3000);
    expect(counting.log.length).toBe(0);
    await read(1000);
    expect(counting.log.length).toBe(1);
    // Too large for half of the cache: not kept, and nothing was thrown out for it.
    await store.get("b");
    await store.get("b");
    expect(counting.gets("b").length).toBe(2);
  });

  it("gives what the store gives, and never exceeds its bound", async () => {
    const slice = fc.record({ path: fc.constantFrom("a", "b"), offset: fc.nat(260), length: fc.nat(120) });
    await fc.assert(
      fc.asyncProperty(fc.array(slice, { maxLength: 30 }), fc.nat(2000), async (slices, maxBytes) => {
        const memory = createMemoryStore();
        for (const path of ["a", "b"]) await memory.put(path, createPattern(200), { mode: "create" });
        const store = withCache(memory, { maxBytes });
        const cache = createRangeCache(maxBytes);
        for (const { path, ...range } of slices) {
          const expected = (await memory.get(path, range))!;
          expect(await store.get(path, range)).toEqual(expected);
          cache.add(path, range, expected);
          expect(cache.sizeBytes).toBeLessThanOrEqual(maxBytes);
        }
      }),
      { numRuns: 200 },
    );
  });

  it("does not keep a large buffer alive by a small slice", () => {
    const cache = createRangeCache(1000);
    const bytes = createPattern(100_000).subarray(0, 10);
    cache.add("a", { offset: 0, length: 10 }, { bytes, totalBytes: 100_000 });
    expect(cache.find("a", { offset: 0, length: 10 })?.bytes.buffer.byteLength).toBe(10);
  });

  it("clips nothing by a size that is only a lower bound", () => {
    const cache = createRangeCache(1000);
    const result = { bytes: createPattern(10), totalBytes: 10, totalBytesIsLowerBound: true } as const;
    cache.add("a", { offset: 0, length: 10 }, result);
    expect(cache.find("a", { offset: 2, length: 3 })?.bytes).toEqual(createPattern(3, 2));
    expect(cache.find("a", { offset: 5, length: 10 })).toBeUndefined();
    expect(cache.find("a", { suffix: 2 })).toBeUndefined();
    expect(cache.find("a", {})).toBeUndefined();
  });
});
