import type { CompressiveEncoding } from "../../proto/gen/lance/encodings21_pb.ts";
import { type ArrowData, bytesOfValues, offsetAt, validityOf } from "./arrow-data.ts";
import { copyBits, expandNulls } from "./bits.ts";
import { GrowableBytes, GrowableWords } from "./growable.ts";
import type { ItemType } from "./item-type.ts";

/** The values of one page, or a run of them: what the page encoders read. */
export interface ItemRun {
  readonly type: ItemType;
  readonly count: number;
  /** One byte per value, 1 = not valid, be it null itself or under a null struct; `null` when all are valid. */
  readonly nulls: Uint8Array | null;
  readonly numNulls: number;
  /** Fixed width: the values. Bool, and lists of it: bits from `firstBit`. Variable: the bytes `ends` points into. */
  readonly values: Uint8Array;
  readonly firstBit: number;
  /** Variable: `count + 1` positions in `values`. */
  readonly ends: Uint32Array;
  /** Fixed-size list: one byte per element, 1 = null; `null` when all are valid. */
  readonly elementNulls: Uint8Array | null;
  /** Arrow dictionary columns: the values, while the run itself holds indices of the declared width. */
  readonly dictionary: ItemRun | null;
  /** Set where the bytes of each value are laid out already; no encoder may add to it. */
  readonly layout: ItemLayout | null;
}

/** What readers are told of values whose bytes are laid out already: packed structs, nested fixed-size lists. */
export interface ItemLayout {
  readonly description: CompressiveEncoding;
  /** Zipped, however small a value is. */
  readonly zipped: boolean;
}

const NO_WORDS = new Uint32Array(0);

/** Bytes values `[from, to)` of a column take in a page, before any encoding. */
export function measureItems(type: ItemType, data: ArrowData, from: number, to: number): number {
  const count = to - from;
  switch (type.kind) {
    case "null":
      return 0;
    case "bool":
      return count / 8;
    case "fixed":
      return count * type.byteWidth;
    case "fixedSizeList":
      return count * type.byteWidth * type.dimension;
    case "boolList":
      return (count * type.dimension) / 8;
    case "variable":
      return count * 4 + offsetAt(data, to) - offsetAt(data, from);
  }
}

/** Collects values of one type; whether they are valid is told by others. Copies, so the batch may be reused. */
export class ItemBuffer {
  readonly type: ItemType;
  #count = 0;
  #numElementNulls = 0;
  readonly #values: GrowableBytes;
  readonly #ends = new GrowableWords();
  /** Shorter than the elements while all later ones are valid. */
  readonly #elementNulls = new GrowableBytes();

  /** @param pageBytes of a full page */
  constructor(type: ItemType, pageBytes = 0) {
    this.type = type;
    this.#values = new GrowableBytes({ usualBytes: pageBytes });
    this.reset();
  }

  get count(): number {
    return this.#count;
  }

  get byteLength(): number {
    return this.#values.length + this.#ends.length * 4;
  }

  reset(): void {
    this.#count = 0;
    this.#numElementNulls = 0;
    this.#values.reset();
    this.#elementNulls.reset();
    this.#ends.reset();
    if (this.type.kind === "variable") this.#ends.extend(1)[0] = 0;
  }

  /** Appends values `[from, to)` of a column. */
  append(data: ArrowData, from: number, to: number): void {
    const count = to - from;
    if (count <= 0) return;
    const { type } = this;
    if (type.kind === "bool") this.#appendBits(data, { from, count, filled: this.#count });
    else if (type.kind === "fixed") this.#appendFixed(data, from * type.byteWidth, count * type.byteWidth);
    else if (type.kind === "variable") this.#appendVariable(data, from, to);
    else if (type.kind === "fixedSizeList" || type.kind === "boolList") this.#appendLists(data, from, count, type);
    this.#count += count;
  }

