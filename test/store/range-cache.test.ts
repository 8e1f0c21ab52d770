import { expect, test } from "vitest";
import { createRangeCache } from "../../src/store/range-cache.ts";
import { createRandom } from "../dataset/rows.ts";
import { MOST_GROWTH, measureGrowth } from "../support/measure-work.ts";

const TOTAL = 200;
const object = Uint8Array.from({ length: TOTAL }, (_, i) => i);

/** The plain list it stands for: what lies inside of another is not kept. */
test("finds what a plain list of slices would, whatever the order", () => {
  const random = createRandom(7);
  const cache = createRangeCache(1 << 20);
  let kept: [start: number, end: number][] = [];
  for (let i = 0; i < 4000; i++) {
    const offset = Math.floor(random() * TOTAL);
    const length = Math.floor(random() * Math.min(i % 3 === 0 ? 40 : 8, TOTAL - offset));
    const end = offset + length;
    const found = cache.find("a", { offset, length });
    const covers = kept.some(([from, to]) => from <= offset && end <= to);
    expect(found !== undefined).toBe(covers);
    if (found) expect(found.bytes).toEqual(object.subarray(offset, end));
    if (random() < 0.1) {
      cache.add("a", { offset, length }, { bytes: object.subarray(offset, end), totalBytes: TOTAL });
      if (!covers) kept = [...kept.filter(([from, to]) => !(offset <= from && to <= end)), [offset, end]];
    }
    if (i % 500 === 499) {
      cache.remove("a");
      kept = [];
      expect(cache.sizeBytes).toBe(0);
    }
  }
});

test("many small slices, far beyond the bound: no look at each of them", () => {
  const bytes = new Uint8Array(64);
  const totalBytes = 1 << 30;
  const run = (numSlices: number): void => {
    const maxBytes = numSlices * 32;
    const cache = createRangeCache(maxBytes);
    let hits = 0;
    for (let i = 0; i < numSlices; i++) {
      const range = { offset: i * 128, length: 64 };
      if (cache.find("a", range)) hits++;
      cache.add("a", range, { bytes, totalBytes });
    }
    expect(cache.sizeBytes).toBeLessThanOrEqual(maxBytes);
    expect(hits).toBe(0);
  };
  expect(measureGrowth(run, 7_500)).toBeLessThan(MOST_GROWTH);
});
