import { LanceError } from "../../../errors.ts";
import { elementBytes } from "../../../kernels/element.ts";
import type { ProductShape } from "../../../kernels/product-codes.ts";
import { decodeBase64, encodeBase64 } from "../../base64.ts";
import type { VectorType } from "../../vector-type.ts";
import { decodeCentroids, encodeCentroids } from "../vectors.ts";
import type { StorageModel } from "./storage.ts";

/** What a product quantizer learned. */
export interface ProductModel {
  readonly numSubVectors: number;
  readonly numBits: 4 | 8;
  /** Codewords of the first sub-vector, then of the second, and so on, as files hold them: in the column's element type. */
  readonly codebook: Uint8Array;
  /** Whether the file it was read from holds each partition's codes column by column. */
  readonly transposed: boolean;
}

// A codebook is large: what was made of a model, or made into one, is not decoded again.
const decoded = new WeakMap<NonNullable<StorageModel>, ProductModel>();

/** As JSON. */
export function toStorageModel(model: ProductModel): StorageModel {
  const { numSubVectors, numBits, codebook, transposed } = model;
  const storage = {
    kind: "PQ",
    numSubVectors,
    numBits,
    codebook: encodeBase64(codebook),
    ...(transposed ? { transposed } : {}),
  };
  decoded.set(storage, model);
  return storage;
}

/** @returns `undefined` for the model of another storage */
export function findProductModel(storage: StorageModel): ProductModel | undefined {
  if (storage === null || storage.kind !== "PQ") return undefined;
  const known = decoded.get(storage);
  if (known) return known;
  const { numSubVectors, numBits, codebook, transposed = false } = storage;
  if (!Number.isInteger(numSubVectors) || (numBits !== 4 && numBits !== 8)) return undefined;
  if (typeof codebook !== "string" || typeof transposed !== "boolean") return undefined;
  const model = {
    numSubVectors: numSubVectors as number,
    numBits,
    codebook: decodeBase64(codebook, "the codebook of the model"),
    transposed,
  } as const;
  decoded.set(storage, model);
  return model;
}

/** @throws CORRUPT for a model of another storage, or one that does not fit the column */
export function getProductModel(storage: StorageModel, { element, dimension }: VectorType): ProductModel {
  const model = findProductModel(storage);
  const expected = model && 2 ** model.numBits * dimension * elementBytes(element);
  if (model && isDivided({ ...model, dimension }) && model.codebook.length === expected) return model;
  const { codebook: _, ...received } = storage ?? {};
  throw new LanceError("CORRUPT", `no product quantizer of ${dimension} values of ${element}`, { received });
}

/** Whether vectors of a dimension can be cut up so: equal parts, of 4-bit codes an even number. */
export function isDivided({ dimension, numSubVectors, numBits }: ProductShape): boolean {
  const isWhole = Number.isInteger(numSubVectors) && numSubVectors > 0 && dimension % numSubVectors === 0;
  return isWhole && (numBits === 8 || numSubVectors % 2 === 0);
}

/** Codewords as numbers, from and to what files hold. */
export function decodeCodebook(codebook: Uint8Array, type: VectorType): Float32Array {
  return decodeCentroids(codebook, type);
}

/** The inverse of {@link decodeCodebook}, to the nearest value there is. */
export function encodeCodebook(values: Float32Array, { element }: VectorType): Uint8Array {
  return encodeCentroids(values, element);
}
