/** Lengths are multiples of it, so that buffers fit more than one read. */
const STEP_BYTES = 64 * 1024;

/** Buffers that reads lie in one after another: new ones for each would be garbage faster than it is collected. */
export class SpareBuffers {
  readonly #free: Uint8Array<ArrayBuffer>[] = [];
  #bytes = 0;
  #maxBytes = 0;

  /** Bytes held for later reads. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Holds at most so many bytes from now on. */
  bound(maxBytes: number): void {
    this.#maxBytes = maxBytes;
    while (this.#bytes > maxBytes) this.#bytes -= this.#free.pop()!.byteLength;
  }

  /** At least `length` bytes of unspecified content, its taker's until they are given back. */
  take(length: number): Uint8Array<ArrayBuffer> {
    const at = this.#free.findLastIndex(({ byteLength }) => byteLength >= length);
    if (at < 0) return new Uint8Array(Math.ceil(length / STEP_BYTES) * STEP_BYTES);
    const [found] = this.#free.splice(at, 1);
    this.#bytes -= found!.byteLength;
    return found!;
  }

  /** Nobody may hold a view of it any more. */
  give(buffer: Uint8Array<ArrayBuffer>): void {
    if (this.#bytes + buffer.byteLength > this.#maxBytes) return;
    this.#free.push(buffer);
    this.#bytes += buffer.byteLength;
  }
}
