import type { ColumnBuilder } from "../../kernels/decode.ts";

/** What Arrow data is built from: a column builder in WASM memory, or rows that needed no decoding. */
export type DecodedValues = Pick<
  ColumnBuilder,
  | "layerLength"
  | "layerValidity"
  | "layerNullCount"
  | "layerOffsets"
  | "itemValidity"
  | "valueData"
  | "valueOffsets"
  | "free"
> & {
  /** Packed structs only: the values of field `index` of each row. */
  fieldData?(index: number): Uint8Array;
  /** Packed structs only: the offsets of a field of variable width. */
  fieldOffsets?(index: number): Int32Array;
};

/** Widest item Arrow looks at through a typed array. */
const ALIGNMENT_BYTES = 8;

/**
 * Rows that lie in the file as Arrow holds them: copied once so that the caller owns them, or, for a caller that only
 * borrows and where they are one aligned slice, as they were fetched.
 */
export function takePlainRows(slices: readonly Uint8Array[], numRows: number, borrow: boolean): DecodedValues {
  const [first] = slices;
  const whole = borrow && slices.length === 1 && first && first.byteOffset % ALIGNMENT_BYTES === 0;
  const values = whole ? first : concatenate(slices);
  return {
    layerLength: () => numRows,
    layerValidity: () => undefined,
    layerNullCount: () => 0,
    layerOffsets: () => Int32Array.of(0),
    itemValidity: () => undefined,
    valueData: () => values,
    valueOffsets: () => Int32Array.of(0),
    free: () => {},
  };
}

function concatenate(slices: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(slices.reduce((sum, slice) => sum + slice.byteLength, 0));
  let at = 0;
  for (const slice of slices) {
    bytes.set(slice, at);
    at += slice.byteLength;
  }
  return bytes;
}
