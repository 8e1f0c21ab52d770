import { describe, expect, test } from "vitest";
import packageJson from "../../package.json" with { type: "json" };
import { createBoundedCache } from "../../src/table/bounded-cache.ts";
import { WRITER_VERSION } from "../../src/table/manifest/writer-version.ts";

describe("a bounded cache", () => {
  const make = (maxCost: number) => {
    const released: number[] = [];
    const cache = createBoundedCache<number>({
      maxCost,
      costOf: (value) => value,
      release: (value) => released.push(value),
    });
    return { cache, released };
  };

  test("loads a key once, also for callers at once", async () => {
    const { cache } = make(10);
    let loads = 0;
    const load = async () => ++loads;
    expect(await Promise.all([cache.get("a", load), cache.get("a", load)])).toEqual([1, 1]);
    expect(await cache.get("a", load)).toBe(1);
  });

  test("lets go of what was used longest ago, and releases it", async () => {
    const { cache, released } = make(10);
    for (const [key, cost] of [
      ["a", 4],
      ["b", 5],
    ] as const)
      await cache.get(key, async () => cost);
    await cache.get("a", async () => 99);
    await cache.get("c", async () => 3);
    await Promise.resolve();
    expect(released).toEqual([5]);
    expect(cache.cost).toBe(7);
    await cache.get("huge", async () => 50);
    expect(cache.cost).toBe(0);
  });

  test("forgets a failed load", async () => {
    const { cache } = make(10);
    await expect(cache.get("a", () => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await cache.get("a", async () => 2)).toBe(2);
    expect(cache.cost).toBe(2);
  });

  test("one caller's abort leaves the load to the others", async () => {
    const { cache } = make(10);
    const controller = new AbortController();
    let finish: (value: number) => void = () => undefined;
    const load = () =>
      new Promise<number>((resolve) => {
        finish = resolve;
      });
    const aborted = cache.get("a", load, controller.signal);
    const patient = cache.get("a", load);
    controller.abort();
    finish(1);
    await expect(aborted).rejects.toMatchObject({ code: "ABORTED" });
    expect(await patient).toBe(1);
  });

  test("clear releases everything", async () => {
    const { cache, released } = make(10);
    await cache.get("a", async () => 1);
    cache.clear();
    await Promise.resolve();
    expect([cache.cost, released]).toEqual([0, [1]]);
  });
});

test("manifests name the package's own version", () => {
  expect(WRITER_VERSION).toBe(packageJson.version);
});
