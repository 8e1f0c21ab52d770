import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";
import { elementBytes, type VectorElement } from "../../kernels/element.ts";
import { decodeBase64, encodeBase64 } from "../base64.ts";
import type { IndexParams } from "../params.ts";
import { getVectorType, type VectorType } from "../vector-type.ts";
import { readGivenVectors } from "./given-vectors.ts";
import type { IvfKind } from "./kind.ts";

/** What a user gives so that it is not trained. */
export interface GivenModel {
  readonly type: VectorType;
  /** Centroids as files hold them, in the column's element type. */
  readonly tensor: Uint8Array;
  /** Of a product quantizer: all values of the first sub-vector, then of the second, and so on. */
  readonly codebook: Float32Array | null;
}

const FORMAT = "lancelet.ivf.given.1";
const CENTROIDS = "ivfCentroids";
const CODEBOOK = "pqCodebook";

/**
 * Takes out of parameters what is data: it travels as a file, as a trained model does.
 * @returns the other parameters, and the bytes of the file; `null` where nothing is given
 * @throws INVALID_ARGUMENT, DIMENSION_MISMATCH
 */
export function packGiven(
  kind: IvfKind,
  field: LanceField,
  params: IndexParams,
): { readonly params: IndexParams; readonly given: Uint8Array | null } {
  const { [CENTROIDS]: centroids, [CODEBOOK]: codebook, ...rest } = params;
  const takesCodebook = kind.storage.paramNames.includes(CODEBOOK);
  if (codebook !== undefined && !takesCodebook) return { params, given: null };
  if (centroids === undefined) {
    if (codebook === undefined) return { params, given: null };
    throw refuse(`${CODEBOOK}: give ${CENTROIDS} beside it: its values are those of vectors less their centroids`);
  }
  const type = getVectorType(field, `an ${kind.indexType} index`);
  const { dimension, element } = type;
  const values = readGivenVectors(CENTROIDS, centroids, { width: dimension, element });
  const count = values.length / dimension;
  const { numPartitions } = params;
  if (numPartitions !== undefined && numPartitions !== count) {
    throw refuse(`${CENTROIDS}: expected numPartitions (${String(numPartitions)}) vectors, received ${count}`);
  }
  const tensor = new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const codes = codebook === undefined ? null : readCodebook(codebook, dimension);
  return { params: { ...rest, numPartitions: count }, given: encodeGiven({ type, tensor, codebook: codes }) };
}

/** Codewords of every sub-vector: as many values as some vectors have. */
function readCodebook(codebook: unknown, dimension: number): Float32Array {
  return readGivenVectors(CODEBOOK, codebook, { width: dimension, element: "f32", nested: true }) as Float32Array;
}

function encodeGiven({ type, tensor, codebook }: GivenModel): Uint8Array {
  const data = {
    format: FORMAT,
    ...type,
    centroids: encodeBase64(tensor),
    ...(codebook ? { codebook: encodeBase64(new Uint8Array(codebook.buffer)) } : {}),
  };
  return new TextEncoder().encode(JSON.stringify(data));
}

/** What {@link packGiven} packed; `undefined` for the file of a model that is trained. @throws CORRUPT */
export function decodeGiven(bytes: Uint8Array): GivenModel | undefined {
  // The format comes first in the file: a trained model, which may be large, is not parsed twice.
  if (!new TextDecoder().decode(bytes.subarray(0, 64)).includes(FORMAT)) return undefined;
  try {
    const data = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as Record<string, unknown>;
    const type = { element: data.element as VectorElement, dimension: Number(data.dimension) };
    const tensor = decodeBase64(String(data.centroids), "the centroids given");
    const codebook = data.codebook === undefined ? null : decodeBase64(String(data.codebook), "the codebook given");
    const rowBytes = type.dimension * elementBytes(type.element);
    if (!(tensor.length > 0 && tensor.length % rowBytes === 0)) throw new Error("centroids of another length");
    return { type, tensor, codebook: codebook && new Float32Array(codebook.buffer) };
  } catch (cause) {
    throw new LanceError("CORRUPT", `the model is no ${FORMAT} file`, { expected: FORMAT }, { cause });
  }
}

/** A file from elsewhere may be of another column. @throws DIMENSION_MISMATCH */
export function checkGiven({ type }: GivenModel, column: VectorType): void {
  if (type.dimension === column.dimension && type.element === column.element) return;
  const [received, expected] = [type, column].map(({ dimension, element }) => `${dimension} ${element}`);
  throw new LanceError(
    "DIMENSION_MISMATCH",
    `the centroids given are vectors of ${received}, those of the column of ${expected}`,
    { expected, received },
  );
}

function refuse(message: string): LanceError {
  return new LanceError("INVALID_ARGUMENT", message, {});
}
