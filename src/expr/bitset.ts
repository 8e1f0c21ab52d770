/** 32-bit words that hold `length` bits. */
function countWords(length: number): number {
  return (length + 31) >>> 5;
}

/** All zero. */
export function createBits(length: number): Uint32Array {
  return new Uint32Array(countWords(length));
}

/** The first `length` bits set. */
export function fillBits(length: number): Uint32Array {
  const words = createBits(length).fill(0xffffffff);
  return clearTail(words, length);
}

/** Clears the bits beyond `length`, in place. */
export function clearTail(words: Uint32Array, length: number): Uint32Array {
  const rest = length & 31;
  if (rest !== 0) words[words.length - 1]! &= 0xffffffff >>> (32 - rest);
  return words;
}

/** Reads Arrow's LSB-first bitmap from a bit offset into words of bit 0 = row 0. */
export function readBitmap(bytes: Uint8Array, offset: number, length: number): Uint32Array {
  const words = createBits(length);
  const target = new Uint8Array(words.buffer);
  const start = offset >>> 3;
  const shift = offset & 7;
  const numBytes = (length + 7) >>> 3;
  if (shift === 0) target.set(bytes.subarray(start, start + numBytes));
  else {
    for (let i = 0; i < numBytes; i++) {
      target[i] = ((bytes[start + i] ?? 0) >>> shift) | ((bytes[start + i + 1] ?? 0) << (8 - shift));
    }
  }
  return clearTail(words, length);
}

/** Bits set in `words`. */
export function countBits(words: Uint32Array): number {
  let count = 0;
  for (let word of words) {
    word -= (word >>> 1) & 0x55555555;
    word = (word & 0x33333333) + ((word >>> 2) & 0x33333333);
    count += (((word + (word >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
  }
  return count;
}

/** Positions of the bits set, ascending: the rows a filter selects. */
export function selectIndices(words: Uint32Array): Uint32Array {
  const indices = new Uint32Array(countBits(words));
  let next = 0;
  for (let w = 0; w < words.length; w++) {
    let word = words[w]!;
    while (word !== 0) {
      const lowest = word & -word;
      indices[next++] = (w << 5) + 31 - Math.clz32(lowest);
      word ^= lowest;
    }
  }
  return indices;
}

/** Whether a bit is set. */
export function hasBit(words: Uint32Array, index: number): boolean {
  return ((words[index >>> 5]! >>> (index & 31)) & 1) === 1;
}

/** Union of two sets of bits, either of which may be absent (empty). Neither is changed. */
export function uniteBits(a: Uint32Array | null, b: Uint32Array | null): Uint32Array | null {
  if (a === null || b === null) return a ?? b;
  const words = new Uint32Array(a.length);
  for (let i = 0; i < words.length; i++) words[i] = a[i]! | b[i]!;
  return words;
}
