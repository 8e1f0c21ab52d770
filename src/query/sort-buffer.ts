import type { SortKeys } from "../expr/sort-key.ts";
import { halvesOf } from "../table/row-ids/row-addresses.ts";
import type { GiveWay } from "../tasks/give-way.ts";

/** Bytes at the end of each key that are the row's address, big-endian. */
export const ADDRESS_BYTES = 8;

/** Keys sorted at once: some milliseconds. */
const RUN_ROWS = 4096;
/** Bytes of a key that a double holds exactly. */
const PREFIX_BYTES = 6;
/** Bytes a row takes beside its key: an offset, and twice a prefix and a place in the order. */
const ROW_BYTES = 32;

/** A key where it lies: to make a view of each costs more than to compare it. */
export interface KeyRange {
  readonly bytes: Uint8Array;
  readonly start: number;
  readonly end: number;
}

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
  add({ bytes, offsets }: SortKeys, accepts?: (key: KeyRange) => boolean): void {
    const key = { bytes, start: 0, end: 0 };
    for (let row = 0; row < offsets.length - 1; row++) {
      key.start = offsets[row]!;
      key.end = offsets[row + 1]!;
      if (accepts === undefined || accepts(key)) this.#push(key);
    }
  }

  /** The key at a place of an order. */
  key(row: number): KeyRange {
    return { bytes: this.#bytes, start: this.#end(row), end: this.#end(row + 1) };
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
    const skip = this.#countShared();
    let from = createOrder(this.#numRows);
    let to = createOrder(this.#numRows);
    for (let start = 0; start < this.#numRows; start += RUN_ROWS) {
      await giveWay();
      const end = Math.min(this.#numRows, start + RUN_ROWS);
      const prefixes = Float64Array.from({ length: end - start }, (_, i) => this.#prefix(start + i, skip));
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

  #push(key: KeyRange): void {
    const start = this.#end(this.#numRows);
    const size = key.end - key.start;
    if (start + size > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#bytes.length * 2, start + size));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    if (this.#numRows === this.#ends.length) {
      const grown = new Float64Array(this.#ends.length * 2);
      grown.set(this.#ends);
      this.#ends = grown;
    }
    const { bytes, start: from } = key;
    const to = this.#bytes;
    for (let i = 0; i < size; i++) to[start + i] = bytes[from + i]!;
    this.#ends[this.#numRows++] = start + size;
  }

  #end(row: number): number {
    return row === 0 ? 0 : this.#ends[row - 1]!;
  }

  /** Bytes all keys begin with: they tell none from another, as the high ones of small integers. */
  #countShared(): number {
    let shared = this.#numRows === 0 ? 0 : this.#end(1);
    for (let row = 1; row < this.#numRows && shared > 0; row++) {
      const start = this.#end(row);
      const most = Math.min(shared, this.#end(row + 1) - start);
      let same = 0;
      while (same < most && this.#bytes[start + same] === this.#bytes[same]) same++;
      shared = same;
    }
    return shared;
  }

  #prefix(row: number, skip: number): number {
    const start = this.#end(row) + skip;
    const end = Math.min(start + PREFIX_BYTES, this.#end(row + 1));
    let value = 0;
    for (let at = start; at < start + PREFIX_BYTES; at++) value = value * 256 + (at < end ? this.#bytes[at]! : 0);
    return value;
  }
}

/** Bytewise order; a prefix comes first. */
export function compareKeys(a: KeyRange, b: KeyRange): number {
  const [sizeA, sizeB] = [a.end - a.start, b.end - b.start];
  const shared = Math.min(sizeA, sizeB);
  for (let i = 0; i < shared; i++) {
    const difference = a.bytes[a.start + i]! - b.bytes[b.start + i]!;
    if (difference !== 0) return difference;
  }
  return sizeA - sizeB;
}

/** A key that outlives the buffer it lies in. */
export function copyKey({ bytes, start, end }: KeyRange): KeyRange {
  return { bytes: bytes.slice(start, end), start: 0, end: end - start };
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
