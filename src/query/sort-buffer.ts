import type { SortKeys } from "../expr/sort-key.ts";
import type { GiveWay } from "../tasks/give-way.ts";

/** Bytes at the end of each key that are the row's address, big-endian. */
export const ADDRESS_BYTES = 8;

/** Keys sorted at once: some milliseconds. */
const RUN_ROWS = 4096;
/** Bytes of a key that a double holds exactly. */
const PREFIX_BYTES = 6;
/** Bytes a row takes beside its key: an offset, a prefix, a place in the order. */
const ROW_BYTES = 24;

/** Rows and their sort keys, in memory. */
export class SortBuffer {
  #bytes = new Uint8Array(1 << 16);
  #ends = new Float64Array(1024);
  #numRows = 0;

  get numRows(): number {
    return this.#numRows;
  }

  /** Memory this takes once it is sorted. */
  get sizeBytes(): number {
    return this.#end(this.#numRows) + this.#numRows * ROW_BYTES;
  }

  /** Adds the keys `accepts` says yes to. */
  add({ bytes, offsets }: SortKeys, accepts: (key: Uint8Array) => boolean = () => true): void {
    for (let row = 0; row < offsets.length - 1; row++) {
      const key = bytes.subarray(offsets[row], offsets[row + 1]);
      if (accepts(key)) this.#push(key);
    }
  }

  /** The key at a place of an order. */
  key(row: number): Uint8Array {
    return this.#bytes.subarray(this.#end(row), this.#end(row + 1));
  }

  /** Rows in the order of their keys. O(n log n), a turn for the event loop every few milliseconds. */
  async sort(giveWay: GiveWay): Promise<Uint32Array> {
    const prefixes = new Float64Array(this.#numRows);
    for (let row = 0; row < this.#numRows; row++) prefixes[row] = this.#prefix(row);
    const compare = (a: number, b: number): number => {
      const difference = prefixes[a]! - prefixes[b]!;
      return difference !== 0 ? difference : compareKeys(this.key(a), this.key(b));
    };
    let order = Uint32Array.from({ length: this.#numRows }, (_, row) => row);
    for (let start = 0; start < order.length; start += RUN_ROWS) {
      await giveWay();
      order.subarray(start, start + RUN_ROWS).sort(compare);
    }
    let merged: Uint32Array<ArrayBuffer> = new Uint32Array(order.length);
    for (let width = RUN_ROWS; width < order.length; width *= 2) {
      for (let start = 0; start < order.length; start += 2 * width) {
        await mergeRuns(order, merged, { start, middle: start + width, end: start + 2 * width }, compare, giveWay);
      }
      [order, merged] = [merged, order];
    }
    return order;
  }

  /** Keeps the first `count` rows of the order alone. */
  async keepFirst(count: number, giveWay: GiveWay): Promise<void> {
    if (count >= this.#numRows) return;
    const order = await this.sort(giveWay);
    await this.#keep(order.subarray(0, count));
  }

  /** Keeps the rows `random` (from 0 to 1) gives less than `share` for. */
  thin(share: number, random: () => number): void {
    this.#keep(Uint32Array.from({ length: this.#numRows }, (_, row) => row).filter(() => random() < share));
  }

  #keep(rows: Uint32Array): void {
    const kept = new SortBuffer();
    for (const row of rows) kept.#push(this.key(row));
    this.#bytes = kept.#bytes;
    this.#ends = kept.#ends;
    this.#numRows = kept.#numRows;
  }

  #push(key: Uint8Array): void {
    const start = this.#end(this.#numRows);
    if (start + key.length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, start + key.length));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    if (this.#numRows === this.#ends.length) {
      const grown = new Float64Array(this.#ends.length * 2);
      grown.set(this.#ends);
      this.#ends = grown;
    }
    this.#bytes.set(key, start);
    this.#ends[this.#numRows++] = start + key.length;
  }

  #end(row: number): number {
    return row === 0 ? 0 : this.#ends[row - 1]!;
  }

  #prefix(row: number): number {
    const start = this.#end(row);
    const end = Math.min(start + PREFIX_BYTES, this.#end(row + 1));
    let value = 0;
    for (let at = start; at < start + PREFIX_BYTES; at++) value = value * 256 + (at < end ? this.#bytes[at]! : 0);
    return value;
  }
}

/** Bytewise order; a prefix comes first. */
export function compareKeys(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

/** The address a key ends with. */
export function readAddress(key: Uint8Array): bigint {
  return new DataView(key.buffer, key.byteOffset + key.length - ADDRESS_BYTES, ADDRESS_BYTES).getBigUint64(0);
}

async function mergeRuns(
  from: Uint32Array,
  to: Uint32Array,
  { start, middle, end }: { readonly start: number; readonly middle: number; readonly end: number },
  compare: (a: number, b: number) => number,
  giveWay: GiveWay,
): Promise<void> {
  const [firstEnd, secondEnd] = [Math.min(middle, from.length), Math.min(end, from.length)];
  let [a, b] = [start, firstEnd];
  for (let at = start; at < secondEnd; at++) {
    if ((at & (RUN_ROWS - 1)) === 0) await giveWay();
    const takeFirst = a < firstEnd && (b >= secondEnd || compare(from[a]!, from[b]!) <= 0);
    to[at] = takeFirst ? from[a++]! : from[b++]!;
  }
}
