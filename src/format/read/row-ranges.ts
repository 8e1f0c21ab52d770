import { LanceError } from "../../errors.ts";
import { countAtMost, findFirst } from "../../search-sorted.ts";

/** Which rows of a file to read, in the order of the file. */
export type RowSelection =
  | { readonly kind: "all" }
  | { readonly kind: "ranges"; readonly ranges: readonly (readonly [start: number, end: number])[] }
  /** Ascending, unique. */
  | { readonly kind: "indices"; readonly indices: Uint32Array };

/** Ascending, disjoint row ranges, with the position of each in the selection. */
export class RowRanges {
  readonly starts: Uint32Array;
  readonly ends: Uint32Array;
  /** Rows selected before each range, and after the last. */
  readonly positions: Uint32Array;

  constructor(starts: Uint32Array, ends: Uint32Array) {
    this.starts = starts;
    this.ends = ends;
    this.positions = new Uint32Array(starts.length + 1);
    for (let i = 0; i < starts.length; i++) {
      this.positions[i + 1] = this.positions[i]! + ends[i]! - starts[i]!;
    }
  }

  static of(start: number, end: number): RowRanges {
    return end > start ? new RowRanges(Uint32Array.of(start), Uint32Array.of(end)) : EMPTY;
  }

  get numRanges(): number {
    return this.starts.length;
  }

  get numRows(): number {
    return this.positions[this.starts.length]!;
  }

  /** The rows at positions `from` up to `to` of this selection. */
  slice(from: number, to: number): RowRanges {
    if (from <= 0 && to >= this.numRows) return this;
    if (from >= to) return EMPTY;
    const first = findRange(this.positions, from);
    const last = findRange(this.positions, to - 1);
    const starts = this.starts.slice(first, last + 1);
    const ends = this.ends.slice(first, last + 1);
    starts[0] = this.starts[first]! + from - this.positions[first]!;
    ends[last - first] = this.starts[last]! + to - this.positions[last]!;
    return new RowRanges(starts, ends);
  }

  /** The same selection where every row is `factor` rows. @throws UNSUPPORTED beyond 2^32 rows */
  scale(factor: number): RowRanges {
    if (factor === 1) return this;
    const last = this.ends[this.ends.length - 1] ?? 0;
    if (last * factor > 0xffffffff) {
      throw new LanceError(
        "UNSUPPORTED",
        `${last} fixed-size lists of ${factor} items in one file; up to 2^32 items fit`,
      );
    }
    const times = (row: number) => row * factor;
    return new RowRanges(this.starts.map(times), this.ends.map(times));
  }

  /** The end of the range that holds the row at a position of this selection. */
  rangeEnd(position: number): number {
    return this.ends[findRange(this.positions, position)]!;
  }

  /** The selected rows from `start` up to `end`, counted from `start`; `position` is where they begin here. */
  clip(start: number, end: number): { ranges: RowRanges; position: number } {
    const first = countAtMost(this.ends, start);
    let last = first;
    while (last < this.starts.length && this.starts[last]! < end) last++;
    const position =
      first < this.starts.length ? this.positions[first]! + Math.max(0, start - this.starts[first]!) : this.numRows;
    const starts = this.starts.slice(first, last);
    const ends = this.ends.slice(first, last);
    for (let i = 0; i < starts.length; i++) {
      starts[i] = Math.max(starts[i]!, start) - start;
      ends[i] = Math.min(ends[i]!, end) - start;
    }
    return { ranges: new RowRanges(starts, ends), position };
  }

  /** `start, end` of each range in one array, as the decoders take them. */
  pairs(first = 0, last = this.starts.length): number[] {
    const pairs: number[] = [];
    for (let i = first; i < last; i++) pairs.push(this.starts[i]!, this.ends[i]!);
    return pairs;
  }
}

const EMPTY = new RowRanges(new Uint32Array(0), new Uint32Array(0));

/** Index of the range that holds a position: the last one that starts at or before it. */
function findRange(positions: Uint32Array, position: number): number {
  return findFirst(positions.length - 2, (i) => positions[i + 1]! > position);
}

/**
 * Turns a selection into ranges; runs of consecutive indices become one.
 * @throws INVALID_ARGUMENT when rows are out of bounds, unordered or repeated
 */
export function selectRows(selection: RowSelection, numRows: number): RowRanges {
  if (selection.kind === "all") return RowRanges.of(0, numRows);
  if (selection.kind === "indices") return joinIndices(selection.indices, numRows);
  const starts: number[] = [];
  const ends: number[] = [];
  const add = (start: number, end: number) => {
    const previous = ends.length > 0 ? ends[ends.length - 1]! : 0;
    if (!(start >= previous && end >= start && end <= numRows)) throw wrongRows(start, end, numRows);
    if (start === end) return;
    if (ends.length > 0 && start === previous) ends[ends.length - 1] = end;
    else {
      starts.push(start);
      ends.push(end);
    }
  };
  for (const [start, end] of selection.ranges) add(start, end);
  return new RowRanges(Uint32Array.from(starts), Uint32Array.from(ends));
}

function joinIndices(indices: Uint32Array, numRows: number): RowRanges {
  let count = 0;
  for (let i = 0, next = -1; i < indices.length; i++) {
    const index = indices[i]!;
    if (index !== next) {
      if (index < next) throw wrongRows(index, index + 1, numRows);
      count++;
    }
    next = index + 1;
  }
  const last = indices[indices.length - 1] ?? -1;
  if (last >= numRows) throw wrongRows(last, last + 1, numRows);
  const starts = new Uint32Array(count);
  const ends = new Uint32Array(count);
  let at = -1;
  for (let i = 0, next = -1; i < indices.length; i++) {
    const index = indices[i]!;
    if (index !== next) starts[++at] = index;
    next = index + 1;
    ends[at] = next;
  }
  return new RowRanges(starts, ends);
}

function wrongRows(start: number, end: number, numRows: number): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `rows ${start} to ${end}: expected ascending rows without repeats, below ${numRows}`,
    { start, end, numRows },
  );
}
