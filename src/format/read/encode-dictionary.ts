import { type Data, type Dictionary, makeData, type Vector } from "apache-arrow";
import { LanceError } from "../../errors.ts";

/**
 * Dictionary data of plain values: pages of one batch may have had different dictionaries, or none.
 * Cost: one pass over the values.
 * @throws UNSUPPORTED when the batch has more distinct values than the index type can number
 */
export function encodeDictionary(type: Dictionary, values: Vector, path: string): Data {
  const numbers = new Map<unknown, number>();
  const firsts: number[] = [];
  const Indices = type.indices.ArrayType as unknown as { new (length: number): Int32Array };
  const indices = new Indices(values.length);
  const isWide = indices instanceof BigInt64Array || indices instanceof BigUint64Array;
  const nullBitmap = new Uint8Array((values.length + 7) >> 3);
  let nullCount = 0;
  for (let row = 0; row < values.length; row++) {
    const value = values.get(row);
    if (value === null) {
      nullCount++;
      continue;
    }
    nullBitmap[row >> 3]! |= 1 << (row & 7);
    const key = value instanceof Uint8Array ? keyOf(value) : typeof value === "object" ? String(value) : value;
    let number = numbers.get(key);
    if (number === undefined) {
      number = firsts.length;
      numbers.set(key, number);
      firsts.push(row);
    }
    (indices as unknown as Record<number, number | bigint>)[row] = isWide ? BigInt(number) : number;
  }
  const { bitWidth, isSigned } = type.indices as unknown as { bitWidth: number; isSigned: boolean };
  if (firsts.length > 2 ** (bitWidth - (isSigned ? 1 : 0))) {
    throw new LanceError(
      "UNSUPPORTED",
      `column "${path}": ${firsts.length} distinct values in one batch do not fit ${bitWidth}-bit indices; read fewer rows at a time`,
      { column: path },
    );
  }
  const dictionary = pick(values, firsts);
  return makeData({ type, length: values.length, nullCount, nullBitmap, data: indices as never, dictionary });
}

function keyOf(bytes: Uint8Array): string {
  let key = "";
  for (const byte of bytes) key += String.fromCharCode(byte);
  return key;
}

/** The values of some rows, as a vector of their slices: no copy. */
function pick(values: Vector, rows: readonly number[]): Vector {
  const [first, ...rest] = rows.map((row) => values.slice(row, row + 1));
  if (!first) return values.slice(0, 0);
  return first.concat(...rest);
}
