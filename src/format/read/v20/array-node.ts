import { LanceError } from "../../../errors.ts";
import type { ArrayKernels } from "../../../kernels/decode-arrays.ts";
import type { ArrayEncoding, Buffer as BufferRef } from "../../../proto/gen/lance/encodings20_pb.ts";
import type { ByteSource, ByteSpan } from "../byte-source.ts";
import type { ArrayPageInfo } from "./array-metadata.ts";
import { PageBytes } from "./page-bytes.ts";
import type { ValueSink } from "./value-sink.ts";

/** Start and end of each range of items of a page, ascending. */
export type Ranges = readonly number[];

/** Puts what was fetched into a sink, at one level of its fixed-size lists. */
export type Append = (sink: ValueSink, level: number) => void;

/** One node of a page's encoding tree (FORMAT.md section 2.4). */
export interface ArrayNode {
  /** What is read first for these items: everything, unless `isIndirect`. Pure. */
  spans(ranges: Ranges): ByteSpan[];
  /** Whether more is read once offsets are known. */
  readonly isIndirect: boolean;
  /** Bits of one item, where all have the same. */
  readonly bits?: number | undefined;
  /**
   * Reads items; the reads of nodes that need no offsets are issued at once.
   * @param toEnd whether the read goes on to the page's end after these items
   */
  fetch(ranges: Ranges, toEnd: boolean): Promise<Append>;
}

/** What a page's nodes share. */
export interface NodeContext {
  readonly source: ByteSource;
  readonly kernels: ArrayKernels;
  readonly signal: AbortSignal | undefined;
  /** Dotted path of the column, for messages. */
  readonly path: string;
  readonly info: ArrayPageInfo;
  /** Whether the column's type is an Arrow dictionary: then dictionary pages have no item for null. */
  readonly isDictionary: boolean;
}

/** Makes the node of an encoding; nodes with children take it so that they need not know each other. */
export type MakeNode = (encoding: ArrayEncoding | undefined) => ArrayNode;

/** Items in ranges. */
export function countItems(ranges: Ranges): number {
  let count = 0;
  for (let i = 0; i < ranges.length; i += 2) count += ranges[i + 1]! - ranges[i]!;
  return count;
}

/** The bytes of a buffer an encoding names. @throws CORRUPT when there is none, UNSUPPORTED beyond page and column */
export function openBuffer(context: NodeContext, ref: BufferRef | undefined, purpose: ByteSpan["purpose"]): PageBytes {
  const { info, source, path, signal } = context;
  if (!ref || ref.bufferType === 2) throw refuseArray(context, "a buffer kept for the whole file");
  const position = (ref.bufferType === 1 ? info.columnBuffers : info.buffers)[ref.bufferIndex];
  if (!position) throw corruptArray(context, `it has no buffer ${ref.bufferIndex}`);
  return new PageBytes(source, { ...position, column: path, page: info.index, purpose }, signal);
}

/** A CORRUPT error that names file, column and page. */
export function corruptArray({ source, path, info }: NodeContext, what: string): LanceError {
  return new LanceError("CORRUPT", `${source.path}: column "${path}", page ${info.index}: ${what}`, {
    path: source.path,
    column: path,
    page: info.index,
  });
}

/** An UNSUPPORTED error that names file, column and page. */
export function refuseArray({ source, path, info }: NodeContext, what: string): LanceError {
  return new LanceError(
    "UNSUPPORTED",
    `${source.path}: column "${path}", page ${info.index}: ${what} cannot be read; rewrite the table with a current Lance`,
    { path: source.path, column: path, page: info.index },
  );
}
