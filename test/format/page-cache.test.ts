import { expect, test } from "vitest";
import type { PageAccess } from "../../src/format/read/page-access.ts";
import { PageCache } from "../../src/format/read/page-cache.ts";

function fakePage(cachedBytes: number) {
  const page = { isOpen: true, cachedBytes, closed: 0, close: () => void page.closed++ };
  return page as typeof page & PageAccess;
}

test("pages over the budget are closed, least recently used first", () => {
  const cache = new PageCache(100);
  const pages = ["a", "b", "c"].map((key) => {
    const page = fakePage(40);
    cache.acquire(key, () => page);
    cache.release(key);
    return page;
  });
  expect(pages.map((page) => page.closed)).toEqual([1, 0, 0]);
  expect([cache.peek("a"), cache.peek("b"), cache.peek("c")]).toEqual([undefined, pages[1], pages[2]]);
  cache.acquire("b", () => fakePage(1));
  cache.release("b");
  const late = fakePage(40);
  cache.acquire("d", () => late);
  cache.release("d");
  expect(pages.map((page) => page.closed)).toEqual([1, 0, 1]);
});

test("a page in use is never closed, and is closed once it is given back", () => {
  const cache = new PageCache(10);
  const held = fakePage(40);
  cache.acquire("held", () => held);
  const other = fakePage(40);
  cache.acquire("other", () => other);
  cache.release("other");
  cache.clear();
  expect([held.closed, other.closed]).toEqual([0, 1]);
  expect(cache.acquire("held", () => fakePage(1))).toBe(held);
  cache.release("held");
  expect(held.closed).toBe(0);
  cache.release("held");
  expect(held.closed).toBe(1);
});

test("a page counts as it was given back last, and ten thousand of them cost no walk each", () => {
  const cache = new PageCache(100);
  const page = { ...fakePage(10), cachedBytes: 10 };
  cache.acquire("grows", () => page as never);
  cache.release("grows");
  cache.acquire("grows", () => fakePage(1));
  page.cachedBytes = 200;
  cache.release("grows");
  expect(cache.peek("grows")).toBeUndefined();
  let asked = 0;
  const keys = Array.from({ length: 10_000 }, (_, i) => `${i}`);
  for (const key of keys) {
    cache.acquire(key, () => Object.defineProperty(fakePage(0), "cachedBytes", { get: () => asked++ * 0 }));
  }
  asked = 0;
  for (const key of keys) cache.release(key);
  expect(asked).toBeLessThan(3 * keys.length);
});