  /** Appends one value of a run. Not for lists. */
  appendOne(run: ItemRun, index: number): void {
    const { type } = this;
    if (type.kind === "fixed") {
      this.#values.append(run.values.subarray(index * type.byteWidth, (index + 1) * type.byteWidth));
    } else if (type.kind === "variable") {
      this.#values.append(run.values.subarray(run.ends[index]!, run.ends[index + 1]!));
      this.#ends.extend(1)[0] = this.#values.length;
    } else if (type.kind === "bool") {
      if (this.#count % 8 === 0) this.#values.appendZeros(1);
      copyBits(this.#values.view(), this.#count, run.values, run.firstBit + index, 1);
    }
    this.#count++;
  }

  /** Everything collected, as views of this buffer. @param nulls one byte per value, 1 = not valid */
  run(nulls: Uint8Array | null = null): ItemRun {
    const { type } = this;
    if ((type.kind === "fixedSizeList" || type.kind === "boolList") && this.#numElementNulls > 0) {
      padTo(this.#elementNulls, this.#count * type.dimension);
    }
    const numNulls = nulls ? countOnes(nulls) : 0;
    return {
      type,
      count: this.#count,
      nulls: numNulls > 0 ? nulls : null,
      numNulls,
      values: this.#values.view(),
      firstBit: 0,
      ends: type.kind === "variable" ? this.#ends.view() : NO_WORDS,
      elementNulls: this.#numElementNulls > 0 ? this.#elementNulls.view() : null,
      dictionary: null,
      layout: null,
    };
  }

  #appendBits(data: ArrowData, { from, count, filled }: { from: number; count: number; filled: number }): void {
    const missing = ((filled + count + 7) >> 3) - this.#values.length;
    if (missing > 0) this.#values.appendZeros(missing);
    const source = bytesOfValues(data);
    // A column of nulls has no values.
    if (source.length > 0) copyBits(this.#values.view(), filled, source, data.offset + from, count);
  }

  #appendFixed(data: ArrowData, fromByte: number, numBytes: number): void {
    const source = bytesOfValues(data).subarray(fromByte, fromByte + numBytes);
    this.#values.append(source);
    // Builders leave out the values of trailing nulls.
    if (source.length < numBytes) this.#values.appendZeros(numBytes - source.length);
  }

  #appendVariable(data: ArrowData, from: number, to: number): void {
    const offsets = data.valueOffsets;
    const ends = this.#ends.extend(to - from);
    const shift = this.#values.length - offsetAt(data, from);
    if (offsets instanceof Int32Array) for (let i = 0; i < ends.length; i++) ends[i] = offsets[from + i + 1]! + shift;
    else for (let i = 0; i < ends.length; i++) ends[i] = Number(offsets?.[from + i + 1] ?? 0) + shift;
    this.#values.append(bytesOfValues(data).subarray(offsetAt(data, from), offsetAt(data, to)));
  }

  #appendLists(data: ArrowData, from: number, count: number, type: ItemType & { dimension: number }): void {
    const { dimension } = type;
    const elements = data.children[0]!;
    if (type.kind === "fixedSizeList") {
      this.#appendFixed(elements, from * dimension * type.byteWidth, count * dimension * type.byteWidth);
    } else {
      const filled = this.#count * dimension;
      this.#appendBits(elements, { from: from * dimension, count: count * dimension, filled });
    }
    const validity = validityOf(elements);
    if (!validity) return;
    padTo(this.#elementNulls, this.#count * dimension);
    const nulls = this.#elementNulls.extend(count * dimension);
    this.#numElementNulls += expandNulls(nulls, validity, elements.offset + from * dimension, count * dimension);
  }
}

/** Zero-fills up to `length`: the values before the first null were all valid. */
function padTo(nulls: GrowableBytes, length: number): void {
  if (nulls.length < length) nulls.appendZeros(length - nulls.length);
}

/** Values `[from, to)` of a run, as views. */
export function sliceItems(run: ItemRun, from: number, to: number): ItemRun {
  if (from === 0 && to === run.count) return run;
  const { type } = run;
  const nulls = run.nulls?.subarray(from, to) ?? null;
  const numNulls = nulls ? countOnes(nulls) : 0;
  const width =
    type.kind === "fixed" ? type.byteWidth : type.kind === "fixedSizeList" ? type.byteWidth * type.dimension : 0;
  const elements = type.kind === "fixedSizeList" || type.kind === "boolList" ? type.dimension : 0;
  const elementNulls = run.elementNulls?.subarray(from * elements, to * elements) ?? null;
  return {
    type,
    count: to - from,
    nulls: numNulls > 0 ? nulls : null,
    numNulls,
    values: width > 0 ? run.values.subarray(from * width, to * width) : run.values,
    firstBit: run.firstBit + (type.kind === "bool" ? from : type.kind === "boolList" ? from * type.dimension : 0),
    ends: type.kind === "variable" ? run.ends.subarray(from, to + 1) : run.ends,
    elementNulls: elementNulls && countOnes(elementNulls) > 0 ? elementNulls : null,
    dictionary: run.dictionary,
    layout: run.layout,
  };
}

function countOnes(flags: Uint8Array): number {
  let total = 0;
  for (let i = 0; i < flags.length; i++) total += flags[i]!;
  return total;
}
