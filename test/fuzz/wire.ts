import { pick, type Random } from "./random.ts";

/** A field of a protobuf message as it lies on the wire; `children` where its bytes read as a message themselves. */
interface WireField {
  readonly number: number;
  readonly type: number;
  /** Varints: the value. */
  readonly value: bigint;
  /** Everything else: the payload. */
  readonly bytes: Uint8Array;
  readonly children: readonly WireField[] | undefined;
  /** The whole field as it lay, tag and length too; absent where it was changed. */
  readonly raw: Uint8Array | undefined;
}

const VARINT = 0;
const FIXED64 = 1;
const BYTES = 2;
const FIXED32 = 5;
const MAX_DEPTH = 24;
const NOTHING = new Uint8Array(0);
const parsed = new WeakMap<Uint8Array, readonly WireField[] | undefined>();

function readVarint(bytes: Uint8Array, at: number): [bigint, number] | undefined {
  let value = 0n;
  for (let i = 0; i < 10; i++) {
    const byte = bytes[at + i];
    if (byte === undefined) return undefined;
    value |= BigInt(byte & 127) << BigInt(7 * i);
    if (byte < 128) return [BigInt.asUintN(64, value), at + i + 1];
  }
  return undefined;
}

function parse(bytes: Uint8Array, depth: number): readonly WireField[] | undefined {
  const fields: WireField[] = [];
  for (let at = 0; at < bytes.length; ) {
    const tag = readVarint(bytes, at);
    if (!tag || tag[0] > 0xfffffffn || tag[0] < 8n) return undefined;
    const start = at;
    const [number, type] = [Number(tag[0] >> 3n), Number(tag[0] & 7n)];
    at = tag[1];
    if (type === VARINT) {
      const value = readVarint(bytes, at);
      if (!value) return undefined;
      fields.push({
        number,
        type,
        value: value[0],
        bytes: NOTHING,
        children: undefined,
        raw: bytes.subarray(start, value[1]),
      });
      at = value[1];
      continue;
    }
    let length = type === FIXED64 ? 8 : 4;
    if (type === BYTES) {
      const declared = readVarint(bytes, at);
      if (!declared || declared[0] > BigInt(bytes.length)) return undefined;
      length = Number(declared[0]);
      at = declared[1];
    } else if (type !== FIXED64 && type !== FIXED32) return undefined;
    if (at + length > bytes.length) return undefined;
    const payload = bytes.subarray(at, at + length);
    const children = type === BYTES && length > 0 && depth < MAX_DEPTH ? parse(payload, depth + 1) : undefined;
    at += length;
    fields.push({ number, type, value: 0n, bytes: payload, children, raw: bytes.subarray(start, at) });
  }
  return fields;
}

function sizeVarint(value: bigint): number {
  let size = 1;
  for (let rest = value >> 7n; rest > 0n; rest >>= 7n) size++;
  return size;
}

function writeVarint(out: Uint8Array, at: number, value: bigint): number {
  let rest = value;
  for (; rest > 127n; rest >>= 7n) out[at++] = Number(rest & 127n) | 128;
  out[at++] = Number(rest);
  return at;
}

function writeField(field: WireField): Uint8Array {
  const tag = (BigInt(field.number) << 3n) | BigInt(field.type);
  const isVarint = field.type === VARINT;
  const value = isVarint ? BigInt.asUintN(64, field.value) : BigInt(field.bytes.length);
  const hasValue = isVarint || field.type === BYTES;
  const out = new Uint8Array(sizeVarint(tag) + (hasValue ? sizeVarint(value) : 0) + field.bytes.length);
  let at = writeVarint(out, 0, tag);
  if (hasValue) at = writeVarint(out, at, value);
  out.set(field.bytes, at);
  return out;
}

/** The bytes again, with one list of fields changed; what was not is copied as it lay. */
function encode(fields: readonly WireField[]): Uint8Array {
  const pieces = fields.map((field) => field.raw ?? writeField(field));
  const out = new Uint8Array(pieces.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const piece of pieces) {
    out.set(piece, at);
    at += piece.length;
  }
  return out;
}

