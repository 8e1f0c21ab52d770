import { LanceError } from "../errors.ts";
import { countBits, listBits, maskTail, wordsFor } from "./bit-words.ts";

/** For each high half of a row id, how many low halves exist: fragment id → physical rows, for addresses. */
export type RowDomain = ReadonlyMap<number, number>;

/** A {@link RowSet} as plain data: post it as it is, its `words` may be transferred. */
export interface RowSetData {
  readonly domain: readonly (readonly [high: number, size: number])[];
  readonly highs: readonly number[];
  readonly words: readonly Uint32Array<ArrayBuffer>[];
}

/**
 * A set of rows keyed by the two halves of a u64 row id (for addresses: fragment id and offset), as one bitset per
 * high half that holds any row. One bit per row of those; ids outside of the domain are never members.
 */
export class RowSet {
  readonly domain: RowDomain;
  readonly #words: Map<number, Uint32Array<ArrayBuffer>>;

  private constructor(domain: RowDomain, words: Map<number, Uint32Array<ArrayBuffer>>) {
    this.domain = domain;
    this.#words = words;
  }

  static empty(domain: RowDomain): RowSet {
    return new RowSet(domain, new Map());
  }

  /** Every row of the domain. */
  static full(domain: RowDomain): RowSet {
    const words = new Map<number, Uint32Array<ArrayBuffer>>();
    for (const [high, size] of domain) {
      if (size > 0) words.set(high, maskTail(allocateWords(size).fill(0xffffffff), size));
    }
    return new RowSet(domain, words);
  }

  /** Rows of any order, repeats allowed. Ids outside of the domain are left out. */
  static fromIds(ids: BigUint64Array, domain: RowDomain): RowSet {
    const set = RowSet.empty(domain);
    set.addIds(ids);
    return set;
  }

  /** The inverse of {@link RowSet.toTransferable}. Takes the arrays over. */
  static fromTransferable(data: RowSetData): RowSet {
    return new RowSet(new Map(data.domain), new Map(data.highs.map((high, i) => [high, data.words[i]!])));
  }

  has(high: number, low: number): boolean {
    const words = this.#words.get(high);
    return words !== undefined && ((words[low >>> 5] ?? 0) & (1 << (low & 31))) !== 0;
  }

  /** @returns whether the row lies in the domain, and so is a member now */
  add(high: number, low: number): boolean {
    const words = low < (this.domain.get(high) ?? 0) ? this.#own(high) : undefined;
    if (words === undefined) return false;
    words[low >>> 5]! |= 1 << (low & 31);
    return true;
  }

  /** Adds ids of any order. BigInt-free: reads the halves of each id in place. */
  addIds(ids: BigUint64Array): void {
    const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
    let high = -1;
    let size = 0;
    let words: Uint32Array | undefined;
    for (let i = 0; i < halves.length; i += 2) {
      const low = halves[i]!;
      if (halves[i + 1] !== high) {
        high = halves[i + 1]!;
        size = this.domain.get(high) ?? 0;
        words = size > 0 ? this.#own(high) : undefined;
      }
      if (words !== undefined && low < size) words[low >>> 5]! |= 1 << (low & 31);
    }
  }

  /** Adds low halves of any order under one high half. */
  addOffsets(high: number, offsets: Uint32Array): void {
    const size = this.domain.get(high) ?? 0;
    if (size === 0 || offsets.length === 0) return;
    const words = this.#own(high);
    for (let i = 0; i < offsets.length; i++) {
      const low = offsets[i]!;
      if (low < size) words[low >>> 5]! |= 1 << (low & 31);
    }
  }

  /** Rows of both. The domain stays this set's. */
  and(other: RowSet): RowSet {
    return this.#combine(other, this.#words.keys(), (a, b) => a & b);
  }

  /** Rows of either. Rows of `other` outside of this set's domain are left out. */
  or(other: RowSet): RowSet {
    return this.#combine(other, new Set([...this.#words.keys(), ...other.#words.keys()]), (a, b) => a | b);
  }

  /** Rows of this set that `other` lacks. */
  andNot(other: RowSet): RowSet {
    return this.#combine(other, this.#words.keys(), (a, b) => a & ~b);
  }

  /** Rows of the domain that this set lacks. */
  not(): RowSet {
    return RowSet.full(this.domain).andNot(this);
  }

  count(): number {
    let total = 0;
    for (const words of this.#words.values()) total += countBits(words);
    return total;
  }

  isEmpty(): boolean {
    for (const words of this.#words.values()) if (words.some((word) => word !== 0)) return false;
    return true;
  }

  /** High halves that hold at least one row, ascending. */
  highs(): number[] {
    return [...this.#words]
      .filter(([, words]) => words.some((word) => word !== 0))
      .map(([high]) => high)
      .sort((a, b) => a - b);
  }

  /** Bits of one high half, 32 a word, least significant first. A view: do not write. */
  words(high: number): Uint32Array | undefined {
    return this.#words.get(high);
  }

  /** Low halves under one high half, ascending. */
  offsets(high: number): Uint32Array<ArrayBuffer> {
    const words = this.#words.get(high);
    if (words === undefined) return new Uint32Array(0);
    return listBits(words, countBits(words));
  }

  /** All members, ascending. Eight bytes a row. */
  ids(): BigUint64Array<ArrayBuffer> {
    const ids = new BigUint64Array(this.count());
    const halves = new Uint32Array(ids.buffer);
    let at = 0;
    for (const high of this.highs()) {
      const offsets = this.offsets(high);
      for (let i = 0; i < offsets.length; i++) {
        halves[at++] = offsets[i]!;
        halves[at++] = high;
      }
    }
    return ids;
  }

  /** A copy as plain data, for a message. One bit per row of each high half that holds any. */
  toTransferable(): RowSetData {
    const highs = this.highs();
    return { domain: [...this.domain], highs, words: highs.map((high) => this.#words.get(high)!.slice()) };
  }

  #own(high: number): Uint32Array<ArrayBuffer> {
    let words = this.#words.get(high);
    if (words === undefined) {
      words = allocateWords(this.domain.get(high)!);
      this.#words.set(high, words);
    }
    return words;
  }

  #combine(other: RowSet, highs: Iterable<number>, operate: (a: number, b: number) => number): RowSet {
    const result = new Map<number, Uint32Array<ArrayBuffer>>();
    for (const high of highs) {
      const size = this.domain.get(high) ?? 0;
      if (size === 0) continue;
      const a = this.#words.get(high);
      const b = other.#words.get(high);
      const words = allocateWords(size);
      for (let i = 0; i < words.length; i++) words[i] = operate(a?.[i] ?? 0, b?.[i] ?? 0);
      result.set(high, maskTail(words, size));
    }
    return new RowSet(this.domain, result);
  }
}

/** One bit for each of `size` rows. @throws QUOTA_EXCEEDED */
function allocateWords(size: number): Uint32Array<ArrayBuffer> {
  try {
    return new Uint32Array(wordsFor(size));
  } catch (cause) {
    throw new LanceError(
      "QUOTA_EXCEEDED",
      `a set of rows of ${size} needs ${wordsFor(size) * 4} bytes, which this device does not give`,
      { size },
      { cause },
    );
  }
}
