import { Data, type DataType, type Dictionary, makeData, Type, Vector } from "apache-arrow";
import { LanceError } from "../../errors.ts";

/**
 * Dictionary data of plain values: pages of one batch may have had different dictionaries, or none.
 * Cost: one pass over the bytes.
 * @param values of one chunk, offset 0
 * @throws UNSUPPORTED when the batch has more distinct values than the index type can number, and for nested values
 */
export function encodeDictionary(type: Dictionary, values: Data, path: string): Data {
  if (!ArrayBuffer.isView(values.values)) {
    throw new LanceError("UNSUPPORTED", `column "${path}": a dictionary of ${values.type} cannot be read`, {
      column: path,
    });
  }
  const { length, nullCount, nullBitmap } = values;
  const Indices = type.indices.ArrayType as unknown as { new (length: number): Int32Array };
  const indices = new Indices(length);
  const isWide = indices instanceof BigInt64Array || indices instanceof BigUint64Array;
  const distinct = new DistinctValues(values);
  for (let row = 0; row < length; row++) {
    if (nullCount > 0 && ((nullBitmap[row >> 3]! >> (row & 7)) & 1) === 0) continue;
    const number = distinct.add(row);
    (indices as unknown as Record<number, number | bigint>)[row] = isWide ? BigInt(number) : number;
  }
  const { bitWidth, isSigned } = type.indices as unknown as { bitWidth: number; isSigned: boolean };
  const { firsts } = distinct;
  if (firsts.length > 2 ** (bitWidth - (isSigned ? 1 : 0))) {
    throw new LanceError(
      "UNSUPPORTED",
      `column "${path}": ${firsts.length} distinct values in one batch do not fit ${bitWidth}-bit indices; read fewer rows at a time`,
      { column: path },
    );
  }
  const dictionary = new Vector([distinct.toData()]);
  const nulls = nullCount > 0 ? { nullCount, nullBitmap } : { nullCount: 0 };
  return makeData({ type, length, ...nulls, data: indices as never, dictionary } as never) as Data;
}

/** Distinct values by their bytes, in the order they came; a hash table with open addressing. */
class DistinctValues {
  /** The first row of each value. */
  readonly firsts: number[] = [];
  readonly #values: Data;
  readonly #bytes: Uint8Array;
  readonly #offsets: ArrayLike<number | bigint> | undefined;
  readonly #width: number;
  #slots = new Int32Array(64).fill(-1);

  constructor(values: Data) {
    this.#values = values;
    const raw = values.values as Uint8Array;
    const isBits = values.type.typeId === Type.Bool;
    this.#bytes = isBits
      ? Uint8Array.from({ length: values.length }, (_, row) => (raw[row >> 3]! >> (row & 7)) & 1)
      : new Uint8Array(raw.buffer, raw.byteOffset, raw.byteLength);
    const offsets = values.valueOffsets as unknown as ArrayLike<number | bigint> | undefined;
    this.#offsets = offsets && offsets.length > 0 ? offsets : undefined;
    this.#width = isBits ? 1 : values.stride * raw.BYTES_PER_ELEMENT;
  }

  /** The number of a row's value. */
  add(row: number): number {
    const start = this.#startOf(row);
    const end = this.#startOf(row + 1);
    const mask = this.#slots.length - 1;
    for (let slot = this.#hash(start, end) & mask; ; slot = (slot + 1) & mask) {
      const number = this.#slots[slot]!;
      if (number >= 0) {
        if (this.#isSame(this.firsts[number]!, start, end)) return number;
        continue;
      }
      this.#slots[slot] = this.firsts.push(row) - 1;
      if (this.firsts.length * 2 > this.#slots.length) this.#grow();
      return this.firsts.length - 1;
    }
  }

  /** The distinct values as one array. */
  toData(): Data {
    const type = this.#values.type as DataType;
    const spans = this.firsts.map((row) => [this.#startOf(row), this.#startOf(row + 1)] as const);
    const bytes = new Uint8Array(spans.reduce((sum, [start, end]) => sum + end - start, 0));
    const ends = new Int32Array(spans.length + 1);
    for (const [i, [start, end]] of spans.entries()) {
      bytes.set(this.#bytes.subarray(start, end), ends[i]!);
      ends[i + 1] = ends[i]! + end - start;
    }
    const length = spans.length;
    if (type.typeId === Type.Bool) {
      const bits = new Uint8Array((length + 7) >> 3);
      for (const [i, bit] of bytes.entries()) bits[i >> 3]! |= bit << (i & 7);
      return new Data(type, 0, length, 0, [undefined, bits, undefined] as never);
    }
    if (this.#offsets === undefined) {
      const Values = type.ArrayType as new (buffer: ArrayBuffer) => ArrayBufferView;
      return new Data(type, 0, length, 0, [undefined, new Values(bytes.buffer), undefined] as never);
    }
    const isLarge = type.typeId === Type.LargeUtf8 || type.typeId === Type.LargeBinary;
    const offsets = isLarge ? BigInt64Array.from(ends, BigInt) : ends;
    return new Data(type, 0, length, 0, [offsets, bytes, undefined] as never);
  }

  #startOf(row: number): number {
    return this.#offsets ? Number(this.#offsets[row]) : row * this.#width;
  }

  /** FNV-1a, its upper bits mixed in. */
  #hash(start: number, end: number): number {
    let hash = 0x811c9dc5;
    for (let at = start; at < end; at++) hash = Math.imul(hash ^ this.#bytes[at]!, 0x01000193);
    return hash ^ (hash >>> 15);
  }

  #isSame(row: number, start: number, end: number): boolean {
    const other = this.#startOf(row);
    if (this.#startOf(row + 1) - other !== end - start) return false;
    for (let i = 0; i < end - start; i++) if (this.#bytes[other + i] !== this.#bytes[start + i]) return false;
    return true;
  }

  #grow(): void {
    this.#slots = new Int32Array(this.#slots.length * 4).fill(-1);
    const mask = this.#slots.length - 1;
    for (const [number, row] of this.firsts.entries()) {
      let slot = this.#hash(this.#startOf(row), this.#startOf(row + 1)) & mask;
      while (this.#slots[slot]! >= 0) slot = (slot + 1) & mask;
      this.#slots[slot] = number;
    }
  }
}
