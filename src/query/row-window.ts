import type { FragmentRows } from "./scan-pieces.ts";
import { countSelected, cutSelection } from "./selection.ts";

/** OFFSET and LIMIT over the pieces of a scan. */
export class RowWindow {
  #skip: number;
  #left: number;

  constructor(offset: number, limit: number | null) {
    this.#skip = offset;
    this.#left = limit ?? Number.POSITIVE_INFINITY;
  }

  get isDone(): boolean {
    return this.#left <= 0;
  }

  /** The part of some rows inside of the window, or `null`. */
  cut({ fragment, selection }: FragmentRows): FragmentRows | null {
    const count = countSelected(selection, fragment.physicalRows);
    const from = Math.min(this.#skip, count);
    const to = Math.min(count, from + this.#left);
    this.#skip -= from;
    this.#left -= to - from;
    if (to <= from) return null;
    return { fragment, selection: cutSelection(selection, from, to, fragment.physicalRows) };
  }
}
