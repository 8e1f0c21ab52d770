import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../../errors.ts";
import type { LanceFile } from "../../../format/read/file.ts";
import type { RabitRotation } from "../../../kernels/rabit-layout.ts";
import { TensorSchema } from "../../../proto/gen/lance/index_pb.ts";
import { decodeBase64, encodeBase64 } from "../../base64.ts";
import type { VectorType } from "../../vector-type.ts";
import { STORAGE_KEY, TENSOR_TYPES } from "../ivf-files.ts";
import { decodeCentroids, encodeCentroids } from "../vectors.ts";
import type { StorageModel } from "./storage.ts";
import { readStorageMetadata } from "./storage-metadata.ts";

/** What the rows of a segment are coded by, and how its file holds them. */
export interface RabitModel {
  readonly numBits: number;
  readonly rotation: RabitRotation;
  /** Factors are for the query itself, or (releases up to 7) for the query less the centroid. */
  readonly estimator: "raw_query" | "residual_query";
  readonly hasErrors: boolean;
  /** Whether codes of a partition lie in groups of 32 rows. */
  readonly isPacked: boolean;
}

/** A dense rotation is held whole, by every worker. */
const MAX_MATRIX_DIMENSION = 4096;

/** As tasks carry it: JSON. */
export function encodeRabitModel({ rotation, ...facts }: RabitModel): StorageModel {
  const bytes =
    rotation.kind === "fast"
      ? rotation.signs
      : new Uint8Array(rotation.matrix.buffer, rotation.matrix.byteOffset, rotation.matrix.byteLength);
  return { kind: "RQ", ...facts, rotationType: rotation.kind, rotation: encodeBase64(bytes) };
}

/** The inverse of {@link encodeRabitModel}; `undefined` for what is none. */
export function findRabitModel(model: StorageModel): RabitModel | undefined {
  const { kind, numBits, estimator, hasErrors, isPacked, rotationType, rotation } = model ?? {};
  const isModel =
    kind === "RQ" &&
    Number.isInteger(numBits) &&
    (numBits as number) >= 1 &&
    (numBits as number) <= 9 &&
    (estimator === "raw_query" || (estimator === "residual_query" && numBits === 1)) &&
    (rotationType === "fast" || rotationType === "matrix") &&
    typeof hasErrors === "boolean" &&
    typeof isPacked === "boolean" &&
    typeof rotation === "string";
  if (!isModel) return undefined;
  const bytes = decodeBase64(rotation, "the rotation of the model");
  if (rotationType === "matrix" && bytes.length % 4 !== 0) return undefined;
  return {
    numBits: numBits as number,
    estimator,
    hasErrors,
    isPacked,
    rotation:
      rotationType === "fast"
        ? { kind: "fast", signs: bytes }
        : { kind: "matrix", matrix: new Float32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4) },
  };
}

/** @throws CORRUPT for what is no model of vectors of this dimension */
export function getRabitModel(model: StorageModel, dimension: number): RabitModel {
  const found = findRabitModel(model);
  if (found && hasDimension(found.rotation, dimension)) return found;
  throw new LanceError("CORRUPT", `a RaBitQ model that is none for vectors of ${dimension} values`, { dimension });
}

function hasDimension(rotation: RabitRotation, dimension: number): boolean {
  return rotation.kind === "fast"
    ? rotation.signs.length === dimension / 2
    : rotation.matrix.length === dimension * dimension;
}

