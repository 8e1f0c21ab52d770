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
>;

/** Rows that lie in the file as Arrow holds them, copied once so that the caller owns them. */
export function copyPlainRows(slices: readonly Uint8Array[], numRows: number): DecodedValues {
  const values = new Uint8Array(slices.reduce((sum, slice) => sum + slice.byteLength, 0));
  let at = 0;
  for (const slice of slices) {
    values.set(slice, at);
    at += slice.byteLength;
  }
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
