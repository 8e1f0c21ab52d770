import type { ColumnBuilder, DecodeKernels, PageDecoder } from "../../kernels/decode.ts";
import { freeDecoder, runDecoder } from "../../kernels/decode.ts";
import type { CompressiveEncoding, FullZipLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ByteSpan } from "./byte-source.ts";
import { compileFullZip } from "./decode-program.ts";
import type { LeafColumn } from "./leaf-column.ts";
import { atPage, bufferSpan, corruptPage, MAX_PART_BYTES, type PageAccess, type PageContext } from "./page-access.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { SpanBytes } from "./span-bytes.ts";

/** Items one after the other, each with its levels (FORMAT.md section 2.2, FullZip). */
export class FullZipPage implements PageAccess {
  readonly context: PageContext;
  readonly #layout: FullZipLayout;
  /** Bytes of every row, where all are the same; rows are then found without an index. */
  readonly #rowBytes: number | undefined;
  /** No levels, no validity, nothing compressed: rows are Arrow's own bytes. */
  readonly #isPlain: boolean;
  /** Byte offset of each row, and the end. */
  #rowOffsets: Float64Array | undefined;
  #decoder: PageDecoder | undefined;

  constructor(context: PageContext, layout: FullZipLayout) {
    this.context = context;
    this.#layout = layout;
    const bits = layout.bitsRep + layout.bitsDef;
    const controlBytes = bits === 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
    if (layout.bitsRep === 0 && layout.details.case === "bitsPerValue") {
      this.#rowBytes = controlBytes + layout.details.value / 8;
    }
    this.#isPlain =
      controlBytes === 0 &&
      layout.details.case === "bitsPerValue" &&
      layout.details.value === countBits(layout.valueCompression) &&
      layout.details.value === countShapeBits(context.leaf);
  }

  get isOpen(): boolean {
    return this.#decoder !== undefined;
  }

