import { LanceError } from "../../errors.ts";
import { formatFloat, type JsonValue, MAX_JSON_DEPTH, parseJsonText } from "./json-text.ts";

/**
 * JSONB as Lance stores it (FORMAT.md section 1.3): a big-endian header with kind and count, one entry per value with
 * its type and length, then the values end to end. Objects have all keys first.
 */
const CONTAINER = { array: 0x80000000, object: 0x40000000, scalar: 0x20000000 } as const;
const CONTAINER_KIND = 0xe0000000;
const CONTAINER_COUNT = 0x1fffffff;
const ENTRY = { null: 0, string: 0x10000000, number: 0x20000000, false: 0x30000000, true: 0x40000000 } as const;
const ENTRY_CONTAINER = 0x50000000;
const ENTRY_KIND = 0x70000000;
const ENTRY_LENGTH = 0x0fffffff;
const NUMBER = {
  zero: 0x00,
  nan: 0x10,
  infinity: 0x20,
  minusInfinity: 0x30,
  int: 0x40,
  uint: 0x50,
  float: 0x60,
  decimal: 0x70,
} as const;

const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

/** The compact JSON text of one JSONB value, as native gives it. @throws CORRUPT, UNSUPPORTED for extension values */
export function decodeJsonb(bytes: Uint8Array): string {
  return readContainer(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0, 0);
}

function readContainer(view: DataView, start: number, depth: number): string {
  if (depth > MAX_JSON_DEPTH) throw corrupt(`values nest deeper than ${MAX_JSON_DEPTH}`);
  const header = readWord(view, start);
  const count = header & CONTAINER_COUNT;
  const kind = (header & CONTAINER_KIND) >>> 0;
  const entries = start + 4;
  if (kind === CONTAINER.scalar) return readValue(view, { entry: readWord(view, entries), at: entries + 4, depth });
  const numEntries = kind === CONTAINER.object ? 2 * count : count;
  if ((kind !== CONTAINER.array && kind !== CONTAINER.object) || entries + 4 * numEntries > view.byteLength) {
    throw corrupt(`a header of ${header >>> 0} in ${view.byteLength} bytes`);
  }
  let at = entries + 4 * numEntries;
  const values: string[] = [];
  for (let i = 0; i < numEntries; i++) {
    const entry = readWord(view, entries + 4 * i);
    const isKey = kind === CONTAINER.object && i < count;
    if (isKey && (entry & ENTRY_KIND) !== ENTRY.string) throw corrupt("an object with a key that is no text");
    values.push(readValue(view, { entry, at, depth }));
    at += entry & ENTRY_LENGTH;
  }
  if (kind === CONTAINER.array) return `[${values.join(",")}]`;
  return `{${values
    .slice(0, count)
    .map((key, i) => `${key}:${values[count + i]}`)
    .join(",")}}`;
}

function readValue(view: DataView, { entry, at, depth }: { entry: number; at: number; depth: number }): string {
  const length = entry & ENTRY_LENGTH;
  if (at + length > view.byteLength) throw corrupt(`a value of ${length} bytes at ${at} of ${view.byteLength}`);
  const slice = () => new Uint8Array(view.buffer, view.byteOffset + at, length);
  switch (entry & ENTRY_KIND) {
    case ENTRY.null:
      return "null";
    case ENTRY.true:
      return "true";
    case ENTRY.false:
      return "false";
    case ENTRY.string:
      return JSON.stringify(decodeText(slice()));
    case ENTRY.number:
      return readNumber(new DataView(view.buffer, view.byteOffset + at, length));
    case ENTRY_CONTAINER:
      return readContainer(new DataView(view.buffer, view.byteOffset + at, length), 0, depth + 1);
    default:
      throw new LanceError(
        "UNSUPPORTED",
        `a JSON value of extension type ${(entry & ENTRY_KIND) >>> 28} cannot be read`,
      );
  }
}

function decodeText(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch (cause) {
    throw corrupt("text that is not UTF-8", cause);
  }
}

function readNumber(view: DataView): string {
  const bytes = view.byteLength - 1;
  if (bytes < 0) throw corrupt("a number without bytes");
  switch (view.getUint8(0)) {
    case NUMBER.zero:
      return "0";
    case NUMBER.nan:
    case NUMBER.infinity:
    case NUMBER.minusInfinity:
      return "null";
    case NUMBER.int:
      if (isIntegerSize(bytes)) return BigInt.asIntN(bytes * 8, readInteger(view, 1, bytes)).toString();
      break;
    case NUMBER.uint:
      if (isIntegerSize(bytes)) return readInteger(view, 1, bytes).toString();
      break;
    case NUMBER.float:
      if (bytes === 8) return formatFloat(view.getFloat64(1));
      break;
    case NUMBER.decimal: {
      // Value, an optional precision, and the scale as the last byte.
      const width = bytes >= 33 ? 32 : bytes >= 17 ? 16 : 8;
      if (bytes !== width + 1 && !(width > 8 && bytes === width + 2)) break;
      const value = Number(BigInt.asIntN(width * 8, readInteger(view, 1, width)));
      return formatFloat(value / 10 ** view.getUint8(bytes));
    }
  }
  throw corrupt(`a number of kind ${view.getUint8(0)} in ${bytes} bytes`);
}

