import { findFirst } from "../../search-sorted.ts";
import { listBits } from "../bit-words.ts";

/** Words that share one running count. */
const BLOCK_WORDS = 8;

/** Bits that can be counted up to a position, and found by their number. Two bits of memory each. */
export interface BitRank {
  readonly size: number;
  /** Set bits. */
  readonly count: number;
  has(at: number): boolean;
  /** Set bits before `at`. */
  rank(at: number): number;
  /** Position of the n-th set bit, from 0. @param n below `count` */
  select(n: number): number;
  /** Positions of all set bits, ascending: far cheaper than one `select` each. */
  positions(): Uint32Array;
}

/** @param words least significant bit first, bits from `size` on clear; kept, not copied */
export function createBitRank(words: Uint32Array, size: number): BitRank {
  const numBlocks = Math.ceil(words.length / BLOCK_WORDS);
  const before = new Uint32Array(numBlocks + 1);
  for (let block = 0, at = 0; block < numBlocks; block++) {
    let count = before[block]!;
    for (const end = Math.min(words.length, at + BLOCK_WORDS); at < end; at++) count += countWord(words[at]!);
    before[block + 1] = count;
  }
  return {
    size,
    count: before[numBlocks]!,
    has: (at) => at < size && ((words[at >>> 5]! >>> (at & 31)) & 1) !== 0,
    rank(at) {
      const word = at >>> 5;
      const block = Math.min(numBlocks, Math.floor(word / BLOCK_WORDS));
      let count = before[block]!;
      for (let i = block * BLOCK_WORDS; i < Math.min(word, words.length); i++) count += countWord(words[i]!);
      const rest = at & 31;
      return rest === 0 || word >= words.length
        ? count
        : count + countWord(words[word]! & (0xffffffff >>> (32 - rest)));
    },
    select(n) {
      const block = findFirst(numBlocks - 1, (i) => before[i + 1]! > n);
      let left = n - before[block]!;
      let at = block * BLOCK_WORDS;
      for (let count = countWord(words[at]!); left >= count; count = countWord(words[at]!)) {
        left -= count;
        at++;
      }
      let word = words[at]!;
      for (; left > 0; left--) word &= word - 1;
      return at * 32 + (31 - Math.clz32(word & -word));
    },
    positions: () => listBits(words, before[numBlocks]!),
  };
}

function countWord(value: number): number {
  let word = value - ((value >>> 1) & 0x55555555);
  word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
  return Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}
