/**
 * A value in its column's physical unit: integers of up to 32 bits, floats and `date32` as numbers; 64-bit integers,
 * `date64` and timestamps as bigints (in the column's own unit); text as string.
 */
export type ScalarValue = boolean | number | bigint | string;

/** One end of a range. */
export interface ScalarBound {
  readonly value: ScalarValue;
  readonly inclusive: boolean;
}

/** A predicate on one indexed column, in the column's own physical unit. NULL satisfies `isNull` alone. */
export type ScalarQuery =
  | { readonly kind: "equals"; readonly value: ScalarValue }
  | { readonly kind: "isIn"; readonly values: readonly ScalarValue[] }
  | { readonly kind: "range"; readonly lower: ScalarBound | null; readonly upper: ScalarBound | null }
  | { readonly kind: "isNull" }
  | { readonly kind: "likePrefix"; readonly prefix: string };
