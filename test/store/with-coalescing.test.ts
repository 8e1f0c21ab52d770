import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { type CoalescingOptions, withCoalescing } from "../../src/store/with-coalescing.ts";
import { createPattern } from "../conformance/store-checks.ts";
import { createCountingStore } from "../support/counting-store.ts";
import fc from "../support/fast-check.ts";
import { createFaultyStore } from "../support/faulty-store.ts";

async function open(options?: CoalescingOptions, sizeBytes = 10_000) {
  const memory = createMemoryStore();
  await memory.put("a", createPattern(sizeBytes), { mode: "create" });
  await memory.put("b", createPattern(sizeBytes), { mode: "create" });
  const counting = createCountingStore(memory);
  return { counting, memory, store: withCoalescing(counting, options) };
}
const spans = (counting: Awaited<ReturnType<typeof open>>["counting"], path = "a") =>
  counting.gets(path).map((call) => [call.offset, call.length]);

describe("withCoalescing", () => {
  it("makes one request of neighbours, and gives each caller its slice", async () => {
    const { store, counting } = await open({ maxGapBytes: 10 });
    const asked = [
      [100, 50],
      [0, 20],
      [30, 70],
      [120, 10],
      [1000, 5],
    ] as const;
    const got = await Promise.all(asked.map(([offset, length]) => store.get("a", { offset, length })));
    for (const [i, [offset, length]] of asked.entries()) {
      expect(got[i]).toEqual({ bytes: createPattern(length, offset), totalBytes: 10_000 });
    }
    expect(spans(counting)).toEqual([
      [0, 150],
      [1000, 5],
    ]);
  });

  it("waits for callers that are a few awaits away, not for the next task", async () => {
    const { store, counting } = await open();
    const late = async (offset: number) => {
      for (let i = 0; i < 5; i++) await undefined;
      return store.get("a", { offset, length: 1 });
    };
    await Promise.all([store.get("a", { offset: 0, length: 1 }), late(5), late(9)]);
    expect(spans(counting)).toEqual([[0, 10]]);
    await store.get("a", { offset: 0, length: 1 });
    expect(spans(counting).length).toBe(2);
  });

  it("keeps to the gap and to the size of a request", async () => {
    const { store, counting } = await open({ maxGapBytes: 10, maxRequestBytes: 100 });
    const offsets = [0, 30, 60, 90, 121];
    await Promise.all(offsets.map((offset) => store.get("a", { offset, length: 20 })));
    await Promise.all([store.get("b", { offset: 0, length: 500 }), store.get("b", { offset: 100, length: 5 })]);
    expect(spans(counting)).toEqual([
      [0, 80],
      [90, 20],
      [121, 20],
    ]);
    expect(spans(counting, "b")).toEqual([[0, 500]]);
  });

  it("keeps paths apart, and passes whole and suffix reads", async () => {
    const { store, counting } = await open();
    await Promise.all([
      store.get("a", { offset: 0, length: 1 }),
      store.get("b", { offset: 1, length: 1 }),
      store.get("a"),
      store.get("a", { suffix: 3 }),
    ]);
    expect(counting.log.length).toBe(4);
  });

  it("a caller that aborts leaves the others alone; the request ends when all have left", async () => {
    const { memory } = await open();
    const signals: (AbortSignal | undefined)[] = [];
    const slow = createFaultyStore(memory, { latencyMs: 30 });
    const store = withCoalescing({
      get: (path, range, options) => {
        signals.push(options?.signal);
        return slow.get(path, range, options);
      },
    });
    const [one, two] = [new AbortController(), new AbortController()];
    const first = store.get("a", { offset: 0, length: 5 }, { signal: one.signal });
    const second = store.get("a", { offset: 5, length: 5 }, { signal: two.signal });
    setTimeout(() => one.abort(), 5);
    await expect(first).rejects.toMatchObject({ code: "ABORTED" });
    expect((await second)?.bytes).toEqual(createPattern(5, 5));
    expect(signals.map((signal) => signal?.aborted)).toEqual([false]);

    const both = new AbortController();
    const reads = [0, 5].map((offset) => store.get("a", { offset, length: 5 }, { signal: both.signal }));
    setTimeout(() => both.abort(), 5);
    for (const read of await Promise.allSettled(reads)) expect(read.status).toBe("rejected");
    expect(signals.at(-1)?.aborted).toBe(true);
  });

  it("one caller's bad range is its own failure; a failed request is told to all", async () => {
    const { store, memory } = await open();
    const bad = store.get("a", { offset: -1, length: 5 });
    const good = store.get("a", { offset: 0, length: 5 });
    await expect(bad).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect((await good)?.bytes.byteLength).toBe(5);
    const broken = withCoalescing(createFaultyStore(memory, { refuseReads: /a/ }));
    const reads = await Promise.allSettled([0, 9].map((offset) => broken.get("a", { offset, length: 5 })));
    expect(reads.map((read) => read.status === "rejected" && read.reason.code)).toEqual(["IO", "IO"]);
    expect(await broken.get("missing", { offset: 0, length: 5 })).toBeUndefined();
  });

  it("gives what the store gives, for any slices and limits", async () => {
    const slice = fc.record({ offset: fc.nat(260), length: fc.nat(120) });
    const limits = fc.record({ maxGapBytes: fc.nat(50), maxRequestBytes: fc.integer({ min: 1, max: 200 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(slice, { maxLength: 12 }), limits, async (slices, options) => {
        const { store, memory, counting } = await open(options, 200);
        const got = await Promise.all(slices.map((range) => store.get("a", range)));
        for (const [i, range] of slices.entries()) expect(got[i]).toEqual(await memory.get("a", range));
        expect(counting.log.length).toBeLessThanOrEqual(slices.length);
        const longest = Math.max(0, ...slices.map((each) => each.length));
        for (const call of counting.log) {
          expect(call.length).toBeLessThanOrEqual(Math.max(longest, options.maxRequestBytes));
        }
      }),
      { numRuns: 200 },
    );
  });
});
