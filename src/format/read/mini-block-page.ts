import type { ColumnBuilder, DecodeKernels, PageDecoder } from "../../kernels/decode.ts";
import { freeDecoder, runDecoder } from "../../kernels/decode.ts";
import type { MiniBlockLayout } from "../../proto/gen/lance/encodings21_pb.ts";
import type { ByteSpan } from "./byte-source.ts";
import { type ChunkIndex, findEndChunk, findStartChunk, readChunkIndex } from "./chunk-index.ts";
import { compileMiniBlock } from "./decode-program.ts";
import { atPage, bufferSpan, corruptPage, createDecoder, type PageAccess, type PageContext } from "./page-access.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { SpanBytes } from "./span-bytes.ts";

/** Consecutive chunks, and which ranges of a selection need them. */
interface ChunkRun {
  readonly firstChunk: number;
  endChunk: number;
  readonly firstRange: number;
  endRange: number;
}

/** Small chunks of values, found by their sizes (FORMAT.md section 2.2, MiniBlock). */
export class MiniBlockPage implements PageAccess {
  readonly context: PageContext;
  readonly #layout: MiniBlockLayout;
  #index: ChunkIndex | undefined;
  #decoder: PageDecoder | undefined;

  constructor(context: PageContext, layout: MiniBlockLayout) {
    this.context = context;
    this.#layout = layout;
  }

  get isOpen(): boolean {
    return this.#decoder !== undefined;
  }

  get cachedBytes(): number {
    return (this.#index?.numChunks ?? 0) * 20 + (this.#decoder?.cachedBytes() ?? 0) + 4096;
  }

  get #hasRows(): boolean {
    return this.#layout.repetitionIndexDepth > 0;
  }

  #spanNumbers() {
    const last = this.context.info.buffers.length - 1;
    return {
      dictionary: this.#layout.dictionary ? 2 : undefined,
      rows: this.#hasRows ? Math.max(last, this.#layout.dictionary ? 3 : 2) : undefined,
    };
  }

  auxiliarySpans(): ByteSpan[] {
    if (this.isOpen) return [];
    const { dictionary, rows } = this.#spanNumbers();
    const spans = [bufferSpan(this.context, 0, "chunks")];
    if (dictionary !== undefined) spans.push(bufferSpan(this.context, dictionary, "dictionary"));
    if (rows !== undefined) spans.push(bufferSpan(this.context, rows, "row index"));
    return spans.sort((a, b) => a.offset - b.offset);
  }

  open(kernels: DecodeKernels, bytes: SpanBytes): void {
    if (this.isOpen) return;
    const { context } = this;
    const buffer = (number: number) => {
      const { offset, length } = bufferSpan(context, number, "chunks");
      return bytes.slice(offset, length);
    };
    const { dictionary, rows } = this.#spanNumbers();
    const hasLists = context.leaf.listLayers.includes(true);
    if (hasLists !== this.#hasRows) {
      throw corruptPage(context, `it has ${this.#hasRows ? "a" : "no"} repetition index, against the column's type`);
    }
    const index = readChunkIndex(context, this.#layout, buffer(0), rows === undefined ? undefined : buffer(rows));
    const decoder = atPage(context, () => {
      const program = compileMiniBlock(this.#layout, context.leaf.shape);
      return createDecoder(kernels, context, program);
    });
    try {
      if (dictionary !== undefined) atPage(context, () => runDecoder(() => decoder.setDictionary(buffer(dictionary))));
    } catch (error) {
      freeDecoder(decoder);
      throw error;
    }
    this.#index = index;
    this.#decoder = decoder;
  }

  split(rows: RowRanges): RowRanges[] {
    return rows.numRows > 0 ? [rows] : [];
  }

  needsIndex(rows: RowRanges): boolean {
    return !this.isOpen && !this.#isWhole(rows);
  }

  #isWhole(rows: RowRanges): boolean {
    return rows.numRows === this.context.info.numRows;
  }

  dataSpans(rows: RowRanges): ByteSpan[] {
    const data = bufferSpan(this.context, 1, "data");
    if (this.#isWhole(rows)) return [data];
    const index = this.#openIndex();
    return this.#runs(index, rows).map(({ firstChunk, endChunk }) => {
      const start = index.byteStarts[firstChunk]!;
      return { ...data, offset: data.offset + start, length: index.byteStarts[endChunk]! - start };
    });
  }

  append(builder: ColumnBuilder, rows: RowRanges, bytes: SpanBytes): void {
    const index = this.#openIndex();
    const { offset } = bufferSpan(this.context, 1, "data");
    const runs = this.#runs(index, rows);
    const { bytes: input, offsets } = bytes.gather(
      runs.map(({ firstChunk, endChunk }) => ({
        offset: offset + index.byteStarts[firstChunk]!,
        length: index.byteStarts[endChunk]! - index.byteStarts[firstChunk]!,
      })),
    );
    const chunks: number[] = [];
    const program: number[] = [];
    runs.forEach((run, number) => {
      const shift = offsets[number]! - index.byteStarts[run.firstChunk]!;
      program.push(chunks.length / 3, run.endChunk - run.firstChunk, index.rowStarts[run.firstChunk]!);
      program.push(run.endRange - run.firstRange, ...rows.pairs(run.firstRange, run.endRange));
      for (let chunk = run.firstChunk; chunk < run.endChunk; chunk++) {
        const start = index.byteStarts[chunk]!;
        chunks.push(shift + start, index.byteStarts[chunk + 1]! - start, index.numValues[chunk]!);
      }
    });
    const decoder = this.#decoder;
    if (!decoder) throw new RangeError("the page is closed");
    atPage(this.context, () =>
      runDecoder(() => builder.appendMiniBlock(decoder, input, Uint32Array.from(chunks), Uint32Array.from(program))),
    );
  }

  close(): void {
    freeDecoder(this.#decoder);
    this.#decoder = undefined;
    this.#index = undefined;
  }

  #openIndex(): ChunkIndex {
    if (!this.#index) throw new RangeError("the page is not open");
    return this.#index;
  }

  /** Chunks needed for a selection; ranges that share or touch chunks are one run. */
  #runs(index: ChunkIndex, rows: RowRanges): ChunkRun[] {
    const runs: ChunkRun[] = [];
    for (let range = 0; range < rows.numRanges; range++) {
      const firstChunk = findStartChunk(index, rows.starts[range]!);
      const endChunk = findEndChunk(index, rows.ends[range]! - 1) + 1;
      const previous = runs[runs.length - 1];
      if (previous && firstChunk <= previous.endChunk) {
        previous.endChunk = Math.max(previous.endChunk, endChunk);
        previous.endRange = range + 1;
      } else {
        runs.push({ firstChunk, endChunk, firstRange: range, endRange: range + 1 });
      }
    }
    return runs;
  }
}
