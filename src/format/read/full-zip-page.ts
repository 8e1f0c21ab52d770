import type { ColumnBuilder, DecodeKernels, PageDecoder } from "../../kernels/decode.ts";
import { freeDecoder, runDecoder } from "../../kernels/decode.ts";
import type { FullZipLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ByteSpan } from "./byte-source.ts";
import { compileFullZip } from "./decode-program.ts";
import {
  atPage,
  bufferSpan,
  corruptPage,
  createDecoder,
  MAX_PART_BYTES,
  type PageAccess,
  type PageContext,
} from "./page-access.ts";
import { RowIndex } from "./row-index.ts";
import { isPlainZip } from "./row-layout.ts";
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
  /** Byte offset of each row, and the end, as far as they were read. */
  readonly #index: RowIndex;
  #decoder: PageDecoder | undefined;

  constructor(context: PageContext, layout: FullZipLayout) {
    this.context = context;
    this.#layout = layout;
    const bits = layout.bitsRep + layout.bitsDef;
    const controlBytes = bits === 0 ? 0 : bits <= 8 ? 1 : bits <= 16 ? 2 : 4;
    if (layout.bitsRep === 0 && layout.details.case === "bitsPerValue") {
      this.#rowBytes = controlBytes + layout.details.value / 8;
    }
    this.#index = new RowIndex(context);
    this.#isPlain = isPlainZip(layout, context.leaf);
  }

  get isOpen(): boolean {
    return this.#decoder !== undefined;
  }

  get cachedBytes(): number {
    return this.#index.cachedBytes + 4096;
  }

  auxiliarySpans(rows: RowRanges): ByteSpan[] {
    if (this.#rowBytes !== undefined) return [];
    // A whole page of bounded size is one read that needs no index, but taking rows out of it does.
    return this.#index.missingSpans(rows);
  }

  open(kernels: DecodeKernels, bytes: SpanBytes, rows: RowRanges): void {
    const { context } = this;
    if (this.#rowBytes === undefined) this.#index.take(bytes, rows);
    if (this.isOpen) return;
    const data = bufferSpan(context, 0, "data");
    if (
      this.#rowBytes !== undefined &&
      !(this.#rowBytes > 0 && this.#rowBytes * context.info.numRows === data.length)
    ) {
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
      return createDecoder(kernels, context, program);
    });
  }

  needsIndex(rows: RowRanges): boolean {
    if (this.#rowBytes !== undefined || this.#index.hasRows(rows)) return false;
    return rows.numRows !== this.context.info.numRows || this.#isLarge;
  }

  get #isLarge(): boolean {
    return (this.context.info.buffers[0]?.length ?? 0) > MAX_PART_BYTES;
  }

  split(rows: RowRanges): RowRanges[] {
    if (this.#rowBytes === undefined && !this.#index.hasRows(rows)) return rows.numRows > 0 ? [rows] : [];
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
    if (rows.numRows === this.context.info.numRows && !this.#isKnown(rows)) return [data];
    const spans: ByteSpan[] = [];
    for (let range = 0; range < rows.numRanges; range++) {
      const start = this.#offsetOf(rows.starts[range]!);
      spans.push({ ...data, offset: data.offset + start, length: this.#offsetOf(rows.ends[range]!) - start });
    }
    return spans;
  }

  #isKnown(rows: RowRanges): boolean {
    return this.#rowBytes !== undefined || this.#index.hasRows(rows);
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
    this.#index.clear();
  }

  #offsetOf(row: number): number {
    if (this.#rowBytes !== undefined) return row * this.#rowBytes;
    return this.#index.offsetOf(row);
  }
}
