import type { ColumnBuilder, DecodeKernels, PageDecoder } from "../../kernels/decode.ts";
import { freeDecoder, runDecoder } from "../../kernels/decode.ts";
import type { ConstantLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ByteSpan } from "./byte-source.ts";
import { compileConstant } from "./decode-program.ts";
import { atPage, bufferSpan, corruptPage, createDecoder, type PageAccess, type PageContext } from "./page-access.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { SpanBytes } from "./span-bytes.ts";

/** Every value the same, or null (FORMAT.md section 2.2, Constant). All of the page is read when it is opened. */
export class ConstantPage implements PageAccess {
  readonly context: PageContext;
  readonly #layout: ConstantLayout;
  #decoder: PageDecoder | undefined;

  constructor(context: PageContext, layout: ConstantLayout) {
    this.context = context;
    this.#layout = layout;
  }

  get isOpen(): boolean {
    return this.#decoder !== undefined;
  }

  get cachedBytes(): number {
    return (this.#decoder?.cachedBytes() ?? 0) + 1024;
  }

  auxiliarySpans(): ByteSpan[] {
    if (this.isOpen) return [];
    const { buffers } = this.context.info;
    if (buffers.length > 3) throw corruptPage(this.context, `a constant page with ${buffers.length} buffers`);
    return buffers
      .map((_, number) => bufferSpan(this.context, number, "levels"))
      .filter((span) => span.length > 0)
      .sort((a, b) => a.offset - b.offset);
  }

  open(kernels: DecodeKernels, bytes: SpanBytes): void {
    if (this.isOpen) return;
    const { context } = this;
    const buffers = context.info.buffers.map(({ offset, length }) =>
      length === 0 ? new Uint8Array(0) : bytes.slice(offset, length),
    );
    // One or three buffers: the first is the value. Two: levels only.
    const value = buffers.length % 2 === 1 ? buffers.shift() : undefined;
    const inline = this.#layout.inlineValue;
    this.#decoder = atPage(context, () => {
      const program = compileConstant(this.#layout, context.leaf.shape);
      const decoder = createDecoder(kernels, context, program);
      try {
        if (inline !== undefined) runDecoder(() => decoder.setConstant(inline, false));
        else if (value !== undefined) runDecoder(() => decoder.setConstant(value, true));
        const [rep, def] = buffers;
        if (rep && def) runDecoder(() => decoder.setLevels(rep, def));
        return decoder;
      } catch (error) {
        freeDecoder(decoder);
        throw error;
      }
    });
  }

  needsIndex(): boolean {
    return false;
  }

  split(rows: RowRanges): RowRanges[] {
    return rows.numRows > 0 ? [rows] : [];
  }

  dataSpans(): ByteSpan[] {
    return [];
  }

  append(builder: ColumnBuilder, rows: RowRanges): void {
    const decoder = this.#decoder;
    if (!decoder) throw new RangeError("the page is closed");
    atPage(this.context, () => runDecoder(() => builder.appendConstant(decoder, Uint32Array.from(rows.pairs()))));
  }

  close(): void {
    freeDecoder(this.#decoder);
    this.#decoder = undefined;
  }
}
