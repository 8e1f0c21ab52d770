import { describe, expect, it } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { createPattern } from "../conformance/store-checks.ts";
import { createCountingStore } from "../support/counting-store.ts";
import { createFaultyStore } from "../support/faulty-store.ts";

async function openMemory() {
  const memory = createMemoryStore();
  await memory.put("a", createPattern(100), { mode: "create" });
  return memory;
}

describe("counting store", () => {
  it("logs what is asked and what it gave", async () => {
    const store = createCountingStore(await openMemory());
    await store.get("a", { offset: 90, length: 20 });
    await store.get("a", { suffix: 3 });
    await store.get("missing");
    await store.put("b", createPattern(4), { mode: "create" });
    const writer = await store.createWriter("c");
    await writer.write(createPattern(5));
    await writer.close();
    for await (const _ of store.list("x")) expect.unreachable();
    await store.delete("b");
    expect(store.log).toEqual([
      { op: "get", path: "a", offset: 90, length: 20, bytes: 10 },
      { op: "get", path: "a", suffix: 3, bytes: 3 },
      { op: "get", path: "missing", bytes: 0 },
      { op: "put", path: "b", bytes: 4 },
      { op: "write", path: "c", bytes: 5 },
      { op: "close", path: "c", bytes: 0 },
      { op: "list", path: "x", bytes: 0 },
      { op: "delete", path: "b", bytes: 0 },
    ]);
    expect(store.gets(/^a$/).length).toBe(2);
    expect(store.bytesRead()).toBe(13);
    store.reset();
    expect(store.log).toEqual([]);
    expect(store.capabilities.write).toBe(true);
  });
});

describe("faulty store", () => {
  const write = async (store: ReturnType<typeof createFaultyStore>) => {
    await store.put("p", createPattern(10), { mode: "create" });
    const writer = await store.createWriter("w");
    await writer.write(createPattern(10));
    await writer.write(createPattern(10));
    await writer.close();
    await store.delete("a");
  };

  it("stops at each write call, before it, and for good", async () => {
    const dry = createFaultyStore(await openMemory());
    await write(dry);
    expect(dry.numWrites).toBe(5);
    const left = [["a"], ["a", "p"], ["a", "p"], ["a", "p"], ["a", "p", "w"]];
    for (const [i, expected] of left.entries()) {
      const memory = await openMemory();
      const store = createFaultyStore(memory, { stopAtWrite: i + 1 });
      await expect(write(store)).rejects.toMatchObject({ code: "IO", details: { crashed: true } });
      expect(store.stopped).toBe(true);
      await expect(store.get("a")).rejects.toMatchObject({ details: { crashed: true } });
      await expect(store.put("q", createPattern(1), { mode: "create" })).rejects.toMatchObject({ code: "IO" });
      const paths: string[] = [];
      for await (const { path } of memory.list("")) paths.push(path);
      expect(paths).toEqual(expected);
    }
  });

  it("stops after a write took effect, or half of it did", async () => {
    const memory = await openMemory();
    await expect(write(createFaultyStore(memory, { stopAtWrite: 1, stopEffect: "full" }))).rejects.toThrow();
    expect((await memory.get("p"))?.totalBytes).toBe(10);
    const written: number[] = [];
    const inner = {
      ...memory,
      createWriter: async () => ({
        write: async (bytes: Uint8Array) => void written.push(bytes.byteLength),
        close: async () => 0,
        abort: async () => expect.unreachable("a dead process cleans nothing up"),
      }),
    };
    const store = createFaultyStore(inner, { stopAtWrite: 2, stopEffect: "partial" });
    const writer = await store.createWriter("w");
    await writer.write(createPattern(10));
    await expect(writer.write(createPattern(10))).rejects.toMatchObject({ details: { crashed: true } });
    await writer.abort();
    expect(written).toEqual([10, 5]);
  });

  it("refuses, shortens, truncates, flips and runs out of space as planned", async () => {
    const memory = await openMemory();
    const store = createFaultyStore(memory, { refuseReads: /^a$/, quotaBytes: 15 });
    await expect(store.get("a")).rejects.toMatchObject({ code: "IO" });
    await store.put("b", createPattern(10), { mode: "create" });
    await expect(store.put("c", createPattern(10), { mode: "create" })).rejects.toMatchObject({
      code: "QUOTA_EXCEEDED",
    });
    await store.put("d", createPattern(5), { mode: "create" });
    store.setPlan({ shortReads: /^a$/ });
    expect((await store.get("a", { offset: 0, length: 10 }))?.bytes.byteLength).toBe(9);
    store.setPlan({ truncatePaths: /^a$/ });
    expect(await store.get("a", { suffix: 10 })).toEqual({ bytes: createPattern(10, 40), totalBytes: 50 });
    store.setPlan({ bitFlips: { seed: 3, count: 2, paths: /^a$/ } });
    const flipped = (await store.get("a"))!.bytes;
    const differing = [...createPattern(100)].flatMap((byte, i) => (byte === flipped[i] ? [] : [i]));
    expect(differing.length).toBe(2);
    for (const i of differing) {
      expect((await store.get("a", { offset: i, length: 1 }))?.bytes[0]).toBe(flipped[i]);
    }
    expect((await store.get("b"))?.bytes).toEqual(createPattern(10));
  });
});
