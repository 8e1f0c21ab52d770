import { countCodeBytes, type ProductShape } from "../../../src/kernels/product-codes.ts";

/** The code of each sub-vector of a row. */
export function referenceCodes(codes: Uint8Array, row: number, shape: ProductShape): number[] {
  const start = row * countCodeBytes(shape);
  return Array.from({ length: shape.numSubVectors }, (_, sub) => {
    if (shape.numBits === 8) return codes[start + sub]!;
    return (codes[start + (sub >> 1)]! >> (4 * (sub & 1))) & 15;
  });
}

/** The vector that codes stand for. */
export function referenceDecode(codes: readonly number[], codebook: Float32Array, shape: ProductShape): number[] {
  const width = shape.dimension / shape.numSubVectors;
  return codes.flatMap((code, sub) => {
    const start = (sub * 2 ** shape.numBits + code) * width;
    return Array.from(codebook.subarray(start, start + width));
  });
}

/** Squared distance of a sub-vector to each of its codewords. */
export function referenceDistances(values: ArrayLike<number>, codewords: Float32Array): number[] {
  const width = values.length;
  return Array.from({ length: codewords.length / width }, (_, i) => {
    let sum = 0;
    for (let j = 0; j < width; j++) sum += (values[j]! - codewords[i * width + j]!) ** 2;
    return sum;
  });
}

/** Summed squared distance of vectors to what their codes stand for, where each code is the best one. */
export function referenceLoss(vectors: Float32Array, codebook: Float32Array, shape: ProductShape): number {
  const width = shape.dimension / shape.numSubVectors;
  const size = 2 ** shape.numBits * width;
  let loss = 0;
  for (let at = 0; at < vectors.length; at += width) {
    const sub = (at % shape.dimension) / width;
    const codewords = codebook.subarray(sub * size, (sub + 1) * size);
    loss += Math.min(...referenceDistances(vectors.subarray(at, at + width), codewords));
  }
  return loss;
}