/**
 * The model of the segment that owns the file: files say little in old releases, whose rotations are matrices, whose
 * factors are for residual queries, and whose rows have no error factors.
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function readRabitModel(file: LanceFile, type: VectorType, signal?: AbortSignal): Promise<RabitModel> {
  const metadata = readStorageMetadata(file);
  const { num_bits: numBits, packed, code_dim: codeDim, query_estimator: estimator = "residual_query" } = metadata;
  if (estimator === "residual_query" && Number.isInteger(numBits) && numBits !== 1) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path}: RaBitQ codes of ${numBits} bits as native before 8 wrote them, which none reads since; build the index anew`,
      { path: file.path, received: file.metadata[STORAGE_KEY] },
    );
  }
  const { dimension } = type;
  const rotation = dimension % 8 === 0 ? await readRotation(file, metadata, type, signal) : undefined;
  const hasErrors = file.schema.fields.some(({ name }) => name === "__error_factors");
  const facts = { numBits, estimator, hasErrors, isPacked: packed } as Omit<RabitModel, "rotation">;
  const model = rotation && findRabitModel(encodeRabitModel({ ...facts, rotation }));
  const isDimension = codeDim === undefined || codeDim === 0 || codeDim === dimension;
  if (model && isDimension && hasDimension(model.rotation, dimension)) return model;
  throw new LanceError(
    "CORRUPT",
    `${file.path}: expected RaBitQ codes of vectors of ${dimension} values, received ${file.metadata[STORAGE_KEY]}`,
    { path: file.path, dimension },
  );
}

async function readRotation(
  file: LanceFile,
  metadata: Readonly<Record<string, unknown>>,
  type: VectorType,
  signal: AbortSignal | undefined,
): Promise<RabitRotation | undefined> {
  const { rotation_type: kind = "matrix", fast_rotation_signs: signs, rotate_mat_position: position } = metadata;
  const { dimension } = type;
  if (kind === "fast") {
    const isSigns = Array.isArray(signs) && signs.length === dimension / 2;
    return isSigns ? { kind, signs: Uint8Array.from(signs as number[]) } : undefined;
  }
  if (kind !== "matrix" || !Number.isInteger(position) || dimension > MAX_MATRIX_DIMENSION) return undefined;
  if ((position as number) < 1 || (position as number) >= file.numGlobalBuffers) return undefined;
  const bytes = await file.readGlobalBuffer(position as number, signal);
  return decodeMatrix(bytes, dimension, file.path);
}

function decodeMatrix(bytes: Uint8Array, dimension: number, path: string): RabitRotation | undefined {
  try {
    const { dataType, shape, data } = fromBinary(TensorSchema, bytes);
    const element = (["f16", "f32", "f64"] as const).find((known) => TENSOR_TYPES[known] === dataType);
    const width = { f16: 2, f32: 4, f64: 8 };
    const isSquare = shape.length === 2 && shape[0] === dimension && shape[1] === dimension;
    if (!element || !isSquare || data.length !== dimension * dimension * width[element]) return undefined;
    // Aligned, whatever lay before it.
    return { kind: "matrix", matrix: decodeCentroids(data.slice(), { element, dimension }) };
  } catch (cause) {
    throw new LanceError("CORRUPT", `${path}: its rotation is no tensor`, { path }, { cause });
  }
}

/** `storage_metadata` of a file whose codes are row by row. @param addBuffer takes a dense rotation */
export async function writeRabitMetadata(
  { numBits, rotation, estimator }: RabitModel,
  { element, dimension }: VectorType,
  addBuffer: (bytes: Uint8Array) => Promise<number>,
): Promise<string> {
  const isFast = rotation.kind === "fast";
  const position = isFast ? null : await addBuffer(encodeMatrix(rotation.matrix, { element, dimension }));
  return JSON.stringify({
    rotate_mat_position: position,
    fast_rotation_signs: isFast ? [...rotation.signs] : null,
    rotation_type: rotation.kind,
    code_dim: dimension,
    num_bits: numBits,
    packed: false,
    query_estimator: estimator,
  });
}

/** In the column's element type, which native multiplies it with. */
function encodeMatrix(matrix: Float32Array, { element, dimension }: VectorType): Uint8Array {
  const data = encodeCentroids(matrix, element);
  return toBinary(
    TensorSchema,
    create(TensorSchema, { dataType: TENSOR_TYPES[element], shape: [dimension, dimension], data }),
  );
}
