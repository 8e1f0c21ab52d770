import type { RecordBatch } from "apache-arrow";
import { hasBit } from "./bitset.ts";
import { type BoundExpression, typeOf } from "./bound.ts";
import { evaluateVector } from "./compile/evaluate.ts";
import type { Vector } from "./compile/vector.ts";
import type { ValueType } from "./value-type.ts";

/** A column rows are ordered by. */
export interface KeyPart {
  readonly bound: BoundExpression;
  readonly ascending: boolean;
  readonly nullsFirst: boolean;
}

/** Keys of some rows: row i has the bytes from `offsets[i]` to `offsets[i + 1]`. Bytewise order is the order asked for. */
export interface SortKeys {
  readonly bytes: Uint8Array;
  readonly offsets: Float64Array;
}

/**
 * Encodes rows so that comparing bytes orders them: numbers big-endian with the sign turned, floats in total order, texts
 * and lists ended so that a prefix comes first, each value behind a byte that places NULL.
 *
 * @param suffix appended to each key, `width` bytes a row: what tells equal keys apart
 */
export function encodeSortKeys(
  parts: readonly KeyPart[],
  batch: RecordBatch,
  suffix: { readonly bytes: Uint8Array; readonly width: number },
): SortKeys {
  const length = batch.numRows;
  const writer = new KeyWriter(length * (suffix.width + 16 * parts.length));
  const offsets = new Float64Array(length + 1);
  const columns = parts.map(({ bound, ascending, nullsFirst }) => {
    const vector: Vector = evaluateVector(bound, { batch, length, skipped: null });
    return { ascending, nullsFirst, nulls: vector.nulls, write: createValueWriter(vector, typeOf(bound)) };
  });
  for (let row = 0; row < length; row++) {
    for (const { ascending, nullsFirst, nulls, write } of columns) {
      const isNull = nulls !== null && hasBit(nulls, row);
      writer.byte(isNull ? (nullsFirst ? 0 : 2) : 1);
      if (isNull) continue;
      const start = writer.size;
      write(writer, row);
      if (!ascending) writer.invertFrom(start);
    }
    writer.append(suffix.bytes, row * suffix.width, (row + 1) * suffix.width);
    offsets[row + 1] = writer.size;
  }
  return { bytes: writer.finish(), offsets };
}

type ValueWriter = (writer: KeyWriter, row: number) => void;

/** Writes values from where they lie: no text is decoded, and of 64-bit integers no bigint is made. */
function createValueWriter(vector: Vector, type: ValueType): ValueWriter {
  switch (vector.kind) {
    case "boolean":
      return (writer, row) => writer.byte(hasBit(vector.bits, row) ? 1 : 0);
    case "number": {
      const { values } = vector;
      if (type.kind === "float") return (writer, row) => writer.float(values[row]!);
      return (writer, row) => writer.integer(values[row]!);
    }
    case "bigint": {
      const { values } = vector;
      const halves = new Uint32Array(values.buffer, values.byteOffset, 2 * values.length);
      const sign = values instanceof BigInt64Array ? 0x80000000 : 0;
      return (writer, row) => writer.halves(halves[2 * row + 1]! ^ sign, halves[2 * row]!);
    }
    case "decimal": {
      const words = type.kind === "decimal" ? type.bits / 64 : 2;
      return (writer, row) => writer.wide(vector.values[row]!, words);
    }
    // Native compares texts by their UTF-8 bytes.
    case "bytes": {
      const { bytes, offsets } = vector;
      return (writer, row) => writer.escaped(bytes, offsets[row]!, offsets[row + 1]!);
    }
    case "list": {
      const { items, offsets } = vector;
      const write = createValueWriter(items, type.kind === "list" ? type.item : type);
      return (writer, row) => {
        for (let at = offsets[row]!; at < offsets[row + 1]!; at++) {
          const isNull = items.nulls !== null && hasBit(items.nulls, at);
          writer.byte(isNull ? 1 : 2);
          if (!isNull) write(writer, at);
        }
        writer.byte(0);
      };
    }
    // Columns without a row.
    case "opaque":
      return () => undefined;
  }
}

/** Bytes that grow. */
class KeyWriter {
  #bytes: Uint8Array;
  #view: DataView;
  size = 0;

  constructor(capacity: number) {
    this.#bytes = new Uint8Array(Math.max(64, capacity));
    this.#view = new DataView(this.#bytes.buffer);
  }

  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.size++] = value;
  }

  append(bytes: Uint8Array, from: number, to: number): void {
    this.#reserve(to - from);
    for (let at = from; at < to; at++) this.#bytes[this.size++] = bytes[at]!;
  }

  /** An integer of at most 32 bits, signed or not. */
  integer(value: number): void {
    this.#reserve(8);
    this.#view.setInt32(this.size, Math.floor(value / 2 ** 32) ^ 0x80000000);
    this.#view.setUint32(this.size + 4, value >>> 0);
    this.size += 8;
  }

  /** An integer of `words` × 64 bits in two's complement, wide enough for its sign. */
  wide(value: bigint, words: number): void {
    this.#reserve(8 * words);
    for (let word = words - 1; word >= 0; word--) {
      this.#view.setBigUint64(this.size, BigInt.asUintN(64, value >> BigInt(64 * word)));
      this.size += 8;
    }
    this.#bytes[this.size - 8 * words]! ^= 0x80;
  }

  float(value: number): void {
    this.#reserve(8);
    this.#view.setFloat64(this.size, value);
    const isNegative = this.#bytes[this.size]! >= 0x80;
    if (isNegative) this.invertFrom(this.size, this.size + 8);
    else this.#bytes[this.size]! ^= 0x80;
    this.size += 8;
  }

  /** An integer of 64 bits; the high ones are compared without a sign. */
  halves(high: number, low: number): void {
    this.#reserve(8);
    this.#view.setUint32(this.size, high);
    this.#view.setUint32(this.size + 4, low);
    this.size += 8;
  }

  /** A zero becomes two bytes, so that the end can be told from it. */
  escaped(bytes: Uint8Array, start: number, end: number): void {
    this.#reserve(2 * (end - start) + 2);
    const to = this.#bytes;
    let size = this.size;
    for (let at = start; at < end; at++) {
      const byte = bytes[at]!;
      to[size++] = byte;
      if (byte === 0) to[size++] = 0xff;
    }
    to[size++] = 0;
    to[size++] = 0;
    this.size = size;
  }

  /** Turns the order of what was written from here on. */
  invertFrom(start: number, end = this.size): void {
    for (let at = start; at < end; at++) this.#bytes[at]! ^= 0xff;
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.size);
  }

  #reserve(count: number): void {
    if (this.size + count <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.size + count));
    grown.set(this.#bytes.subarray(0, this.size));
    this.#bytes = grown;
    this.#view = new DataView(grown.buffer);
  }
}
