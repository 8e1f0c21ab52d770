import { loadBuildKernels } from "../../../kernels/build.ts";
import { countCodeBytes, type ProductShape } from "../../../kernels/product-codes.ts";
import { createGiveWay } from "../../../tasks/give-way.ts";
import type { FamilyContext } from "../../segment.ts";
import { assignRows } from "../assign-rows.ts";
import type { PlacedShape } from "./storage.ts";

/** Multiplications of one call of a kernel: about 10 ms. */
const CALL_OPERATIONS = 4e7;
/**
 * Passes over the sample. On the corpus (61,436 vectors of 384, 48 × 8 bits) 8,192 rows and 10 passes find as many of
 * the ten nearest as all rows and 50 passes do (0.759 of them by the codes alone; 0.98 among the best 50), in a 35th of
 * the time; a quarter of the rows would do too.
 */
const MAX_PASSES = 12;
const ROWS_PER_CODEWORD = 32;
const MIN_ROWS = 4096;

/** Rows a codebook learns from. */
export function countTrainingRows(numBits: number): number {
  return Math.max(MIN_ROWS, ROWS_PER_CODEWORD * 2 ** numBits);
}

/**
 * Learns a codebook from evenly spread vectors of a sample: of their residuals to the centroids, but for dot of
 * themselves. Gives way.
 * @param vectors in compare space
 * @throws QUOTA_EXCEEDED, ABORTED
 */
export async function trainCodebook(
  vectors: Float32Array,
  coding: ProductShape & { readonly seed: number; readonly maxIterations: number },
  options: { readonly shape: PlacedShape; readonly context: FamilyContext },
): Promise<Float32Array> {
  const { shape, context } = options;
  const { dimension, numSubVectors: total, numBits, seed, maxIterations } = coding;
  const rows = pickRows(vectors, dimension, countTrainingRows(numBits));
  const kernels = await loadBuildKernels();
  const giveWay = createGiveWay(context.signal);
  if (takesResiduals(shape)) subtractCentroids(rows, await assignRows(rows, shape, { kernels, giveWay }), shape);
  const iterations = Math.min(maxIterations, MAX_PASSES);
  const training = kernels.createCodebookTraining({ ...coding, vectors: rows, seed, iterations });
  try {
    while (!training.done) {
      const done = training.step();
      context.reportProgress?.({ phase: "train", done, total, unit: "codebooks" });
      await giveWay();
    }
    return training.codebook();
  } finally {
    training.free();
  }
}

/** Where vectors become residuals: each piece is used up before anything else runs, and new ones would be much garbage. */
let room = new Float32Array(0);

/**
 * Product codes of vectors, row by row. Gives way.
 * @param partitions of each row
 * @throws QUOTA_EXCEEDED, ABORTED
 */
export async function encodeRows(
  { vectors, partitions }: { readonly vectors: Float32Array; readonly partitions: Uint32Array },
  coding: ProductShape & { readonly codebook: Float32Array },
  { shape, signal }: { readonly shape: PlacedShape; readonly signal?: AbortSignal | undefined },
): Promise<Uint8Array> {
  const { dimension, numBits, codebook } = coding;
  const rowBytes = countCodeBytes(coding);
  const codes = new Uint8Array(partitions.length * rowBytes);
  const step = Math.max(2, Math.floor(CALL_OPERATIONS / (2 ** numBits * dimension)));
  const giveWay = createGiveWay(signal);
  const encoder = (await loadBuildKernels()).createProductEncoder(coding, codebook);
  const pieceLength = Math.min(step, partitions.length) * dimension;
  if (room.length < pieceLength) room = new Float32Array(pieceLength);
  try {
    for (let row = 0; row < partitions.length; row += step) {
      const source = vectors.subarray(row * dimension, (row + step) * dimension);
      const piece = room.subarray(0, source.length);
      piece.set(source);
      if (takesResiduals(shape)) subtractCentroids(piece, partitions.subarray(row, row + step), shape);
      codes.set(encoder.encode(piece), row * rowBytes);
      await giveWay();
    }
    return codes;
  } finally {
    encoder.free();
  }
}

/** Codes of l2 and cosine are of residuals to the partition's centroid, those of dot of the vectors (index page, section 4). */
export function takesResiduals({ metric }: PlacedShape): boolean {
  return metric !== "dot";
}

/** Takes from each vector, in place, the centroid of its partition. */
function subtractCentroids(vectors: Float32Array, partitions: Uint32Array, { type, centroids }: PlacedShape): void {
  const { dimension } = type;
  for (let row = 0; row < partitions.length; row++) {
    const start = partitions[row]! * dimension;
    const at = row * dimension;
    for (let i = 0; i < dimension; i++) vectors[at + i]! -= centroids[start + i]!;
  }
}

/** The vectors that codes of one partition's rows stand for. */
export function decodeRows(
  codes: Uint8Array,
  partition: number,
  { shape, ...coding }: ProductShape & { readonly codebook: Float32Array; readonly shape: PlacedShape },
): Float32Array {
  const { dimension, numSubVectors, numBits, codebook } = coding;
  const rowBytes = countCodeBytes(coding);
  const width = dimension / numSubVectors;
  const vectors = new Float32Array((codes.length / rowBytes) * dimension);
  const start = partition * dimension;
  const centroid = takesResiduals(shape) ? shape.centroids.subarray(start, start + dimension) : null;
  for (let at = 0, row = 0; at < vectors.length; at += dimension, row += rowBytes) {
    for (let sub = 0; sub < numSubVectors; sub++) {
      const code = numBits === 8 ? codes[row + sub]! : (codes[row + (sub >> 1)]! >> (4 * (sub & 1))) & 15;
      const from = (sub * 2 ** numBits + code) * width;
      for (let i = 0; i < width; i++) vectors[at + sub * width + i] = codebook[from + i]!;
    }
    if (centroid) for (let i = 0; i < dimension; i++) vectors[at + i]! += centroid[i]!;
  }
  return vectors;
}

/** At most `numRows` of the rows, evenly spread. A copy. */
function pickRows(vectors: Float32Array, dimension: number, numRows: number): Float32Array {
  const total = vectors.length / dimension;
  const count = Math.min(total, numRows);
  const picked = new Float32Array(count * dimension);
  for (let i = 0; i < count; i++) {
    const start = Math.floor((i * total) / count) * dimension;
    picked.set(vectors.subarray(start, start + dimension), i * dimension);
  }
  return picked;
}
