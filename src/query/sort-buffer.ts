import type { SortKeys } from "../expr/sort-key.ts";
import { halvesOf } from "../table/row-addresses.ts";
import type { GiveWay } from "../tasks/give-way.ts";

/** Bytes at the end of each key that are the row's address, big-endian. */
export const ADDRESS_BYTES = 8;

/** Keys sorted at once: some milliseconds. */
const RUN_ROWS = 4096;
/** Bytes of a key that a double holds exactly. */
const PREFIX_BYTES = 6;
/** Bytes a row takes beside its key: an offset, and twice a prefix and a place in the order. */
const ROW_BYTES = 32;

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

  /** The addresses the keys at some places of an order end with. */
  addresses(rows: Uint32Array): BigUint64Array {
    const addresses = new BigUint64Array(rows.length);
    const halves = halvesOf(addresses);
    const view = new DataView(this.#bytes.buffer);
    for (let i = 0; i < rows.length; i++) {
      const end = this.#ends[rows[i]!]!;
      halves[2 * i] = view.getUint32(end - 4);
      halves[2 * i + 1] = view.getUint32(end - ADDRESS_BYTES);
    }
    return addresses;
  }

  /** Rows in the order of their keys. O(n log n), a turn for the event loop every few milliseconds. */
  async sort(giveWay: GiveWay): Promise<Uint32Array> {
    const compareWhole = (a: number, b: number): number => compareKeys(this.key(a), this.key(b));
    let from = createOrder(this.#numRows);
    let to = createOrder(this.#numRows);
    for (let start = 0; start < this.#numRows; start += RUN_ROWS) {
      await giveWay();
      const end = Math.min(this.#numRows, start + RUN_ROWS);
      const prefixes = Float64Array.from({ length: end - start }, (_, i) => this.#prefix(start + i));
      const rows = from.rows.subarray(start, end);
      for (let i = 0; i < rows.length; i++) rows[i] = start + i;
      rows.sort((a, b) => prefixes[a - start]! - prefixes[b - start]! || compareWhole(a, b));
      for (let i = 0; i < rows.length; i++) from.prefixes[start + i] = prefixes[rows[i]! - start]!;
    }
    for (let width = RUN_ROWS; width < this.#numRows; width *= 2) {
      for (let start = 0; start < this.#numRows; start += 2 * width) {
        await mergeRuns(from, to, { start, middle: start + width, end: start + 2 * width }, compareWhole, giveWay);
      }
      [from, to] = [to, from];
    }
    return from.rows;
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

/** Rows in an order, and the start of each one's key beside it: a merge reads both from front to end. */
interface Order {
  readonly rows: Uint32Array;
  readonly prefixes: Float64Array;
}

function createOrder(numRows: number): Order {
  return { rows: new Uint32Array(numRows), prefixes: new Float64Array(numRows) };
}

/** @param compareWhole tells rows apart whose prefixes are equal */
async function mergeRuns(
  from: Order,
  to: Order,
  { start, middle, end }: { readonly start: number; readonly middle: number; readonly end: number },
  compareWhole: (a: number, b: number) => number,
  giveWay: GiveWay,
): Promise<void> {
  const [firstEnd, secondEnd] = [Math.min(middle, from.rows.length), Math.min(end, from.rows.length)];
  let [a, b] = [start, firstEnd];
  for (let at = start; at < secondEnd; at++) {
    if ((at & (RUN_ROWS - 1)) === 0) await giveWay();
    let takeFirst = b >= secondEnd;
    if (!takeFirst && a < firstEnd) {
      const difference = from.prefixes[a]! - from.prefixes[b]!;
      takeFirst = difference < 0 || (difference === 0 && compareWhole(from.rows[a]!, from.rows[b]!) <= 0);
    }
    const source = takeFirst ? a++ : b++;
    to.rows[at] = from.rows[source]!;
    to.prefixes[at] = from.prefixes[source]!;
  }
}
