import { type ArrowData, offsetAt, validityOf } from "./arrow-data.ts";
import { expandNulls } from "./bits.ts";
import { GrowableWords } from "./growable.ts";
import { ItemBuffer, type ItemRun, measureItems } from "./item-buffer.ts";
import type { LeafColumn } from "./leaf-column.ts";

/** Stands for a null list among list lengths. */
export const NULL_LIST = 0xffffffff;

/** The rows of one page, or a run of them. */
export interface PageRows {
  readonly numRows: number;
  /** Items per row, `NULL_LIST` for null; `null` when the column is no list. */
  readonly listLengths: Uint32Array | null;
  readonly items: ItemRun;
}

/** Collects the rows of one column until its page is full. */
export class ColumnBuffer {
  readonly column: LeafColumn;
  /** First row of the page within the file. */
  firstRow = 0;
  readonly #items: ItemBuffer;
  readonly #lengths = new GrowableWords();
  #numRows = 0;

  constructor(column: LeafColumn) {
    this.column = column;
    this.#items = new ItemBuffer(column.item);
  }

  get numRows(): number {
    return this.#numRows;
  }

  get byteLength(): number {
    return this.#items.byteLength + this.#lengths.length * 4;
  }

  rows(): PageRows {
    return {
      numRows: this.#numRows,
      listLengths: this.column.isList ? this.#lengths.view() : null,
      items: this.#items.run(),
    };
  }

  /** Forgets the rows of the page just written; the next one starts where it ended. */
  startPage(): void {
    this.firstRow += this.#numRows;
    this.#numRows = 0;
    this.#items.reset();
    this.#lengths.reset();
  }

  /** How many rows of `[from, to)` fit before the page holds `maxBytes`; at least one in an empty page. */
  countFitting(data: ArrowData, from: number, to: number, maxBytes: number): number {
    const room = maxBytes - this.byteLength;
    if (this.#measure(data, from, to) <= room) return to - from;
    let low = 0;
    let high = to - from;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.#measure(data, from, from + middle) <= room) low = middle;
      else high = middle - 1;
    }
    return low === 0 && this.#numRows === 0 ? 1 : low;
  }

  /** Appends rows `[from, to)`. */
  append(data: ArrowData, from: number, to: number): void {
    if (this.column.isList) this.#appendLists(data, from, to);
    else this.#items.append(data, from, to);
    this.#numRows += to - from;
  }

  #measure(data: ArrowData, from: number, to: number): number {
    if (!this.column.isList) return measureItems(this.column.item, data, from, to);
    const items = data.children[0]!;
    return (to - from) * 4 + measureItems(this.column.item, items, offsetAt(data, from), offsetAt(data, to));
  }

  #appendLists(data: ArrowData, from: number, to: number): void {
    const count = to - from;
    const lengths = this.#lengths.extend(count);
    const validity = validityOf(data);
    const nulls = validity ? new Uint8Array(count) : null;
    if (validity && nulls) expandNulls(nulls, validity, data.offset + from, count);
    const items = data.children[0]!;
    let runStart = offsetAt(data, from);
    let runEnd = runStart;
    for (let i = 0; i < count; i++) {
      const end = offsetAt(data, from + i + 1);
      if (nulls !== null && nulls[i] === 1) {
        lengths[i] = NULL_LIST;
        // A null list may lie over items: the format has no place for them.
        if (end === runEnd) continue;
        this.#items.append(items, runStart, runEnd);
        runStart = end;
      } else lengths[i] = end - runEnd;
      runEnd = end;
    }
    this.#items.append(items, runStart, runEnd);
  }
}
