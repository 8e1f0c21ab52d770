import { LanceError } from "../errors.ts";

/** What a RaBitQ row is made of. */
export interface RabitLayout {
  /** A multiple of 8. */
  readonly dimension: number;
  /** 1 to 9 a value. */
  readonly numBits: number;
  /** Whether rows have error factors; those of old releases have none. */
  readonly hasErrors: boolean;
}

/** How vectors are rotated before their signs are taken. */
export type RabitRotation =
  /** Sign flips of four rounds, one bit a value, least significant first: `dimension / 2` bytes. */
  | { readonly kind: "fast"; readonly signs: Uint8Array }
  /** `dimension × dimension` values, row by row. */
  | { readonly kind: "matrix"; readonly matrix: Float32Array };

/** Parts of a row: their bytes, in the order they have in it. */
export interface RabitRow {
  /** Signs of the rotated values. */
  readonly codeBytes: number;
  /** f32 beside them: add, scale and, where there are any, error factor. */
  readonly numFactors: number;
  /** The bits beyond the sign, in blocks of 64 values; 0 for one bit. */
  readonly exBytes: number;
  /** f32 beside those: add and scale factor, or none. */
  readonly numExFactors: number;
  readonly rowBytes: number;
}

/** @throws INVALID_ARGUMENT for a layout that is none */
export function measureRabitRow({ dimension, numBits, hasErrors }: RabitLayout): RabitRow {
  const isLayout = Number.isInteger(dimension) && dimension > 0 && dimension % 8 === 0 && dimension <= 2 ** 20;
  if (!isLayout || !Number.isInteger(numBits) || numBits < 1 || numBits > 9) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `RaBitQ needs a dimension that is a multiple of 8 and 1 to 9 bits; received ${dimension} and ${numBits}`,
      { dimension, numBits },
    );
  }
  const codeBytes = dimension / 8;
  const numFactors = hasErrors ? 3 : 2;
  const exBytes = Math.ceil(dimension / 64) * 8 * (numBits - 1);
  const numExFactors = numBits > 1 ? 2 : 0;
  return {
    codeBytes,
    numFactors,
    exBytes,
    numExFactors,
    rowBytes: codeBytes + exBytes + 4 * (numFactors + numExFactors),
  };
}

/** The bytes of a rotation as kernels take them. @throws INVALID_ARGUMENT when it is of another dimension */
export function getRotationBytes(rotation: RabitRotation, dimension: number): ArrayBufferView {
  const [values, expected] =
    rotation.kind === "fast" ? [rotation.signs, dimension / 2] : [rotation.matrix, dimension * dimension];
  if (values.length === expected) return values;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `a ${rotation.kind} rotation of ${dimension} dimensions has ${expected} values; received ${values.length}`,
    { dimension, expected, received: values.length },
  );
}
