import fc from "fast-check";

/** Numbers in [0, 1) that a seed decides. */
export function createRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** `count` values around zero. */
export function randomVector(count: number, random: () => number): Float32Array<ArrayBuffer> {
  return Float32Array.from({ length: count }, () => (random() + random() + random() - 1.5) * 2);
}

/** Dimensions from 1 to 1536: around the widths of the SIMD loops, and the usual ones. */
export const dimensions = fc.oneof(
  fc.integer({ min: 1, max: 40 }),
  fc.constantFrom(63, 64, 65, 100, 127, 128, 129, 255, 384, 511, 768, 1023, 1536),
  fc.integer({ min: 1, max: 1536 }),
);

/** Bits of booleans, LSB first. */
export function packBits(values: readonly boolean[]): Uint8Array {
  const bits = new Uint8Array(Math.ceil(values.length / 8));
  values.forEach((value, i) => {
    if (value) bits[i >> 3]! |= 1 << (i & 7);
  });
  return bits;
}
