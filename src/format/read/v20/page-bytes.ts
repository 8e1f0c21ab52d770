import { LanceError } from "../../../errors.ts";
import type { ByteSource, ByteSpan } from "../byte-source.ts";

/** Most bytes read beyond what was asked for, where all of them will be asked for soon. */
const READ_AHEAD_BYTES = 8 * 1024 * 1024;

/** One buffer of a page during one read. Keeps the bytes read ahead, nothing else. */
export class PageBytes {
  readonly #source: ByteSource;
  readonly #span: ByteSpan;
  readonly #signal: AbortSignal | undefined;
  #ahead: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  #aheadStart = 0;

  constructor(source: ByteSource, span: ByteSpan, signal: AbortSignal | undefined) {
    this.#source = source;
    this.#span = span;
    this.#signal = signal;
  }

  get byteLength(): number {
    return this.#span.length;
  }

  /** The file's bytes a slice of the buffer stands for. @throws CORRUPT when it ends beyond the buffer */
  span(start: number, end: number): ByteSpan {
    const { offset, length, column, page } = this.#span;
    if (!(start >= 0 && start <= end && end <= length)) {
      throw new LanceError(
        "CORRUPT",
        `${this.#source.path}: column "${column}", page ${page}: bytes ${start} to ${end} of a buffer of ${length}`,
        { path: this.#source.path, column, page, start, end, length },
      );
    }
    return { ...this.#span, offset: offset + start, length: end - start };
  }

  /**
   * Bytes `start` to `end` of the buffer.
   * @param toEnd whether all bytes after these will be asked for, in order: then up to 8 MiB are read at once
   * @throws CORRUPT, NOT_FOUND, IO, ABORTED
   */
  async read(start: number, end: number, toEnd: boolean): Promise<Uint8Array> {
    const { offset, length } = this.span(start, end);
    const aheadEnd = this.#aheadStart + this.#ahead.byteLength;
    const isAhead = start >= this.#aheadStart && start < aheadEnd;
    if (isAhead && end <= aheadEnd) return this.#ahead.subarray(start - this.#aheadStart, end - this.#aheadStart);
    if (!toEnd) return this.#source.read(offset, length, this.#signal);
    const from = isAhead ? aheadEnd : start;
    const to = Math.max(end, Math.min(this.#span.length, from + READ_AHEAD_BYTES));
    const kept = isAhead ? this.#ahead.subarray(start - this.#aheadStart) : new Uint8Array(0);
    const fresh = await this.#source.read(this.#span.offset + from, to - from, this.#signal);
    this.#ahead = kept.byteLength === 0 ? fresh : concatenate(kept, fresh);
    this.#aheadStart = start;
    return this.#ahead.subarray(0, end - start);
  }
}

function concatenate(first: Uint8Array, second: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(first.byteLength + second.byteLength);
  bytes.set(first);
  bytes.set(second, first.byteLength);
  return bytes;
}
