/** Reads the sign bit of a float by its row, also of a zero or a NaN. Integers have none: `false`. */
export function createSignReader(values: ArrayBufferView): (row: number) => boolean {
  if (values instanceof Float64Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length * 2);
    return (row) => words[row * 2 + 1]! < 0;
  }
  if (values instanceof Float32Array) {
    const words = new Int32Array(values.buffer, values.byteOffset, values.length);
    return (row) => words[row]! < 0;
  }
  return () => false;
}