function isIntegerSize(bytes: number): boolean {
  return bytes === 1 || bytes === 2 || bytes === 4 || bytes === 8;
}

function readInteger(view: DataView, at: number, bytes: number): bigint {
  let value = 0n;
  for (let i = 0; i < bytes; i++) value = (value << 8n) | BigInt(view.getUint8(at + i));
  return value;
}

function readWord(view: DataView, at: number): number {
  if (at + 4 > view.byteLength) throw corrupt(`it ends within a header, at ${view.byteLength} bytes`);
  return view.getUint32(at);
}

function corrupt(what: string, cause?: unknown): LanceError {
  return new LanceError("CORRUPT", `a JSON value: ${what}`, {}, cause === undefined ? {} : { cause });
}

/** The JSONB bytes of JSON text, byte for byte as native writes them. @throws INVALID_ARGUMENT naming the position */
export function encodeJsonb(text: string): Uint8Array {
  const writer = new JsonbWriter();
  writer.writeRoot(parseJsonText(text));
  return writer.finish();
}

class JsonbWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  writeRoot(value: JsonValue): void {
    if (isContainer(value)) this.#container(value);
    else {
      this.#word(CONTAINER.scalar);
      const entry = this.#reserve(4);
      this.#patch(entry, this.#value(value));
    }
  }

  finish(): Uint8Array {
    return this.#bytes.slice(0, this.#length);
  }

  #container(value: Extract<JsonValue, { kind: "array" | "object" }>): void {
    const isArray = value.kind === "array";
    const count = isArray ? value.items.length : value.entries.length;
    this.#word((CONTAINER[value.kind] | count) >>> 0);
    let entry = this.#reserve(4 * count * (isArray ? 1 : 2));
    const put = (child: JsonValue) => {
      this.#patch(entry, this.#value(child));
      entry += 4;
    };
    if (isArray) for (const item of value.items) put(item);
    else {
      for (const [key] of value.entries) put(key);
      for (const [, child] of value.entries) put(child);
    }
  }

  /** Writes a value's bytes and returns its entry. */
  #value(value: JsonValue): number {
    const start = this.#length;
    const end = (kind: number) => {
      const length = this.#length - start;
      if (length > ENTRY_LENGTH) {
        throw new LanceError("INVALID_ARGUMENT", `a JSON value of ${length} bytes; at most ${ENTRY_LENGTH} fit`, {
          length,
        });
      }
      return (kind | length) >>> 0;
    };
    if (value === null) return ENTRY.null;
    if (value === true) return ENTRY.true;
    if (value === false) return ENTRY.false;
    if (typeof value === "string") {
      this.#append(encoder.encode(value));
      return end(ENTRY.string);
    }
    if (isContainer(value)) {
      this.#container(value);
      return end(ENTRY_CONTAINER);
    }
    if (value.kind === "integer") this.#integer(value.value);
    else this.#float(value.value);
    return end(ENTRY.number);
  }

  #integer(value: bigint): void {
    if (value === 0n) {
      this.#byte(NUMBER.zero);
      return;
    }
    const isSigned = value < 0n;
    this.#byte(isSigned ? NUMBER.int : NUMBER.uint);
    const fits = (bits: number) =>
      isSigned ? BigInt.asIntN(bits, value) === value : BigInt.asUintN(bits, value) === value;
    const bytes = fits(8) ? 1 : fits(16) ? 2 : fits(32) ? 4 : 8;
    for (let i = bytes - 1; i >= 0; i--) this.#byte(Number((value >> BigInt(8 * i)) & 255n));
  }

  #float(value: number): void {
    if (!Number.isFinite(value)) {
      this.#byte(value > 0 ? NUMBER.infinity : NUMBER.minusInfinity);
      return;
    }
    this.#byte(NUMBER.float);
    const at = this.#reserve(8);
    new DataView(this.#bytes.buffer).setFloat64(at, value);
  }

  #byte(byte: number): void {
    // Growing replaces the buffer, so the place comes first.
    const at = this.#reserve(1);
    this.#bytes[at] = byte;
  }

  #word(word: number): void {
    this.#patch(this.#reserve(4), word);
  }

  #patch(at: number, word: number): void {
    new DataView(this.#bytes.buffer).setUint32(at, word);
  }

  #append(bytes: Uint8Array): void {
    const at = this.#reserve(bytes.byteLength);
    this.#bytes.set(bytes, at);
  }

  #reserve(length: number): number {
    const at = this.#length;
    this.#length += length;
    if (this.#length > this.#bytes.byteLength) {
      const grown = new Uint8Array(Math.max(this.#length, 2 * this.#bytes.byteLength));
      grown.set(this.#bytes);
      this.#bytes = grown;
    }
    return at;
  }
}

function isContainer(value: JsonValue): value is Extract<JsonValue, { kind: "array" | "object" }> {
  return typeof value === "object" && value !== null && (value.kind === "array" || value.kind === "object");
}
