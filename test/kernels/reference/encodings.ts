import { zstdDecompressSync } from "node:zlib";

/** Plain decoders of the format's encodings, straight from its description: a value is its bytes. */

const ORDER = [0, 4, 2, 6, 1, 5, 3, 7];

/** The 1024 words of a FastLanes block. */
export function unpackBlock(packed: Uint8Array, wordBits: number, width: number): bigint[] {
  const lanes = 1024 / wordBits;
  const wordBytes = wordBits / 8;
  const wordAt = (index: number) => {
    let word = 0n;
    for (let i = 0; i < wordBytes; i++) word |= BigInt(packed[index * wordBytes + i]!) << BigInt(i * 8);
    return word;
  };
  const values = new Array<bigint>(1024).fill(0n);
  for (let lane = 0; lane < lanes; lane++) {
    let stream = 0n;
    for (let k = 0; k < width; k++) stream |= wordAt(k * lanes + lane) << BigInt(k * wordBits);
    for (let row = 0; row < wordBits; row++) {
      const index = ORDER[row >> 3]! * 16 + (row % 8) * 128 + lane;
      values[index] = (stream >> BigInt(row * width)) & ((1n << BigInt(width)) - 1n);
    }
  }
  return values;
}

/** A word with the width, then the block. */
export function unpackInline(data: Uint8Array, wordBits: number, count: number): bigint[] {
  return unpackBlock(data.subarray(wordBits / 8), wordBits, data[0]!).slice(0, count);
}

/** Blocks of one width; the tail is plain words when the size says so. */
export function unpackOutOfLine(
  data: Uint8Array,
  { wordBits, width, count }: { wordBits: number; width: number; count: number },
): bigint[] {
  const blockBytes = 128 * width;
  const whole = Math.floor(count / 1024);
  const values: bigint[] = [];
  for (let block = 0; block < whole; block++) {
    values.push(...unpackBlock(data.subarray(block * blockBytes, (block + 1) * blockBytes), wordBits, width));
  }
  const tail = data.subarray(whole * blockBytes);
  const plain = (count % 1024) * (wordBits / 8);
  if (tail.length === plain) return [...values, ...splitWords(tail, wordBits / 8).map(toNumber)];
  return [...values, ...unpackBlock(tail, wordBits, width).slice(0, count % 1024)];
}

/** Little-endian bytes as a number. */
export function toNumber(bytes: Uint8Array): bigint {
  return bytes.reduceRight((number, byte) => (number << 8n) | BigInt(byte), 0n);
}

/** A number as little-endian bytes. */
export function toBytes(number: bigint, byteWidth: number): Uint8Array {
  return Uint8Array.from({ length: byteWidth }, (_, i) => Number((number >> BigInt(i * 8)) & 255n));
}

/** Bytes cut into values of one width. */
export function splitWords(data: Uint8Array, byteWidth: number): Uint8Array[] {
  return Array.from({ length: Math.floor(data.length / byteWidth) }, (_, i) =>
    data.slice(i * byteWidth, (i + 1) * byteWidth),
  );
}

/** Each value as often as its length says. */
export function expandRuns(values: Uint8Array, lengths: Uint8Array, byteWidth: number): Uint8Array[] {
  return splitWords(values, byteWidth).flatMap((value, i) => new Array<Uint8Array>(lengths[i]!).fill(value));
}

/** The text behind FSST codes. */
export function expandSymbols(table: Uint8Array, codes: Uint8Array): Uint8Array {
  const count = table[0]!;
  const out: number[] = [];
  for (let i = 0; i < codes.length; i++) {
    const code = codes[i]!;
    if (code === 255) out.push(codes[++i]!);
    else out.push(...table.subarray(8 + code * 8, 8 + code * 8 + table[8 + count * 8 + code]!));
  }
  return Uint8Array.from(out);
}

/** An LZ4 block behind its size. */
export function expandLz4(data: Uint8Array): Uint8Array {
  const out: number[] = [];
  let at = 4;
  const readLength = (nibble: number) => {
    let length = nibble;
    if (nibble < 15) return length;
    for (;;) {
      const byte = data[at++]!;
      length += byte;
      if (byte < 255) return length;
    }
  };
  while (at < data.length) {
    const token = data[at++]!;
    for (let literals = readLength(token >> 4); literals > 0; literals--) out.push(data[at++]!);
    if (at >= data.length) break;
    const offset = data[at]! | (data[at + 1]! << 8);
    at += 2;
    for (let length = readLength(token & 15) + 4; length > 0; length--) out.push(out[out.length - offset]!);
  }
  if (out.length !== Number(toNumber(data.subarray(0, 4)))) throw new Error("an LZ4 block of another size");
  return Uint8Array.from(out);
}

/** A zstd frame behind its size. */
export function expandZstd(data: Uint8Array): Uint8Array {
  const out = zstdDecompressSync(data.subarray(8));
  if (out.length !== Number(toNumber(data.subarray(0, 8)))) throw new Error("a zstd frame of another size");
  return new Uint8Array(out);
}
