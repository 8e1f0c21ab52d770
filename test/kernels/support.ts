import fc from "../support/fast-check.ts";

export { createRandom } from "../../src/random.ts";

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
