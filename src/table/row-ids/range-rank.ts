import { findFirst } from "../../search-sorted.ts";
import type { BitRank } from "./bit-rank.ts";

/**
 * As {@link BitRank}, over ranges: 12 bytes a range, whatever they span.
 *
 * @param ranges ascending, disjoint, `[start, end)`, below `size`
 */
export function createRangeRank(ranges: readonly (readonly [start: number, end: number])[], size: number): BitRank {
  const { length } = ranges;
  const starts = new Uint32Array(length);
  const ends = new Uint32Array(length);
  /** Set bits before each range, and all of them. */
  const before = new Float64Array(length + 1);
  for (let i = 0; i < length; i++) {
    const [start, end] = ranges[i]!;
    starts[i] = start;
    ends[i] = end;
    before[i + 1] = before[i]! + end - start;
  }
  /** The last range that starts at or before a place, or −1. */
  const findRange = (at: number): number => findFirst(length, (i) => starts[i]! > at) - 1;
  return {
    size,
    count: before[length]!,
    has(at) {
      const i = findRange(at);
      return i >= 0 && at < ends[i]!;
    },
    rank(at) {
      const i = findRange(at);
      return i < 0 ? 0 : before[i]! + Math.min(at, ends[i]!) - starts[i]!;
    },
    select(n) {
      const i = findFirst(length, (range) => before[range]! > n) - 1;
      return starts[i]! + n - before[i]!;
    },
    positions() {
      const positions = new Uint32Array(before[length]!);
      let at = 0;
      for (let i = 0; i < length; i++) for (let n = starts[i]!; n < ends[i]!; n++) positions[at++] = n;
      return positions;
    },
  };
}

/** What is left of `[0, size)` without some positions. @param gone ascending, each once */
export function listRangesWithout(gone: ArrayLike<number>, size: number): [start: number, end: number][] {
  const ranges: [number, number][] = [];
  let start = 0;
  for (let i = 0; i < gone.length; i++) {
    const at = gone[i]!;
    if (at > start) ranges.push([start, at]);
    start = at + 1;
  }
  if (start < size) ranges.push([start, size]);
  return ranges;
}
