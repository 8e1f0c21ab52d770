/** Values of a block. */
const BLOCK = 64;

/** Where some bits of a value lie in its block: its number, their lowest bit, their mask, their byte, the shift there. */
type Piece = readonly [value: number, from: number, mask: number, byte: number, shift: number];

/**
 * Codes that betas before native 8 wrote value after value, least significant bit first, as blocks of 64 values, which
 * files have since (index page, section 4).
 * @param codes rows of ⌈dimension × bits / 8⌉ bytes
 * @param layout bits beyond the sign: 1 to 8
 * @returns rows of ⌈dimension / 64⌉ × 8 × bits bytes
 */
export function blockSequentialCodes(
  codes: Uint8Array,
  numRows: number,
  { dimension, bits }: { readonly dimension: number; readonly bits: number },
): Uint8Array {
  const pieces = Uint8Array.from(listPieces(bits).flat());
  const from = Math.ceil((dimension * bits) / 8);
  const blockBytes = (BLOCK * bits) / 8;
  const to = Math.ceil(dimension / BLOCK) * blockBytes;
  const blocks = new Uint8Array(numRows * to);
  const values = new Uint8Array(BLOCK);
  for (let row = 0; row < numRows; row++) {
    const end = (row + 1) * from;
    for (let first = 0; first < dimension; first += BLOCK) {
      const count = Math.min(BLOCK, dimension - first);
      values.fill(0, count);
      for (let i = 0, bit = first * bits; i < count; i++, bit += bits) {
        const at = row * from + (bit >> 3);
        const pair = codes[at]! | (at + 1 < end ? codes[at + 1]! << 8 : 0);
        values[i] = (pair >> (bit & 7)) & ((1 << bits) - 1);
      }
      const start = row * to + (first / BLOCK) * blockBytes;
      for (let at = 0; at < pieces.length; at += 5) {
        const bits = (values[pieces[at]!]! >> pieces[at + 1]!) & pieces[at + 2]!;
        blocks[start + pieces[at + 3]!]! |= bits << pieces[at + 4]!;
      }
    }
  }
  return blocks;
}

function listPieces(bits: number): Piece[] {
  const low = bits === 1 ? 1 : bits - (bits % 2);
  return Array.from({ length: BLOCK }, (_, value) => value).flatMap((value) => {
    const [run, at] = [value >> 4, value & 15];
    const pieces = listLowPieces(value, low, bits);
    if (low === bits) return pieces;
    // The odd bit of all values lies behind: 8 values of a run in each of two bits of 8 bytes.
    return [...pieces, [value, low, 1, 8 * low + (at & 7), 2 * run + (at >> 3)]];
  });
}

/** @param low bits of a value before its odd one */
function listLowPieces(value: number, low: number, bits: number): Piece[] {
  const [run, at] = [value >> 4, value & 15];
  const place = (byte: number, shift: number): Piece[] => [[value, 0, (1 << low) - 1, byte, shift]];
  if (low === 1) return place(value >> 3, value & 7);
  if (low === 2) return place(at, 2 * run);
  if (bits === 4) return place(8 * run + (at & 7), 4 * (at >> 3));
  if (low === 4) return place(16 * (run >> 1) + at, 4 * (run & 1));
  if (low === 8 || run < 3) return place(value, 0);
  // Six bits of the last run fill up the bytes of the three others.
  return [0, 1, 2].map((k) => [value, 2 * k, 3, 16 * k + at, 6]);
}
