import type { RabitLayout, RabitRotation } from "../../../src/kernels/rabit-layout.ts";
import type { RabitEstimate } from "../../../src/kernels/rabit-scan.ts";

/** A rotation by its definition, in f64. */
export function referenceRotate(input: ArrayLike<number>, rotation: RabitRotation): Float64Array {
  const dimension = input.length;
  const values = Float64Array.from(input);
  if (rotation.kind === "matrix") {
    return values.map((_, i) => values.reduce((sum, value, j) => sum + value * rotation.matrix[i * dimension + j]!, 0));
  }
  const window = 2 ** Math.floor(Math.log2(dimension));
  for (let round = 0; round < 4; round++) {
    for (let i = 0; i < dimension; i++) {
      const byte = rotation.signs[(round * dimension) / 8 + (i >> 3)]!;
      if ((byte >> (i & 7)) & 1) values[i] = -values[i]!;
    }
    const start = round % 2 === 0 ? 0 : dimension - window;
    for (let half = 1; half < window; half *= 2) {
      for (let i = 0; i < window; i++) {
        if (i & half) continue;
        const [a, b] = [values[start + i]!, values[start + i + half]!];
        values[start + i] = a + b;
        values[start + i + half] = a - b;
      }
    }
    for (let i = 0; i < window; i++) values[start + i]! /= Math.sqrt(window);
    if (window === dimension) continue;
    for (let i = 0; i < dimension / 2; i++) {
      const [a, b] = [values[i]!, values[i + dimension / 2]!];
      values[i] = (a + b) / Math.SQRT2;
      values[i + dimension / 2] = (a - b) / Math.SQRT2;
    }
  }
  return values;
}

/** The bits beyond the sign of one value, out of the blocks of the index page. */
export function readExCode(bytes: Uint8Array, value: number, bits: number): number {
  const block = bytes.subarray(Math.floor(value / 64) * 8 * bits);
  const at = value % 64;
  const low = bits % 2 === 1 && bits > 1 ? bits - 1 : bits;
  const [k, b] = [at >> 4, at & 15];
  const plane = {
    1: [at >> 3, at & 7],
    2: [b, 2 * k],
    4: [bits === 4 ? 8 * k + (b & 7) : 16 * (k >> 1) + b, 0],
  } as const;
  let code: number;
  if (low === 1) code = (block[plane[1][0]]! >> plane[1][1]) & 1;
  else if (low === 2) code = (block[plane[2][0]]! >> plane[2][1]) & 3;
  else if (low === 4) code = (block[plane[4][0]]! >> (bits === 4 ? 4 * (b >> 3) : 4 * (k & 1))) & 15;
  else if (low === 6) {
    code = k < 3 ? block[at]! & 63 : (block[b]! >> 6) | ((block[16 + b]! >> 6) << 2) | ((block[32 + b]! >> 6) << 4);
  } else code = block[at]!;
  if (low === bits) return code;
  const bit = 8 * (b & 7) + 2 * k + (b >> 3);
  return code | (((block[8 * low + (bit >> 3)]! >> (bit & 7)) & 1) << low);
}

/** What a row says: codes as whole numbers, and its factors by their place. */
export function referenceRow(row: Uint8Array, { dimension, numBits, hasErrors }: RabitLayout) {
  const view = new DataView(row.buffer, row.byteOffset, row.byteLength);
  const at = dimension / 8;
  const exBits = numBits - 1;
  const exBytes = row.subarray(at + (hasErrors ? 12 : 8));
  const signs = Array.from({ length: dimension }, (_, i) => (row[i >> 3]! >> (i & 7)) & 1);
  const codes = signs.map((sign, i) => sign * 2 ** exBits + (exBits === 0 ? 0 : readExCode(exBytes, i, exBits)));
  const factor = (position: number) => view.getFloat32(position, true);
  return {
    signs,
    codes,
    add: factor(at),
    scale: factor(at + 4),
    error: hasErrors ? factor(at + 8) : 0,
    exAdd: numBits > 1 ? factor(row.length - 8) : 0,
    exScale: numBits > 1 ? factor(row.length - 4) : 0,
  };
}

/** The distance of a row by the formula of the index page, in f64. @param isCoarse by the signs alone */
export function referenceDistance(
  row: Uint8Array,
  turned: Float64Array,
  options: { readonly layout: RabitLayout; readonly estimate: RabitEstimate; readonly isCoarse?: boolean },
): number {
  const { layout, estimate, isCoarse = false } = options;
  const { signs, codes, add, scale, exAdd, exScale } = referenceRow(row, layout);
  const byAll = layout.numBits > 1 && !isCoarse;
  const middle = byAll ? 2 ** (layout.numBits - 1) - 0.5 : 0.5;
  const product = (byAll ? codes : signs).reduce((sum, code, i) => sum + (code - middle) * turned[i]!, 0);
  const { scaleBy, addBy, addFrom, constant } = estimate;
  return product * (byAll ? exScale : scale) * scaleBy + addBy * ((byAll ? exAdd : add) - addFrom) + constant;
}
