/** A byte buffer that doubles; `reset` keeps the memory for the next page. */
export class GrowableBytes {
  #bytes: Uint8Array;
  #length = 0;
  readonly #usualBytes: number;

  /** @param options.usualBytes of a full page: it does not double beyond them before it must */
  constructor({ initialBytes = 1024, usualBytes = 0 } = {}) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#usualBytes = usualBytes;
  }

  get length(): number {
    return this.#length;
  }

  /** A view of what was appended; invalid after the next append or reset. */
  view(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Appends `length` bytes of unspecified content and gives the view to fill. */
  extend(length: number): Uint8Array {
    const start = this.#length;
    const end = start + length;
    if (end > this.#bytes.length) {
      const doubled = this.#bytes.length * 2;
      const wanted = end <= this.#usualBytes ? Math.min(doubled, this.#usualBytes) : doubled;
      const grown = new Uint8Array(Math.max(end, wanted));
      grown.set(this.#bytes.subarray(0, start));
      this.#bytes = grown;
    }
    this.#length = end;
    return this.#bytes.subarray(start, end);
  }

  append(bytes: Uint8Array): void {
    this.extend(bytes.length).set(bytes);
  }

  appendZeros(length: number): void {
    this.extend(length).fill(0);
  }

  /** Zero-pads to a multiple of `alignment` bytes. */
  align(alignment: number): void {
    const over = this.#length % alignment;
    if (over !== 0) this.appendZeros(alignment - over);
  }

  reset(): void {
    this.#length = 0;
  }
}

/** As {@link GrowableBytes}, of unsigned 32-bit words. */
export class GrowableWords {
  #words = new Uint32Array(256);
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** A view of what was appended; invalid after the next append or reset. */
  view(): Uint32Array {
    return this.#words.subarray(0, this.#length);
  }

  extend(length: number): Uint32Array {
    const start = this.#length;
    const end = start + length;
    if (end > this.#words.length) {
      const grown = new Uint32Array(Math.max(end, this.#words.length * 2));
      grown.set(this.#words.subarray(0, start));
      this.#words = grown;
    }
    this.#length = end;
    return this.#words.subarray(start, end);
  }

  reset(): void {
    this.#length = 0;
  }
}
