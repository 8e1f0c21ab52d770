import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { createMemoryStore } from "../../src/store/memory.ts";
import { shareStore } from "../../src/store/message-port.ts";
import { onAbort } from "../../src/store/on-abort.ts";
import { reopenStore } from "../../src/store/open-store.ts";
import type { Store } from "../../src/store/store.ts";
import { withCache } from "../../src/store/with-cache.ts";
import { withCoalescing } from "../../src/store/with-coalescing.ts";

/** Counts the listeners a signal carries now and at most. */
function watch(signal: AbortSignal) {
  const listeners = new Set<unknown>();
  const seen = { most: 0, now: () => listeners.size };
  const { addEventListener, removeEventListener } = signal;
  vi.spyOn(signal, "addEventListener").mockImplementation((type: string, listener: unknown, options: unknown) => {
    listeners.add(listener);
    seen.most = Math.max(seen.most, listeners.size);
    addEventListener.call(signal, type, listener as EventListener, options as AddEventListenerOptions);
  });
  vi.spyOn(signal, "removeEventListener").mockImplementation((type: string, listener: unknown) => {
    listeners.delete(listener);
    removeEventListener.call(signal, type, listener as EventListener);
  });
  return seen;
}

const COUNT = 1000;
const closers: (() => void)[] = [];
let memory: Store;

beforeEach(async () => {
  memory = createMemoryStore();
  await memory.put("a", new Uint8Array(COUNT * 1000), { mode: "create" });
});
afterEach(() => {
  for (const close of closers.splice(0)) close();
});

const stores: Record<string, () => Promise<Store>> = {
  "a coalescing store": async () => withCoalescing(memory, { maxGapBytes: 0 }),
  "a cache": async () => withCache(memory, { maxBytes: 1 << 20 }),
  "a cache over a coalescing store": async () => withCache(withCoalescing(memory), { maxBytes: 1 << 20 }),
  "a store over a port": async () => {
    const shared = shareStore({ ...memory, describe: () => undefined });
    const client = await reopenStore(shared.handle);
    closers.push(() => void client.close?.(), shared.close);
    return client;
  },
};

describe.each(Object.entries(stores))("1,000 concurrent gets on %s with one signal", (_, open) => {
  const readAll = (store: Store, signal: AbortSignal) =>
    Array.from({ length: COUNT }, (_, i) => store.get("a", { offset: i * 1000, length: 500 }, { signal }));

  it("leave it with at most one listener, and with none in the end", async () => {
    const { signal } = new AbortController();
    const seen = watch(signal);
    const results = await Promise.all(readAll(await open(), signal));
    expect(results.every((result) => result?.bytes.byteLength === 500)).toBe(true);
    expect(seen.most).toBe(1);
    expect(seen.now()).toBe(0);
  });

  it("all end when it fires", async () => {
    const store = await open();
    const controller = new AbortController();
    const pending = readAll(store, controller.signal);
    controller.abort();
    const settled = await Promise.allSettled(pending);
    expect(settled.map((one) => (one.status === "rejected" ? one.reason.code : "read"))).toEqual(
      Array.from({ length: COUNT }, () => "ABORTED"),
    );
  });
});

describe("onAbort", () => {
  it("calls each that still waits once, also one function twice, and one that stops another", () => {
    const controller = new AbortController();
    const calls: string[] = [];
    const note = () => calls.push("note");
    onAbort(controller.signal, note);
    onAbort(controller.signal, note);
    const stop = onAbort(controller.signal, () => calls.push("stopped before"));
    onAbort(controller.signal, () => stopLater());
    const stopLater = onAbort(controller.signal, () => calls.push("stopped meanwhile"));
    stop();
    stop();
    controller.abort();
    controller.abort();
    expect(calls).toEqual(["note", "note"]);
  });

  it("listens again after everyone left", () => {
    const controller = new AbortController();
    const seen = watch(controller.signal);
    onAbort(controller.signal, () => {})();
    expect(seen.now()).toBe(0);
    const listener = vi.fn();
    onAbort(controller.signal, listener);
    controller.abort();
    expect(listener).toHaveBeenCalledTimes(1);
  });

  it("waits for nothing without a signal", () => {
    expect(() => onAbort(undefined, () => {})()).not.toThrow();
  });
});
