import { LanceError } from "../../errors.ts";
import { findFirst } from "../../search-sorted.ts";
import type { ByteSpan } from "./byte-source.ts";

/** Several spans laid into one buffer for the decoder. */
export interface GatheredBytes {
  readonly bytes: Uint8Array;
  /** Where each span asked for begins in `bytes`. */
  readonly offsets: readonly number[];
}

/** The spans of one phase of one page, read. */
export class SpanBytes {
  readonly #spans: readonly ByteSpan[];
  readonly #pieces: readonly Uint8Array[];

  constructor(spans: readonly ByteSpan[], pieces: readonly Uint8Array[]) {
    this.#spans = spans;
    this.#pieces = pieces;
  }

  /** Bytes of a slice that lies inside one of the spans. @throws CORRUPT when spans overlap so that it lies in none */
  slice(offset: number, length: number): Uint8Array {
    const index = this.#find(offset);
    const span = this.#spans[index];
    const piece = this.#pieces[index];
    if (!span || !piece || offset + length > span.offset + span.length) {
      throw new LanceError("CORRUPT", `buffers overlap: bytes ${offset} to ${offset + length} belong to another one`, {
        offset,
        length,
      });
    }
    return piece.subarray(offset - span.offset, offset - span.offset + length);
  }

  /** One buffer with every slice asked for; no copy when they lie in one span. Slices ascend. */
  gather(wanted: readonly { readonly offset: number; readonly length: number }[]): GatheredBytes {
    const first = wanted[0];
    const last = wanted[wanted.length - 1];
    if (!first || !last) return { bytes: new Uint8Array(0), offsets: [] };
    const index = this.#find(first.offset);
    if (index === this.#find(last.offset)) {
      const bytes = this.slice(first.offset, last.offset + last.length - first.offset);
      return { bytes, offsets: wanted.map((slice) => slice.offset - first.offset) };
    }
    const bytes = new Uint8Array(wanted.reduce((sum, slice) => sum + slice.length, 0));
    const offsets: number[] = [];
    let at = 0;
    for (const slice of wanted) {
      bytes.set(this.slice(slice.offset, slice.length), at);
      offsets.push(at);
      at += slice.length;
    }
    return { bytes, offsets };
  }

  /** The last span that starts at or before `offset`; spans ascend. */
  #find(offset: number): number {
    const spans = this.#spans;
    return findFirst(spans.length, (i) => spans[i]!.offset > offset) - 1;
  }
}
