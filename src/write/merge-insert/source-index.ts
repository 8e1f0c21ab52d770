import type { GiveWay } from "../../tasks/give-way.ts";
import type { HeldSource } from "./held-source.ts";
import { createKeyReader, type Key } from "./key-reader.ts";

const NONE = -1;
const ROWS_PER_LOOK = 8192;

/** Rows of a source by key: a hash table and four bytes a row. Rows with a null in their key are in none. */
export class SourceIndex {
  readonly #first = new Map<Key, number>();
  /** The next row of the same key. */
  readonly #next: Int32Array;

  private constructor(numRows: number) {
    this.#next = new Int32Array(numRows).fill(NONE);
  }

  /** @param on names of the key columns */
  static async build(source: HeldSource, on: readonly string[], giveWay: GiveWay): Promise<SourceIndex> {
    const index = new SourceIndex(source.numRows);
    const last = new Map<Key, number>();
    const positions = on.map((name) => source.columns.indexOf(name));
    let start = 0;
    for (const batch of source.batches) {
      const keyOf = createKeyReader(positions.map((position) => batch.data.children[position]!));
      for (let row = 0; row < batch.numRows; row++) {
        if (row % ROWS_PER_LOOK === 0) await giveWay();
        const key = keyOf(row);
        if (key === undefined) continue;
        const before = last.get(key) ?? index.#first.get(key);
        if (before === undefined) index.#first.set(key, start + row);
        else {
          index.#next[before] = start + row;
          last.set(key, start + row);
        }
      }
      start += batch.numRows;
    }
    return index;
  }

  get numKeys(): number {
    return this.#first.size;
  }

  /** The first row of each key, in no particular order. */
  firstRows(): Uint32Array {
    return Uint32Array.from(this.#first.values());
  }

  /** The first row with a key; negative where there is none. */
  find(key: Key | undefined): number {
    return key === undefined ? NONE : (this.#first.get(key) ?? NONE);
  }

  /** The next row with the same key; negative after the last. */
  after(row: number): number {
    return this.#next[row]!;
  }
}
