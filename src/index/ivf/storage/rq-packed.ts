/** Rows of a group. */
const GROUP = 32;
/** Rows whose nibbles a group's bytes hold, the low ones; the high ones are those 16 further on. */
const ORDER = [0, 8, 1, 9, 2, 10, 3, 11, 4, 12, 5, 13, 6, 14, 7, 15] as const;

/**
 * Codes of a whole partition that its file packed, row by row again, in place. Groups of 32 rows hold for each byte of
 * the codes first the low, then the high nibbles; rows left over are transposed (index page, section 4).
 * @param values rows of `rowBytes`, each with `codeBytes` of the packed codes in front
 */
export function unpackCodes(
  values: Uint8Array,
  numRows: number,
  { rowBytes, codeBytes }: { readonly rowBytes: number; readonly codeBytes: number },
): void {
  const packed = new Uint8Array(numRows * codeBytes);
  for (let row = 0; row < numRows; row++) {
    packed.set(values.subarray(row * rowBytes, row * rowBytes + codeBytes), row * codeBytes);
  }
  const numPacked = numRows - (numRows % GROUP);
  for (let first = 0; first < numPacked; first += GROUP) {
    for (let byte = 0; byte < codeBytes; byte++) {
      const at = first * codeBytes + byte * GROUP;
      for (let i = 0; i < GROUP / 2; i++) {
        const [low, high] = [packed[at + i]!, packed[at + 16 + i]!];
        const row = first + ORDER[i]!;
        values[row * rowBytes + byte] = (low & 15) | ((high & 15) << 4);
        values[(row + 16) * rowBytes + byte] = (low >> 4) | (high & 0xf0);
      }
    }
  }
  const rest = numRows - numPacked;
  for (let row = 0; row < rest; row++) {
    for (let byte = 0; byte < codeBytes; byte++) {
      values[(numPacked + row) * rowBytes + byte] = packed[numPacked * codeBytes + byte * rest + row]!;
    }
  }
}
