import { LanceError } from "../../../errors.ts";
import type { DecodedValues } from "../decoded-values.ts";
import type { LeafShape } from "../leaf-column.ts";
import { copyBits, fillBits } from "./bit-copy.ts";

/** Largest buffer of one column of one batch: Arrow's 32-bit offsets end here. */
const MAX_BUFFER_BYTES = 0x7fffffff;

interface LevelValidity {
  /** Items of this level in one value. */
  readonly itemsPerValue: number;
  bits: Uint8Array | undefined;
  length: number;
}

/** Values of one column of one batch, put together page by page; what Arrow data is then built from. */
export class ValueSink implements DecodedValues {
  readonly shape: LeafShape;
  readonly numValues: number;
  /** Level 0: the values. After it: the items of each fixed-size list, outermost first. */
  readonly #levels: LevelValidity[];
  readonly #fixed: Uint8Array;
  readonly #valueBits: number;
  #fixedBits = 0;
  readonly #offsets: Int32Array;
  #numVariable = 0;
  #variableBytes = 0;
  readonly #pieces: Uint8Array[] = [];

  /** @throws UNSUPPORTED when the batch would outgrow Arrow's buffers */
  constructor(shape: LeafShape, numValues: number) {
    this.shape = shape;
    this.numValues = numValues;
    let itemsPerValue = 1;
    this.#levels = [{ itemsPerValue, bits: undefined, length: 0 }];
    for (const size of shape.dimensions) {
      itemsPerValue *= size;
      this.#levels.push({ itemsPerValue, bits: undefined, length: 0 });
    }
    this.#valueBits = shape.variable ? 0 : itemsPerValue * shape.itemBits;
    const bytes = Math.ceil((this.#valueBits * numValues) / 8);
    if (bytes > MAX_BUFFER_BYTES) throw tooLarge(bytes);
    this.#fixed = new Uint8Array(bytes);
    this.#offsets = new Int32Array(shape.variable ? numValues + 1 : 1);
  }

  /** Validity of `count` items of a level: bits from `bitOffset` on, or one value for all. */
  appendValidity(level: number, count: number, bits: Uint8Array | boolean, bitOffset = 0): void {
    const target = this.#level(level);
    const end = target.length + count;
    if (end > this.numValues * target.itemsPerValue) throw tooMany();
    if (bits === true && target.bits === undefined) {
      target.length = end;
      return;
    }
    if (target.bits === undefined) {
      target.bits = new Uint8Array(Math.ceil((this.numValues * target.itemsPerValue) / 8));
      fillBits(target.bits, 0, target.length);
    }
    if (bits === true) fillBits(target.bits, target.length, count);
    else if (bits !== false) copyBits(bits, bitOffset, { target: target.bits, at: target.length, count });
    target.length = end;
  }

  /** Fixed-width values of `count` items of a level, tightly packed from bit `bitOffset` on; none for zeros. */
  appendFixed(level: number, count: number, bytes?: Uint8Array, bitOffset = 0): void {
    const bits = count * this.bitsPerItem(level);
    if (this.shape.variable || this.#fixedBits + bits > this.numValues * this.#valueBits) throw tooMany();
    if (bytes) {
      if (bitOffset + bits > bytes.byteLength * 8) throw new LanceError("CORRUPT", "a buffer of values ends early");
      copyBits(bytes, bitOffset, { target: this.#fixed, at: this.#fixedBits, count: bits });
    }
    this.#fixedBits += bits;
  }

  /** Bits of one item of a level, everything below it included. */
  bitsPerItem(level: number): number {
    return this.#valueBits / this.#level(level).itemsPerValue;
  }

  /** Variable-width values: the length of each, and all their bytes in order. */
  appendVariable(lengths: ArrayLike<number>, pieces: readonly Uint8Array[]): void {
    if (!this.shape.variable || this.#numVariable + lengths.length > this.numValues) throw tooMany();
    let end = this.#variableBytes;
    for (let i = 0; i < lengths.length; i++) {
      end += lengths[i]!;
      if (end > MAX_BUFFER_BYTES) throw tooLarge(end);
      this.#offsets[++this.#numVariable] = end;
    }
    let received = this.#variableBytes;
    for (const piece of pieces) {
      received += piece.byteLength;
      if (piece.byteLength > 0) this.#pieces.push(piece);
    }
    if (received !== end) throw new LanceError("CORRUPT", "values and their offsets have different lengths");
    this.#variableBytes = end;
  }

  /** Levels and values that a page left out are valid and zero, up to `numValues` values. */
  finishTo(numValues: number): void {
    this.#levels.forEach(({ itemsPerValue, length }, level) => {
      if (length < numValues * itemsPerValue) this.appendValidity(level, numValues * itemsPerValue - length, true);
    });
    const filled = this.shape.variable ? this.#numVariable : this.#fixedBits;
    const expected = this.shape.variable ? numValues : numValues * this.#valueBits;
    if (filled !== expected) throw new LanceError("CORRUPT", "a page gave another number of values than it holds");
  }

  #level(level: number): LevelValidity {
    const found = this.#levels[level];
    if (!found) throw new LanceError("CORRUPT", "a page nests fixed-size lists deeper than the column's type");
    return found;
  }

  layerLength(): number {
    return this.numValues;
  }

  layerValidity(): Uint8Array | undefined {
    return this.#levels[0]!.bits;
  }

  layerNullCount(): number {
    const bits = this.#levels[0]!.bits;
    if (!bits) return 0;
    let valid = 0;
    for (let byte of bits) for (; byte !== 0; byte &= byte - 1) valid++;
    return this.numValues - valid;
  }

  layerOffsets(): Int32Array {
    return Int32Array.of(0);
  }

  itemValidity(level: number): Uint8Array | undefined {
    return this.#levels[level + 1]?.bits;
  }

  valueData(): Uint8Array {
    if (!this.shape.variable) return this.#fixed;
    return joinPieces(this.#pieces, this.#variableBytes);
  }

  valueOffsets(): Int32Array {
    return this.#offsets;
  }

  free(): void {}
}

/** All pieces in one buffer; one piece stays where it is only when it has the whole length. */
function joinPieces(pieces: readonly Uint8Array[], byteLength: number): Uint8Array {
  const bytes = new Uint8Array(byteLength);
  let at = 0;
  for (const piece of pieces) {
    bytes.set(piece, at);
    at += piece.byteLength;
  }
  return bytes;
}

function tooMany(): LanceError {
  return new LanceError("CORRUPT", "a page holds values of another width or number than the column's type");
}

/** UNSUPPORTED: a buffer beyond Arrow's. */
export function tooLarge(bytes: number): LanceError {
  return new LanceError(
    "UNSUPPORTED",
    `a batch with ${bytes} bytes in one column, beyond 2^31 − 1; read fewer rows at a time`,
    { bytes },
  );
}
