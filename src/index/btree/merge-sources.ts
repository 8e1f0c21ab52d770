import type { GiveWay } from "../../tasks/give-way.ts";
import { type CompareRows, createCompareRows } from "./compare-values.ts";
import type { SortedRows, SortedSource } from "./sorted-run.ts";
import { gatherColumns, type ValueColumn } from "./value-column.ts";
import type { ValueType } from "./value-type.ts";

interface Head {
  readonly source: SortedSource;
  readonly order: number;
  rows: SortedRows;
  row: number;
  /** Position of `rows` among the pieces of the page now being filled; -1 before its first row. */
  piece: number;
}

/**
 * Merges sorted sources into pages of `pageRows` rows (the last may be shorter). Stable: equal values keep the order
 * of the sources. Memory: one piece per source and one page.
 * @throws ABORTED through `giveWay`
 */
export async function* mergeSources(
  type: ValueType,
  sources: readonly SortedSource[],
  pageRows: number,
  giveWay: GiveWay,
): AsyncIterable<SortedRows> {
  const heap = new HeadHeap(createCompareRows(type));
  for (const [order, source] of sources.entries()) {
    const rows = await source.next();
    if (rows) heap.push({ source, order, rows, row: 0, piece: -1 });
  }
  const page = new PageGatherer(type, pageRows);
  for (let head = heap.peek(); head; head = heap.peek()) {
    page.take(head);
    head.row++;
    if (head.row < head.rows.ids.length) {
      heap.sinkTop();
    } else {
      const next = await head.source.next();
      head.piece = -1;
      head.row = 0;
      if (next) {
        head.rows = next;
        heap.sinkTop();
      } else heap.pop();
    }
    if (page.isFull) {
      yield page.flush(heap.heads);
      await giveWay();
    }
  }
  if (page.length > 0) yield page.flush([]);
}

/** Collects the rows of one page as (piece, row) pairs and gathers them at once. */
class PageGatherer {
  readonly #type: ValueType;
  readonly #which: Uint32Array;
  readonly #rows: Uint32Array;
  readonly #ids: BigUint64Array;
  #pieces: ValueColumn[] = [];
  length = 0;

  constructor(type: ValueType, pageRows: number) {
    this.#type = type;
    this.#which = new Uint32Array(pageRows);
    this.#rows = new Uint32Array(pageRows);
    this.#ids = new BigUint64Array(pageRows);
  }

  get isFull(): boolean {
    return this.length === this.#rows.length;
  }

  take(head: Head): void {
    if (head.piece < 0) {
      head.piece = this.#pieces.length;
      this.#pieces.push(head.rows.column);
    }
    this.#which[this.length] = head.piece;
    this.#rows[this.length] = head.row;
    this.#ids[this.length] = head.rows.ids[head.row]!;
    this.length++;
  }

  flush(heads: readonly Head[]): SortedRows {
    const rows = this.#rows.subarray(0, this.length);
    const column = gatherColumns(this.#pieces, this.#which, rows, this.#type);
    const ids = this.#ids.slice(0, this.length);
    for (const head of heads) head.piece = -1;
    this.#pieces = [];
    this.length = 0;
    return { column, ids };
  }
}

/** Binary heap of sources by their next row. */
class HeadHeap {
  readonly heads: Head[] = [];
  readonly #compare: CompareRows;

  constructor(compare: CompareRows) {
    this.#compare = compare;
  }

  peek(): Head | undefined {
    return this.heads[0];
  }

  push(head: Head): void {
    const { heads } = this;
    heads.push(head);
    for (let at = heads.length - 1; at > 0; ) {
      const parent = (at - 1) >> 1;
      if (!this.#isBefore(heads[at]!, heads[parent]!)) break;
      [heads[at], heads[parent]] = [heads[parent]!, heads[at]!];
      at = parent;
    }
  }

  pop(): void {
    const last = this.heads.pop()!;
    if (this.heads.length === 0) return;
    this.heads[0] = last;
    this.sinkTop();
  }

  /** Restores the order after the top head moved on. */
  sinkTop(): void {
    const { heads } = this;
    const moving = heads[0]!;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heads.length) break;
      if (child + 1 < heads.length && this.#isBefore(heads[child + 1]!, heads[child]!)) child++;
      if (!this.#isBefore(heads[child]!, moving)) break;
      heads[at] = heads[child]!;
      at = child;
    }
    heads[at] = moving;
  }

  #isBefore(a: Head, b: Head): boolean {
    const order = this.#compare(a.rows.column, a.row, b.rows.column, b.row);
    return order < 0 || (order === 0 && a.order < b.order);
  }
}