const NUMBERS = [
  0n,
  1n,
  2n,
  3n,
  7n,
  8n,
  15n,
  16n,
  31n,
  32n,
  63n,
  64n,
  127n,
  128n,
  255n,
  256n,
  1023n,
  1024n,
  1025n,
  4096n,
];
const LARGE = [65535n, 65536n, 1n << 20n, (1n << 31n) - 1n, 1n << 31n, (1n << 32n) - 1n, 1n << 32n, (1n << 53n) - 1n];
const HUGE = [1n << 53n, (1n << 63n) - 1n, 1n << 63n, (1n << 64n) - 1n];

function changeNumber(value: bigint, random: Random): bigint {
  switch (random(8)) {
    case 0:
      return value + 1n;
    case 1:
      return value - 1n;
    case 2:
      return value * 2n;
    case 3:
      return value / 2n;
    case 4:
      return pick(random, LARGE);
    case 5:
      return pick(random, HUGE);
    case 6:
      return value ^ (1n << BigInt(random(16)));
    default:
      return pick(random, NUMBERS);
  }
}

function changeBytes(bytes: Uint8Array, random: Random): Uint8Array {
  const copy = bytes.slice();
  switch (random(4)) {
    case 0:
      return copy.subarray(0, random(bytes.length + 1));
    case 1: {
      const longer = new Uint8Array(bytes.length + 1 + random(16));
      longer.set(bytes);
      return longer;
    }
    default:
      if (copy.length > 0) copy[random(copy.length)] = random(256);
      return copy;
  }
}

/** One field changed, dropped, doubled, moved, renumbered, or taken from elsewhere in the message. */
function changeField(fields: readonly WireField[], all: readonly WireField[], random: Random): WireField[] {
  const changed = fields.slice();
  const at = random(changed.length);
  const field = changed[at]!;
  switch (random(12)) {
    case 0:
      changed.splice(at, 1);
      break;
    case 1:
      changed.splice(at, 0, field);
      break;
    case 2:
      changed[at] = changed[random(changed.length)]!;
      changed[random(changed.length)] = field;
      break;
    case 3:
      changed[at] = { ...field, number: 1 + random(20), raw: undefined };
      break;
    case 4: {
      const other = pick(random, all);
      changed[at] = { ...other, number: random(2) === 0 ? field.number : other.number, raw: undefined };
      break;
    }
    case 5:
      changed.push(pick(random, all));
      break;
    case 6:
      // Inside itself: messages that nest deeper than any writer's.
      changed[at] = { ...field, bytes: field.type === BYTES ? encode([field]) : field.bytes, raw: undefined };
      break;
    default:
      changed[at] =
        field.type === VARINT
          ? { ...field, value: changeNumber(field.value, random), raw: undefined }
          : {
              ...field,
              bytes: field.type === BYTES ? changeBytes(field.bytes, random) : changeFixed(field, random),
              raw: undefined,
            };
  }
  return changed;
}

function changeFixed({ bytes }: WireField, random: Random): Uint8Array {
  const copy = bytes.slice();
  copy[random(copy.length)] = random(2) === 0 ? random(256) : 255;
  return copy;
}

function listFields(fields: readonly WireField[], out: WireField[]): WireField[] {
  for (const field of fields) {
    out.push(field);
    if (field.children) listFields(field.children, out);
  }
  return out;
}

/** Goes down to a random message and changes it there; lengths above it are written anew. */
function descend(fields: readonly WireField[], all: readonly WireField[], random: Random): Uint8Array {
  const inner = fields.flatMap((field, at) => (field.children ? [at] : []));
  if (inner.length === 0 || random(4) === 0) return encode(changeField(fields, all, random));
  const at = pick(random, inner);
  const changed = fields.slice();
  const field = changed[at]!;
  changed[at] = { ...field, bytes: descend(field.children!, all, random), children: undefined, raw: undefined };
  return encode(changed);
}

const listed = new WeakMap<Uint8Array, WireField[]>();

/**
 * The message with one field changed, at any depth; every length around it is right, so that the change reaches the code
 * that reads it. Needs no schema: bytes that read as a message are taken for one.
 *
 * @returns `undefined` when the bytes are no message
 */
export function mutateMessage(bytes: Uint8Array, random: Random): Uint8Array | undefined {
  let fields = parsed.get(bytes);
  if (fields === undefined) {
    fields = parse(bytes, 0);
    if (fields === undefined || fields.length === 0) return undefined;
    parsed.set(bytes, fields);
    listed.set(bytes, listFields(fields, []));
  }
  return descend(fields, listed.get(bytes)!, random);
}
