import { createBits, uniteBits } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { isAt } from "../like.ts";
import { compareWithLiteral } from "./compare-literal.ts";
import type { Vector } from "./vector.ts";

/** Up to this many values, one comparison each is faster than a lookup. */
const MAX_COMPARED = 4;

/** Rows whose value is one of `values`; bits of NULL rows are arbitrary. */
export function matchList(vector: Vector, values: readonly Value[]): Uint32Array {
  if (values.length <= MAX_COMPARED || vector.kind === "boolean") {
    let words: Uint32Array | null = null;
    for (const value of values) words = uniteBits(words, compareWithLiteral(vector, "=", value));
    return words ?? createBits(vector.length);
  }
  switch (vector.kind) {
    case "number":
      return matchNumbers(vector, values as readonly number[]);
    case "bigint":
      return matchWide(vector, values as readonly bigint[]);
    case "bytes":
      return matchText(vector, values as readonly (string | Uint8Array)[]);
    case "decimal": {
      const words = createBits(vector.length);
      const set = new Set(values);
      vector.values.forEach((value, row) => {
        if (set.has(value)) words[row >>> 5]! |= 1 << (row & 31);
      });
      return words;
    }
    case "list":
    case "opaque":
      return createBits(vector.length);
  }
}

function matchNumbers(vector: Extract<Vector, { kind: "number" }>, values: readonly number[]): Uint32Array {
  const words = createBits(vector.length);
  const set = new Set(values.filter((value) => !Number.isNaN(value)));
  for (let row = 0; row < vector.length; row++) {
    if (set.has(vector.values[row]!)) words[row >>> 5]! |= 1 << (row & 31);
  }
  if (!values.some(Number.isNaN)) return words;
  return uniteBits(words, compareWithLiteral(vector, "=", Number.NaN))!;
}

function matchWide(vector: Extract<Vector, { kind: "bigint" }>, values: readonly bigint[]): Uint32Array {
  const words = createBits(vector.length);
  const byHigh = new Map<number, Set<number>>();
  for (const value of values) {
    const high = Number(BigInt.asUintN(64, value) >> 32n);
    const lows = byHigh.get(high) ?? new Set<number>();
    byHigh.set(high, lows.add(Number(value & 0xffffffffn)));
  }
  const halves = new Uint32Array(vector.values.buffer, vector.values.byteOffset, vector.length * 2);
  for (let row = 0; row < vector.length; row++) {
    if (byHigh.get(halves[row * 2 + 1]!)?.has(halves[row * 2]!)) words[row >>> 5]! |= 1 << (row & 31);
  }
  return words;
}

function matchText(vector: Extract<Vector, { kind: "bytes" }>, values: readonly (string | Uint8Array)[]): Uint32Array {
  const words = createBits(vector.length);
  const encoder = new TextEncoder();
  const byHash = new Map<number, Uint8Array[]>();
  for (const value of values) {
    const bytes = typeof value === "string" ? encoder.encode(value) : value;
    const hash = hashBytes(bytes, 0, bytes.length);
    const bucket = byHash.get(hash);
    if (bucket === undefined) byHash.set(hash, [bytes]);
    else bucket.push(bytes);
  }
  const { bytes, offsets } = vector;
  for (let row = 0; row < vector.length; row++) {
    const [start, end] = [offsets[row]!, offsets[row + 1]!];
    const bucket = byHash.get(hashBytes(bytes, start, end));
    if (bucket?.some((value) => value.length === end - start && isAt(bytes, start, value))) {
      words[row >>> 5]! |= 1 << (row & 31);
    }
  }
  return words;
}

/** FNV-1a, 32 bits. */
function hashBytes(bytes: Uint8Array, start: number, end: number): number {
  let hash = 0x811c9dc5;
  for (let i = start; i < end; i++) hash = Math.imul(hash ^ bytes[i]!, 0x01000193);
  return hash;
}