  get cachedBytes(): number {
    return (this.#rowOffsets?.byteLength ?? 0) + 4096;
  }

  auxiliarySpans(): ByteSpan[] {
    if (this.isOpen || this.#rowBytes !== undefined) return [];
    return [bufferSpan(this.context, 1, "row index")];
  }

  open(kernels: DecodeKernels, bytes: SpanBytes): void {
    if (this.isOpen) return;
    const { context } = this;
    const data = bufferSpan(context, 0, "data");
    if (this.#rowBytes === undefined) {
      const span = bufferSpan(context, 1, "row index");
      this.#rowOffsets = readRowOffsets(context, bytes.slice(span.offset, span.length), data.length);
    } else if (!(this.#rowBytes > 0 && this.#rowBytes * context.info.numRows === data.length)) {
      throw corruptPage(
        context,
        `${context.info.numRows} rows of ${this.#rowBytes} bytes do not fill its ${data.length} bytes`,
      );
    }
    const hasLists = context.leaf.listLayers.includes(true);
    if (hasLists !== this.#layout.bitsRep > 0 && !(hasLists && this.#rowBytes !== undefined)) {
      throw corruptPage(context, `it has ${this.#layout.bitsRep} bits of repetition, against the column's type`);
    }
    this.#decoder = atPage(context, () => {
      const program = compileFullZip(this.#layout, context.leaf.shape);
      return kernels.createPageDecoder(program.words, program.table);
    });
  }

  needsIndex(rows: RowRanges): boolean {
    return this.#rowBytes === undefined && (rows.numRows !== this.context.info.numRows || this.#isLarge);
  }

  get #isLarge(): boolean {
    return (this.context.info.buffers[0]?.length ?? 0) > MAX_PART_BYTES;
  }

  split(rows: RowRanges): RowRanges[] {
    if (this.#rowBytes === undefined && !this.#rowOffsets) return rows.numRows > 0 ? [rows] : [];
    const parts: RowRanges[] = [];
    let from = 0;
    while (from < rows.numRows) {
      let to = rows.numRows;
      // Halve until it fits: parts need a bound, not the best packing.
      while (to - from > 1 && this.#countBytes(rows.slice(from, to)) > MAX_PART_BYTES) to = from + ((to - from) >>> 1);
      parts.push(rows.slice(from, to));
      from = to;
    }
    return parts;
  }

  #countBytes(rows: RowRanges): number {
    let total = 0;
    for (let range = 0; range < rows.numRanges; range++) {
      total += this.#offsetOf(rows.ends[range]!) - this.#offsetOf(rows.starts[range]!);
    }
    return total;
  }

  dataSpans(rows: RowRanges): ByteSpan[] {
    const data = bufferSpan(this.context, 0, "data");
    if (!this.isOpen && rows.numRows === this.context.info.numRows) return [data];
    const spans: ByteSpan[] = [];
    for (let range = 0; range < rows.numRanges; range++) {
      const start = this.#offsetOf(rows.starts[range]!);
      spans.push({ ...data, offset: data.offset + start, length: this.#offsetOf(rows.ends[range]!) - start });
    }
    return spans;
  }

  plainRows(rows: RowRanges, bytes: SpanBytes): Uint8Array[] | undefined {
    if (!this.#isPlain) return undefined;
    const { offset } = bufferSpan(this.context, 0, "data");
    return Array.from(rows.starts, (start, range) => {
      const first = this.#offsetOf(start);
      return bytes.slice(offset + first, this.#offsetOf(rows.ends[range]!) - first);
    });
  }

  append(builder: ColumnBuilder, rows: RowRanges, bytes: SpanBytes): void {
    const { offset } = bufferSpan(this.context, 0, "data");
    const wanted = [];
    for (let range = 0; range < rows.numRanges; range++) {
      const start = this.#offsetOf(rows.starts[range]!);
      wanted.push({ offset: offset + start, length: this.#offsetOf(rows.ends[range]!) - start });
    }
    const { bytes: input, offsets } = bytes.gather(wanted);
    const segments = new Uint32Array(wanted.length * 2);
    wanted.forEach((slice, index) => {
      segments[index * 2] = offsets[index]!;
      segments[index * 2 + 1] = slice.length;
    });
    const decoder = this.#decoder;
    if (!decoder) throw new RangeError("the page is closed");
    atPage(this.context, () => runDecoder(() => builder.appendFullZip(decoder, input, segments, rows.numRows)));
  }

  close(): void {
    freeDecoder(this.#decoder);
    this.#decoder = undefined;
    this.#rowOffsets = undefined;
  }

  #offsetOf(row: number): number {
    if (this.#rowBytes !== undefined) return row * this.#rowBytes;
    if (!this.#rowOffsets) throw new RangeError("the page is not open");
    return this.#rowOffsets[row]!;
  }
}

/** `rows + 1` offsets of 1, 2, 4 or 8 bytes each. */
function readRowOffsets(context: PageContext, bytes: Uint8Array, dataBytes: number): Float64Array {
  const count = context.info.numRows + 1;
  const width = bytes.byteLength / count;
  if (width !== 1 && width !== 2 && width !== 4 && width !== 8) {
    throw corruptPage(context, `its row index of ${bytes.byteLength} bytes does not hold ${count} offsets`);
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const offsets = new Float64Array(count);
  for (let row = 0; row < count; row++) {
    const at = row * width;
    offsets[row] =
      width === 1
        ? view.getUint8(at)
        : width === 2
          ? view.getUint16(at, true)
          : width === 4
            ? view.getUint32(at, true)
            : Number(view.getBigUint64(at, true));
    if (offsets[row]! > dataBytes || (row > 0 && offsets[row]! < offsets[row - 1]!)) {
      throw corruptPage(context, `its row index points to byte ${offsets[row]} of ${dataBytes}`);
    }
  }
  return offsets;
}

/** Bits of one value when it is flat, alone or in lists without validity. */
function countBits(encoding: CompressiveEncoding | undefined): number | undefined {
  const compression = encoding?.compression;
  if (compression?.case === "flat" && !compression.value.data) return Number(compression.value.bitsPerValue);
  if (compression?.case !== "fixedSizeList" || compression.value.hasValidity) return undefined;
  const inner = countBits(compression.value.values);
  return inner === undefined ? undefined : inner * Number(compression.value.itemsPerValue);
}

/** Bits of one value by the column's type; nothing where its rows are not values. */
function countShapeBits({ shape, listLayers }: LeafColumn): number | undefined {
  if (shape.variable || listLayers.length !== 1 || listLayers[0]) return undefined;
  return shape.dimensions.reduce((bits, size) => bits * size, shape.itemBits);
}
