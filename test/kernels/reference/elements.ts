import { fromHalf, type VectorValues } from "../../../src/kernels/element.ts";

/** Bits that differ. */
export function referenceHamming(query: Uint8Array, row: Uint8Array): number {
  let count = 0;
  query.forEach((byte, i) => {
    for (let bits = byte ^ row[i]!; bits > 0; bits >>= 1) count += bits & 1;
  });
  return count;
}

/** Values as numbers; 16-bit floats come as their bits. */
export function referenceValues(values: VectorValues): number[] {
  return values instanceof Uint16Array ? Array.from(values, fromHalf) : Array.from(values);
}

/** A distance to 8-bit scalar codes: Σ(Δcode)² × scale for codes, offset − scale × Σ code·q for floats. */
export function referenceScalarDistance(
  query: Uint8Array | Float32Array,
  codes: Uint8Array,
  { scale, offset }: { readonly scale: number; readonly offset: number },
): number {
  const sum = (term: (q: number, code: number) => number) =>
    codes.reduce((total, code, i) => total + term(query[i]!, code), 0);
  return query instanceof Uint8Array
    ? sum((q, code) => (q - code) ** 2) * scale
    : offset - scale * sum((q, code) => q * code);
}

/** The value of a 16-bit float, by the definition of its fields. */
export function referenceHalf(bits: number): number {
  const exponent = (bits & 0x7c00) / 1024;
  const fraction = bits & 0x03ff;
  const sign = bits >= 0x8000 ? -1 : 1;
  if (exponent === 31) return fraction > 0 ? Number.NaN : sign / 0;
  return exponent === 0 ? (sign * fraction) / 2 ** 24 : sign * 2 ** (exponent - 25) * (1024 + fraction);
}
