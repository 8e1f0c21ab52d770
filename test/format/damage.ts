import { isLanceError } from "../../src/errors.ts";
import { fileColumns, openLanceFile } from "../../src/format/read/file.ts";
import { storeOf } from "./support.ts";

type Random = (limit: number) => number;

/** Ways a file goes bad: bits, bytes, sizes that look plausible, a cut, a hole, a block from elsewhere. */
const DAMAGE: readonly ((bytes: Uint8Array, at: number, random: Random) => Uint8Array)[] = [
  (bytes, at, random) => {
    bytes[at]! ^= 1 << random(8);
    return bytes;
  },
  (bytes, at, random) => {
    for (let i = 0; i < 4; i++) bytes[(at + random(64)) % bytes.length] = random(256);
    return bytes;
  },
  (bytes, at) => bytes.fill(0xff, at, at + 4),
  (bytes, at, random) => bytes.fill(0, at, at + 1 + random(64)),
  (bytes, at) => bytes.subarray(0, at),
  (bytes, at, random) => bytes.copyWithin(at, random(bytes.length), random(bytes.length)),
];

/** One damaged copy. Half the time the damage is near the end, where the tables are. */
export function damage(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  const tail = Math.min(bytes.length, 12_000);
  const at = random(2) === 0 ? random(bytes.length) : bytes.length - 1 - random(tail);
  return DAMAGE[random(DAMAGE.length)]!(copy, at, random);
}

/**
 * Opens a file and reads some columns, as scan and as take.
 * @returns the error's code, or "read" when nothing was noticed
 * @throws whatever is not a LanceError, and a decoder that trapped
 */
export async function readDamaged(bytes: Uint8Array, random: Random, maxColumns: number): Promise<string> {
  try {
    const file = await openLanceFile(await storeOf(bytes), "file.lance");
    const columns = fileColumns(file);
    for (let i = 0; i < Math.min(maxColumns, columns.length); i++) {
      const column = columns[random(columns.length)]!;
      const rows =
        file.numRows > 0 && random(3) === 0
          ? ({ kind: "indices", indices: Uint32Array.of(random(Math.min(file.numRows, 3000))) } as const)
          : ({ kind: "all" } as const);
      for await (const batch of file.read([column], rows)) if (batch.numRows > 1e6) break;
    }
    file.close();
    return "read";
  } catch (error) {
    if (!isLanceError(error, "CORRUPT", "UNSUPPORTED")) throw error;
    return error.code;
  }
}
