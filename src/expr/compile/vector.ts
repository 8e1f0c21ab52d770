import type { Data } from "apache-arrow";
import { createBits, fillBits } from "../bitset.ts";

/** Numbers as Arrow and the kernels hold them, 64-bit integers aside. */
export type NumberArray =
  | Int8Array
  | Int16Array
  | Int32Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | Float32Array
  | Float64Array;

/** A column of values during evaluation. `nulls` has a bit set for each NULL row; `null` = there is none. */
export type Vector = { readonly length: number; readonly nulls: Uint32Array | null } & VectorValues;

/** The values of a {@link Vector}, by how they are held. */
export type VectorValues =
  | { readonly kind: "number"; readonly values: NumberArray }
  | { readonly kind: "bigint"; readonly values: BigInt64Array | BigUint64Array }
  /** Text, and binaries. */
  | BytesValues
  | { readonly kind: "boolean"; readonly bits: Uint32Array }
  /** Unscaled. */
  | { readonly kind: "decimal"; readonly values: readonly bigint[] }
  | ListValues
  /** What is only passed on: structs, maps and the like. */
  | { readonly kind: "opaque"; readonly data: Data };

/** Texts or binaries: row i has the bytes from `offsets[i]` to `offsets[i + 1]`. */
export interface BytesValues {
  readonly kind: "bytes";
  readonly offsets: Int32Array | Float64Array;
  readonly bytes: Uint8Array;
}

/** Lists of values of one type. */
export interface ListValues {
  readonly kind: "list";
  /** Row i has the items from `offsets[i]` to `offsets[i + 1]`. */
  readonly offsets: Int32Array | Float64Array;
  readonly items: Vector;
}

/** NULL in every row. */
export function createNullVector(length: number): Vector {
  return { kind: "boolean", length, nulls: fillBits(length), bits: createBits(length) };
}
