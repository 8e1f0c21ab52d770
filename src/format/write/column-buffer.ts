import { findFirst } from "../../search-sorted.ts";
import type { ArrowData } from "./arrow-data.ts";
import { DictionaryBuffer } from "./dictionary-buffer.ts";
import { GrowableBytes } from "./growable.ts";
import { ItemBuffer, type ItemRun, measureItems } from "./item-buffer.ts";
import type { LeafColumn } from "./leaf-column.ts";
import { buildLevels, findNulls, type PageLevels } from "./levels.ts";
import { trimNestedLists } from "./nested-list.ts";
import type { LeafData } from "./normalize-column.ts";
import { expandRows, findLeafRange } from "./slots.ts";

/** The rows of one page, ready to be encoded. */
export interface PageRows {
  /** As the page counts them: the items of fixed-size lists of structs. */
  readonly numRows: number;
  readonly items: ItemRun;
  readonly levels: PageLevels;
}

/** Collects the rows of one column until its page is full. */
export class ColumnBuffer {
  readonly column: LeafColumn;
  /** First row of the page within the file. */
  firstRow = 0;
  readonly #items: ItemBuffer;
  readonly #dictionary: DictionaryBuffer | null;
  readonly #repetition = new GrowableBytes();
  /** Shorter than the levels while all later ones stand for values. */
  readonly #definition = new GrowableBytes();
  #numLevels = 0;
  #numRows = 0;

  /** @param pageBytes of a full page */
  constructor(column: LeafColumn, pageBytes: number) {
    this.column = column;
    this.#items = new ItemBuffer(column.item, pageBytes);
    const { form } = column;
    this.#dictionary = form.kind === "dictionary" ? new DictionaryBuffer(form.values, form.capacity) : null;
  }

  get numRows(): number {
    return this.#numRows;
  }

  get byteLength(): number {
    return this.#items.byteLength + this.#repetition.length + (this.#dictionary?.byteLength ?? 0);
  }

  /** @param options.isLast no rows will follow */
  rows(options: { isLast: boolean }): PageRows {
    if (this.#definition.length > 0) padTo(this.#definition, this.#numLevels);
    const slots = {
      numLevels: this.#numLevels,
      repetition: this.column.numLists > 0 ? this.#repetition.view() : null,
      definition: this.#definition.length > 0 ? this.#definition.view() : null,
    };
    const levels = buildLevels(this.column, slots, { isOnlyPage: options.isLast && this.firstRow === 0 });
    const run = this.#items.run(findNulls(levels, this.#items.count));
    return { numRows: this.#numRows * this.column.itemsPerRow, levels, items: this.#finishItems(run) };
  }

  /** Forgets the rows of the page just written; the next one starts where it ended. */
  startPage(): void {
    this.firstRow += this.#numRows;
    this.#numRows = 0;
    this.#numLevels = 0;
    this.#items.reset();
    this.#dictionary?.reset();
    this.#repetition.reset();
    this.#definition.reset();
  }

  /** Whether the values of a batch can be named in this page, which a dictionary's narrow indices may not allow. */
  hasRoom(chain: readonly ArrowData[]): boolean {
    const { keyValues } = chain.at(-1) as LeafData;
    return this.#dictionary === null || !keyValues || this.#dictionary.hasRoom(keyValues);
  }

  /** How many rows of `[from, to)` fit before the page holds `maxBytes`; at least one in an empty page. */
  countFitting(chain: readonly ArrowData[], rows: { from: number; to: number }, maxBytes: number): number {
    const room = maxBytes - this.byteLength;
    const { from, to } = rows;
    if (this.#measure(chain, from, to) <= room) return to - from;
    const fitting = findFirst(to - from, (i) => this.#measure(chain, from, from + i + 1) > room);
    return fitting === 0 && this.#numRows === 0 ? 1 : fitting;
  }

  /** Appends rows `[from, to)`. @param chain the column's data at each of its layers */
  append(chain: readonly ArrowData[], rows: { from: number; to: number }): void {
    const { numLevels, repetition, definition, ranges } = expandRows(this.column, chain, rows);
    const leaf = chain.at(-1)! as LeafData;
    for (let r = 0; r < ranges.length; r += 2) {
      if (this.#dictionary) this.#appendKeys(leaf, ranges[r]!, ranges[r + 1]!);
      else this.#items.append(leaf, ranges[r]!, ranges[r + 1]!);
    }
    if (repetition) this.#repetition.append(repetition);
    if (definition) {
      padTo(this.#definition, this.#numLevels);
      this.#definition.append(definition);
    }
    this.#numLevels += numLevels;
    this.#numRows += rows.to - rows.from;
  }

  #measure(chain: readonly ArrowData[], from: number, to: number): number {
    const range = findLeafRange(this.column, chain, { from, to });
    const levelBytes = this.column.numLists > 0 ? range.numLevels : 0;
    return levelBytes + measureItems(this.column.item, chain.at(-1)!, range.from, range.to);
  }

  /** Indices of the declared width; those of nulls are 0. */
  #appendKeys({ keys, keyValues }: LeafData, from: number, to: number): void {
    const { item } = this.column;
    const byteWidth = item.kind === "fixed" ? item.byteWidth : 1;
    const values = new Uint8Array((to - from) * byteWidth);
    if (keys && keyValues) {
      const view = new DataView(values.buffer);
      for (let i = from, at = 0; i < to; i++, at += byteWidth) {
        const key = keys[i]!;
        if (key < 0) continue;
        const index = this.#dictionary!.intern(keyValues, key);
        if (byteWidth === 1) view.setUint8(at, index);
        else if (byteWidth === 2) view.setUint16(at, index, true);
        else view.setUint32(at, index, true);
      }
    }
    const data = { type: { typeId: 2 }, length: to - from, offset: 0, nullCount: 0, values, children: [] };
    this.#items.append(data, 0, to - from);
  }

  #finishItems(run: ItemRun): ItemRun {
    const { form } = this.column;
    if (form.kind === "dictionary") return { ...run, dictionary: this.#dictionary!.run() };
    if (form.kind === "packed") {
      return { ...run, layout: { description: form.description, zipped: run.type.kind === "variable" } };
    }
    return form.kind === "nestedList" ? trimNestedLists(run, form) : run;
  }
}

function padTo(levels: GrowableBytes, length: number): void {
  if (levels.length < length) levels.appendZeros(length - levels.length);
}
