import { pick, type Random } from "./random.ts";
import type { Input, Part, Seed } from "./target.ts";
import { mutateMessage } from "./wire.ts";

const INTERESTING = [0, 1, 2, 7, 8, 15, 16, 31, 32, 63, 64, 127, 128, 255, 256, 1023, 1024, 1025, 4095, 4096, 4097];
const LARGE = [32767, 32768, 65535, 65536, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff];
const JSON_TOKENS = [
  "null",
  "0",
  "-1",
  "1e999",
  '""',
  "[]",
  "{}",
  "true",
  "[[[[[",
  '"\\ud800"',
  "18446744073709551615",
];

/** Widths a number may have where it is found. */
const WIDTHS = [1, 2, 4, 8] as const;

/** Where to change: what counts or points, the ends, or anywhere. */
function place(part: Part, length: number, random: Random): number {
  const { hot } = part;
  const choice = random(8);
  if (hot && hot.length > 0 && choice < 4) return Math.min(length - 1, pick(random, hot) + random(16));
  if (choice < 5) return random(Math.min(length, 64));
  if (choice < 6) return length - 1 - random(Math.min(length, 64));
  return random(length);
}

function changeNumber(value: number, length: number, random: Random): number {
  switch (random(8)) {
    case 0:
      return value + 1;
    case 1:
      return value - 1;
    case 2:
      return value * 2;
    case 3:
      return value >>> 1;
    case 4:
      return length - random(16);
    case 5:
      return pick(random, LARGE);
    case 6:
      return value ^ (1 << random(31));
    default:
      return pick(random, INTERESTING);
  }
}

function writeNumber(bytes: Uint8Array, at: number, random: Random): void {
  const width = Math.min(pick(random, WIDTHS), bytes.length - at);
  let value = 0;
  for (let i = Math.min(width, 4) - 1; i >= 0; i--) value = value * 256 + bytes[at + i]!;
  let changed = changeNumber(value, bytes.length, random) >>> 0;
  for (let i = 0; i < width; i++) {
    bytes[at + i] = changed & 255;
    changed = i === 3 ? (random(8) === 0 ? 0xffffffff : 0) : changed >>> 8;
  }
}

/** Bits, bytes, numbers, cuts, holes, blocks moved or brought from another seed. */
function mutateBytes(
  part: Part,
  bytes: Uint8Array,
  { random, donor }: { random: Random; donor: Uint8Array },
): Uint8Array {
  const { length } = bytes;
  if (length === 0) return donor.slice(0, random(64));
  const at = place(part, length, random);
  const copy = bytes.slice();
  switch (random(12)) {
    case 0:
      return copy.subarray(0, at);
    case 1: {
      const longer = new Uint8Array(length + 1 + random(32));
      longer.set(copy);
      return longer;
    }
    case 2:
      return copy.fill(random(2) === 0 ? 0 : 255, at, at + 1 + random(32));
    case 3: {
      const from = random(length);
      return copy.copyWithin(at, from, Math.min(length, from + 1 + random(64)));
    }
    case 4: {
      const from = random(donor.length);
      const block = donor.subarray(from, Math.min(donor.length, from + 1 + random(64), from + length - at));
      copy.set(block, at);
      return copy;
    }
    case 5:
    case 6:
      copy[at]! ^= 1 << random(8);
      return copy;
    case 7:
      copy[at] = random(256);
      return copy;
    default:
      writeNumber(copy, at, random);
      return copy;
  }
}

function mutateJson(bytes: Uint8Array, random: Random): Uint8Array {
  const text = new TextDecoder().decode(bytes);
  const values = [...text.matchAll(/"(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|null|true|false|[[\]{}]/g)];
  const found = values[random(values.length)];
  if (!found) return bytes;
  const token = random(3) === 0 ? pick(random, values)[0] : pick(random, JSON_TOKENS);
  return new TextEncoder().encode(text.slice(0, found.index) + token + text.slice(found.index + found[0].length));
}

function mutatePart(part: Part, bytes: Uint8Array, tools: { random: Random; donor: Uint8Array }): Uint8Array {
  const { random } = tools;
  if (part.kind === "message" && random(10) > 0) return mutateMessage(bytes, random) ?? mutateBytes(part, bytes, tools);
  if (part.kind === "json" && random(4) > 0) return mutateJson(bytes, random);
  return mutateBytes(part, bytes, tools);
}

/** A changed copy of a seed: one to three changes, in its parts or the numbers beside them. */
export function mutate(seed: Seed, donors: readonly Seed[], random: Random): Input {
  const parts = seed.parts.map(({ bytes }) => bytes);
  const numbers = [...seed.numbers];
  const changes = 1 + (random(2) === 0 ? 0 : random(3));
  for (let change = 0; change < changes; change++) {
    const at = random(parts.length + (numbers.length > 0 && random(4) === 0 ? 1 : 0));
    if (at >= parts.length) {
      const number = random(numbers.length);
      numbers[number] = changeNumber(numbers[number]!, numbers[number]!, random) >>> 0;
      continue;
    }
    const other = pick(random, donors);
    const donor = pick(random, other.parts).bytes;
    // A whole buffer of another seed in its place: sizes agree with themselves, not with what is around.
    if (random(24) === 0 && other.parts[at]) parts[at] = other.parts[at].bytes;
    else parts[at] = mutatePart(seed.parts[at]!, parts[at]!, { random, donor });
  }
  return { parts, numbers };
}
