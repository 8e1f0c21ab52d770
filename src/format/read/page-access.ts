import { LanceError } from "../../errors.ts";
import {
  type ColumnBuilder,
  type DecodeKernels,
  freeDecoder,
  type PageDecoder,
  runDecoder,
} from "../../kernels/decode.ts";
import type { ByteSpan } from "./byte-source.ts";
import type { PageInfo } from "./column-metadata.ts";
import type { DecodeProgram } from "./decode-program.ts";
import type { LeafColumn } from "./leaf-column.ts";
import type { RowRanges } from "./row-ranges.ts";
import type { SpanBytes } from "./span-bytes.ts";

/**
 * One page, whatever its layout. `auxiliarySpans` and `dataSpans` are pure; the reader fetches between them. Holds
 * WASM memory once opened.
 */
export interface PageAccess {
  readonly context: PageContext;
  /** Whether what the page needs once (index, dictionary, constant) is in memory. */
  readonly isOpen: boolean;
  /** Bytes held while open, for the cache's budget. */
  readonly cachedBytes: number;
  /** What to read before the data of these rows: nothing when it is in memory. Ascending. */
  auxiliarySpans(rows: RowRanges): ByteSpan[];
  /** Takes what `auxiliarySpans` asked for. @throws CORRUPT, UNSUPPORTED */
  open(kernels: DecodeKernels, bytes: SpanBytes, rows: RowRanges): void;
  /** Whether `dataSpans` of these rows needs something that `open` has yet to bring. */
  needsIndex(rows: RowRanges): boolean;
  /** Cuts a selection into parts of bounded size, once it needs no index any more. */
  split(rows: RowRanges): RowRanges[];
  /** What to read for rows of the page, once they need no index any more. Ascending. */
  dataSpans(rows: RowRanges): ByteSpan[];
  /** The bytes of rows stored just as Arrow holds them, one slice per range; absent where decoding is needed. */
  plainRows?(rows: RowRanges, bytes: SpanBytes): Uint8Array[] | undefined;
  /** Decodes rows of the page into a column. */
  append(builder: ColumnBuilder, rows: RowRanges, bytes: SpanBytes): void;
  /** Frees WASM memory; the page may be opened again. */
  close(): void;
}

/** Where a page is, for spans and messages. */
export interface PageContext {
  readonly path: string;
  readonly leaf: LeafColumn;
  readonly info: PageInfo;
  /** Pages of blob descriptors: the layers whose levels the descriptors hold. */
  readonly blobLayers?: readonly number[];
}

/** The decoder of a page. The caller frees it. @throws CORRUPT, UNSUPPORTED */
export function createDecoder(kernels: DecodeKernels, context: PageContext, program: DecodeProgram): PageDecoder {
  const decoder = kernels.createPageDecoder(program.words, program.table);
  const { blobLayers } = context;
  if (blobLayers === undefined) return decoder;
  try {
    runDecoder(() => decoder.setBlobLayers(Uint32Array.from(blobLayers)));
    return decoder;
  } catch (error) {
    freeDecoder(decoder);
    throw error;
  }
}

/** Rows of one part stay below about this many bytes of file. */
export const MAX_PART_BYTES = 8 * 1024 * 1024;

/** A span of one of the page's buffers. @throws CORRUPT when the page has no such buffer */
export function bufferSpan(context: PageContext, buffer: number, purpose: ByteSpan["purpose"]): ByteSpan {
  const position = context.info.buffers[buffer];
  if (!position)
    throw corruptPage(context, `it has ${context.info.buffers.length} buffers, number ${buffer} is missing`);
  return { ...position, column: context.leaf.path, page: context.info.index, purpose };
}

/** A CORRUPT error that names file, column and page. */
export function corruptPage(context: PageContext, what: string, details: Record<string, unknown> = {}): LanceError {
  return new LanceError("CORRUPT", `${describePage(context)}: ${what}`, {
    path: context.path,
    column: context.leaf.path,
    page: context.info.index,
    ...details,
  });
}

/** File, column and page in words. */
export function describePage(context: PageContext): string {
  return `${context.path}: column "${context.leaf.path}", page ${context.info.index}`;
}

/** Adds file, column and page to errors of the decoder. */
export function atPage<T>(context: PageContext, call: () => T): T {
  try {
    return call();
  } catch (error) {
    if (error instanceof LanceError) {
      throw new LanceError(
        error.code,
        `${describePage(context)}: ${error.message}`,
        { path: context.path, column: context.leaf.path, page: context.info.index, ...error.details },
        { cause: error.cause },
      );
    }
    throw error;
  }
}
