import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../../errors.ts";
import type { LanceFile } from "../../../format/read/file.ts";
import { elementBytes, type VectorElement } from "../../../kernels/element.ts";
import { type Tensor, TensorSchema } from "../../../proto/gen/lance/index_pb.ts";
import type { VectorType } from "../../vector-type.ts";
import { TENSOR_TYPES } from "../ivf-files.ts";
import { decodeCentroids } from "../vectors.ts";
import { encodeCodebook, isDivided, type ProductModel } from "./pq-model.ts";
import type { RowStorage } from "./storage.ts";
import { readStorageMetadata } from "./storage-metadata.ts";

/**
 * What a storage file says of its codes, and the codebook it holds (index page, section 4).
 * @throws UNSUPPORTED for codes of other than 4 or 8 bits, CORRUPT, IO, ABORTED
 */
export async function readProductModel(
  file: LanceFile,
  type: VectorType,
  signal: AbortSignal | undefined,
): Promise<ProductModel> {
  const metadata = readStorageMetadata(file);
  // Releases up to 0.20 had another name for it.
  const {
    num_bits: older,
    nbits: numBits = older,
    num_sub_vectors: numSubVectors,
    dimension,
    transposed = false,
  } = metadata;
  if (numBits !== 4 && numBits !== 8) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path} has product codes of ${String(numBits)} bits; this version reads 4 and 8`,
      { path: file.path, received: numBits, expected: [4, 8] },
    );
  }
  const isWhole = Number.isInteger(numSubVectors) && dimension === type.dimension && typeof transposed === "boolean";
  const shape = { dimension: type.dimension, numSubVectors: numSubVectors as number, numBits } as const;
  if (!isWhole || !isDivided(shape)) {
    const received = { numBits, numSubVectors, dimension, transposed };
    throw corrupt(file, `expected product codes of vectors of ${type.dimension} values`, { received });
  }
  const tensor = parseTensor(file, await readTensorBytes(file, metadata, signal));
  const codebook = readCodebook(file, tensor, { type, numBits });
  return { numSubVectors: shape.numSubVectors, numBits, codebook, transposed: transposed as boolean };
}

/** Adds the codebook to a storage file. @returns the metadata that says of codes row by row */
export async function writeProductMetadata(
  { numSubVectors, numBits, codebook }: ProductModel,
  { element, dimension }: VectorType,
  addBuffer: Parameters<RowStorage["writeMetadata"]>[0],
): Promise<string> {
  const tensor = create(TensorSchema, {
    dataType: TENSOR_TYPES[element],
    // The values are those of sub-vector after sub-vector all the same (index page, section 4).
    shape: [2 ** numBits, dimension],
    data: codebook,
  });
  return JSON.stringify({
    codebook_position: await addBuffer(toBinary(TensorSchema, tensor)),
    nbits: numBits,
    num_sub_vectors: numSubVectors,
    dimension,
    codebook_tensor: [],
    transposed: false,
  });
}

/** The bytes of the tensor: a global buffer; in old files among the metadata. */
async function readTensorBytes(
  file: LanceFile,
  metadata: Readonly<Record<string, unknown>>,
  signal: AbortSignal | undefined,
): Promise<Uint8Array> {
  const { codebook_position: position = 0, codebook_tensor: inline = [] } = metadata;
  if (position === 0) {
    const isBytes = Array.isArray(inline) && inline.every((byte) => Number.isInteger(byte) && byte >= 0 && byte < 256);
    if (isBytes && inline.length > 0) return Uint8Array.from(inline as number[]);
    throw corrupt(file, "it has no codebook");
  }
  if (!Number.isInteger(position) || Number(position) < 1 || Number(position) >= file.numGlobalBuffers) {
    throw corrupt(file, `codebook_position names global buffer ${String(position)} of ${file.numGlobalBuffers}`);
  }
  return file.readGlobalBuffer(position as number, signal);
}

function parseTensor(file: LanceFile, bytes: Uint8Array): Tensor {
  try {
    return fromBinary(TensorSchema, bytes);
  } catch (cause) {
    throw corrupt(file, "its codebook does not parse", { cause });
  }
}

/** The codebook in the column's element type, whichever floats the file has. */
function readCodebook(
  file: LanceFile,
  { dataType, shape, data }: Tensor,
  { type, numBits }: { readonly type: VectorType; readonly numBits: number },
): Uint8Array {
  const floats: readonly VectorElement[] = ["f16", "f32", "f64"];
  const element = floats.find((name) => TENSOR_TYPES[name] === dataType);
  const values = 2 ** numBits * type.dimension;
  const isWhole = shape.reduce((product, size) => product * size, 1) === values;
  if (element === undefined || !isWhole || data.length !== values * elementBytes(element)) {
    const received = { dataType, shape, byteLength: data.length };
    throw corrupt(file, `expected a codebook of ${values} floats`, { received });
  }
  if (element === type.element) return data.slice();
  return encodeCodebook(decodeCentroids(data, { element, dimension: type.dimension }), type);
}

function corrupt(
  file: LanceFile,
  what: string,
  { cause, ...details }: { readonly cause?: unknown; readonly received?: unknown } = {},
): LanceError {
  return new LanceError("CORRUPT", `${file.path}: ${what}`, { path: file.path, ...details }, { cause });
}
