import { LanceError } from "../../errors.ts";
import type { GiveWay } from "../../tasks/give-way.ts";
import type { RowIdPieces } from "./row-id-pieces.ts";

/** Rows between two looks at the signal and the event loop: under a millisecond. */
const ROWS_PER_LOOK = 65_536;

/**
 * Stable row ids of all rows as doubles, in physical order: loops over them take a tenth of what bigints do.
 * @throws UNSUPPORTED for ids beyond 2^53, which no table has counted up to
 */
export async function listRowNumbers(
  { pieces, starts }: RowIdPieces,
  giveWay: GiveWay,
): Promise<Float64Array<ArrayBuffer>> {
  const numbers = new Float64Array(starts.at(-1)!);
  for (const [i, piece] of pieces.entries()) {
    const part = numbers.subarray(starts[i]!, starts[i + 1]!);
    const read = piece.kind === "list" ? readHalves(piece.ids) : createReader(piece);
    for (let row = 0; row < part.length; row++) {
      if (row % ROWS_PER_LOOK === 0) await giveWay();
      part[row] = read(row);
    }
  }
  return numbers;
}

/**
 * Sorts in place, ascending. O(n) where they ascend already, O(n log n) else, with a turn for the event loop every few
 * milliseconds.
 */
export async function sortNumbers(numbers: Float64Array<ArrayBuffer>, giveWay: GiveWay): Promise<void> {
  if (await areAscending(numbers, giveWay)) return;
  for (let start = 0; start < numbers.length; start += ROWS_PER_LOOK) {
    await giveWay();
    numbers.subarray(start, start + ROWS_PER_LOOK).sort();
  }
  let from = numbers;
  let to = new Float64Array(numbers.length);
  for (let width = ROWS_PER_LOOK; width < numbers.length; width *= 2) {
    for (let start = 0; start < numbers.length; start += 2 * width) {
      await mergeRuns(from.subarray(start, start + 2 * width), to.subarray(start, start + 2 * width), width, giveWay);
    }
    [from, to] = [to, from];
  }
  if (from !== numbers) numbers.set(from);
}

async function areAscending(numbers: Float64Array, giveWay: GiveWay): Promise<boolean> {
  for (let i = 1; i < numbers.length; i++) {
    if (i % ROWS_PER_LOOK === 0) await giveWay();
    if (numbers[i]! < numbers[i - 1]!) return false;
  }
  return true;
}

/** Two ascending runs, the second from `middle` on, become one. */
async function mergeRuns(from: Float64Array, to: Float64Array, middle: number, giveWay: GiveWay): Promise<void> {
  let a = 0;
  let b = middle;
  for (let at = 0; at < to.length; at++) {
    if (at % ROWS_PER_LOOK === 0) await giveWay();
    to[at] = b >= from.length || (a < middle && from[a]! <= from[b]!) ? from[a++]! : from[b++]!;
  }
}

function createReader(piece: Exclude<RowIdPieces["pieces"][number], { kind: "list" }>): (row: number) => number {
  const positions = piece.kind === "bits" ? piece.bits.positions() : null;
  const last = positions === null ? piece.count - 1 : (positions.at(-1) ?? 0);
  if (piece.first + BigInt(Math.max(0, last)) > BigInt(Number.MAX_SAFE_INTEGER)) throw tooLarge(piece.first);
  const first = Number(piece.first);
  return positions === null ? (row) => first + row : (row) => first + positions[row]!;
}

function readHalves(ids: BigUint64Array): (row: number) => number {
  const halves = new Uint32Array(ids.buffer, ids.byteOffset, ids.length * 2);
  return (row) => {
    const high = halves[2 * row + 1]!;
    if (high >= 0x200000) throw tooLarge(ids[row]!);
    return high * 2 ** 32 + halves[2 * row]!;
  };
}

function tooLarge(id: bigint): LanceError {
  return new LanceError("UNSUPPORTED", `row id ${id} is beyond 2^53`, { rowId: String(id) });
}
