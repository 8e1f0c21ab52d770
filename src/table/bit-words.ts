/** Number of 32-bit words that hold `size` bits. */
export function wordsFor(size: number): number {
  return Math.ceil(size / 32);
}

/** Clears the bits from `size` on, in place. @returns the same array */
export function maskTail<T extends Uint32Array>(words: T, size: number): T {
  const used = size % 32;
  const last = words.length - 1;
  if (used !== 0 && last >= 0) words[last]! &= 0xffffffff >>> (32 - used);
  return words;
}

/** Number of set bits (Hacker's Delight, 2nd ed., section 5-1). */
export function countBits(words: Uint32Array): number {
  let total = 0;
  for (let i = 0; i < words.length; i++) {
    let word = words[i]!;
    if (word === 0) continue;
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    total += Math.imul((word + (word >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
  }
  return total;
}

/** Positions of the set bits, ascending. @param count how many there are */
export function listBits(words: Uint32Array, count: number): Uint32Array<ArrayBuffer> {
  const positions = new Uint32Array(count);
  let at = 0;
  for (let i = 0; i < words.length; i++) {
    for (let word = words[i]!; word !== 0; word &= word - 1) positions[at++] = i * 32 + (31 - Math.clz32(word & -word));
  }
  return positions;
}
