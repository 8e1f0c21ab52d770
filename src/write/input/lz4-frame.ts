import { LanceError } from "../../errors.ts";

/**
 * Frames and blocks of LZ4 (lz4_Frame_format.md 1.6, lz4_Block_format.md), as Arrow IPC has them. Checksums are not
 * compared: what is read is checked by its use.
 * @param maxBytes what the content may come to
 * @throws CORRUPT
 */
export function decodeLz4Frame(frame: Uint8Array, maxBytes: number): Uint8Array {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 11 || view.getUint32(0, true) !== 0x184d2204 || frame[4]! >> 6 !== 1) fail("no LZ4 frame");
  const flags = frame[4]!;
  const hasBlockChecksum = (flags & 0x10) !== 0;
  const hasSize = (flags & 0x08) !== 0;
  const size = hasSize && frame.length >= 14 ? Number(view.getBigUint64(6, true)) : 0;
  if (size > maxBytes) fail(`content of ${size} bytes, more than ${maxBytes}`);
  const out = new ContentBuffer(Math.min(size || frame.length * 4, 1 << 24), maxBytes);
  let at = 6 + (hasSize ? 8 : 0) + ((flags & 0x01) !== 0 ? 4 : 0) + 1;
  for (;;) {
    if (at + 4 > frame.length) fail("a frame without an end");
    const word = view.getUint32(at, true);
    at += 4;
    if (word === 0) return out.finish();
    const length = word & 0x7fffffff;
    if (at + length > frame.length) fail("a block that ends beyond its frame");
    const block = frame.subarray(at, at + length);
    // The top bit says that a block is not compressed.
    if (word >>> 31 === 1) out.append(block);
    else decodeBlock(block, out);
    at += length + (hasBlockChecksum ? 4 : 0);
  }
}

function decodeBlock(block: Uint8Array, out: ContentBuffer): void {
  let at = 0;
  const readLength = (nibble: number) => {
    let length = nibble;
    if (nibble !== 15) return length;
    for (;;) {
      const byte = block[at++];
      if (byte === undefined) return fail("a length that does not end");
      length += byte;
      if (byte !== 255) return length;
    }
  };
  while (at < block.length) {
    const token = block[at++]!;
    const numLiterals = readLength(token >> 4);
    if (at + numLiterals > block.length) fail("literals beyond their block");
    out.append(block.subarray(at, at + numLiterals));
    at += numLiterals;
    // The last sequence has literals alone.
    if (at === block.length) return;
    const distance = block[at]! | ((block[at + 1] ?? 0) << 8);
    at += 2;
    out.copyBack(distance, readLength(token & 15) + 4);
  }
}

/** Bytes that grow up to a bound, and may be copied from behind. */
class ContentBuffer {
  #bytes: Uint8Array;
  #length = 0;
  readonly #maxBytes: number;

  constructor(initialBytes: number, maxBytes: number) {
    this.#bytes = new Uint8Array(initialBytes);
    this.#maxBytes = maxBytes;
  }

  append(bytes: Uint8Array): void {
    this.#grow(bytes.length);
    this.#bytes.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** A match may reach into what it writes. */
  copyBack(distance: number, length: number): void {
    if (distance === 0 || distance > this.#length) fail("a match before the content");
    this.#grow(length);
    for (let i = 0; i < length; i++) {
      this.#bytes[this.#length] = this.#bytes[this.#length - distance]!;
      this.#length++;
    }
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  #grow(count: number): void {
    const needed = this.#length + count;
    if (needed <= this.#bytes.length) return;
    if (needed > this.#maxBytes) fail(`content of more than ${this.#maxBytes} bytes`);
    const grown = new Uint8Array(Math.min(Math.max(needed, this.#bytes.length * 2), this.#maxBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

function fail(what: string): never {
  throw new LanceError("CORRUPT", `cannot read an LZ4 frame: it holds ${what}`, {});
}
