import { LanceError } from "../../errors.ts";

/** A parsed JSON value. Numbers keep what tells integers of 64 bits from fractions. */
export type JsonValue =
  | null
  | boolean
  | string
  | { readonly kind: "integer"; readonly value: bigint }
  | { readonly kind: "float"; readonly value: number }
  | { readonly kind: "array"; readonly items: readonly JsonValue[] }
  /** Keys once each, in the order of their UTF-8 bytes. */
  | { readonly kind: "object"; readonly entries: readonly (readonly [key: string, value: JsonValue])[] };

/** Values nest this deep at most: a call a level. */
export const MAX_JSON_DEPTH = 128;

const MIN_INT64 = -(1n << 63n);
const MAX_UINT64 = (1n << 64n) - 1n;
const NUMBER = /-?(?:0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?/y;
const WHITESPACE = /[ \t\n\r]*/y;
// A string up to its closing quote; JSON.parse then checks and unescapes it.
const STRING = /"(?:[^"\\]|\\.)*"/sy;
const WORDS: readonly (readonly [text: string, value: JsonValue])[] = [
  ["null", null],
  ["true", true],
  ["false", false],
];

/** Escapes in a string: a pair of surrogates, one alone, or any other. */
const SURROGATES = /\\u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|\\u[dD][89a-fA-F][\da-fA-F]{2}|\\[\s\S]/g;

/** Half a pair is no character. Native keeps its escape as text, where UTF-8 would hold a replacement character. */
function isLone(found: string): boolean {
  return found.length === 6;
}

/**
 * Parses JSON text (RFC 8259). `JSON.parse` alone would lose integers beyond 2^53 and tell 1.0 from 1 no more.
 * @throws INVALID_ARGUMENT naming the position
 */
export function parseJsonText(text: string): JsonValue {
  const parser = new JsonParser(text);
  return parser.parse();
}

class JsonParser {
  readonly #text: string;
  #at = 0;

  constructor(text: string) {
    this.#text = text;
  }

  parse(): JsonValue {
    const value = this.#value(0);
    this.#skip();
    if (this.#at < this.#text.length) throw this.#unexpected("the end");
    return value;
  }

  #value(depth: number): JsonValue {
    if (depth > MAX_JSON_DEPTH) throw this.#unexpected(`nesting of at most ${MAX_JSON_DEPTH}`);
    this.#skip();
    const start = this.#text[this.#at];
    if (start === '"') return this.#string();
    if (start === "[") return { kind: "array", items: this.#array(depth) };
    if (start === "{") return { kind: "object", entries: this.#object(depth) };
    for (const [word, value] of WORDS) {
      if (this.#text.startsWith(word, this.#at)) {
        this.#at += word.length;
        return value;
      }
    }
    return this.#number();
  }

  #array(depth: number): JsonValue[] {
    const items: JsonValue[] = [];
    this.#at++;
    if (this.#take("]")) return items;
    do items.push(this.#value(depth + 1));
    while (this.#take(","));
    if (!this.#take("]")) throw this.#unexpected('"," or "]"');
    return items;
  }

  #object(depth: number): [string, JsonValue][] {
    const entries = new Map<string, JsonValue>();
    this.#at++;
    if (this.#take("}")) return [];
    do {
      this.#skip();
      const key = this.#string();
      if (entries.has(key)) throw this.#unexpected(`keys once each, and ${JSON.stringify(key)} was there before`);
      if (!this.#take(":")) throw this.#unexpected('":"');
      entries.set(key, this.#value(depth + 1));
    } while (this.#take(","));
    if (!this.#take("}")) throw this.#unexpected('"," or "}"');
    return [...entries].sort(([a], [b]) => compareText(a, b));
  }

  #string(): string {
    const raw = this.#match(STRING);
    if (raw === undefined) throw this.#unexpected("a string");
    try {
      return JSON.parse(raw.replace(SURROGATES, (found) => (isLone(found) ? `\\${found}` : found))) as string;
    } catch (cause) {
      this.#at -= raw.length;
      throw this.#unexpected("a string without control characters or unknown escapes", cause);
    }
  }

  #number(): JsonValue {
    NUMBER.lastIndex = this.#at;
    const match = NUMBER.exec(this.#text);
    if (!match) throw this.#unexpected("a value");
    this.#at = NUMBER.lastIndex;
    if (match[1] === undefined && match[2] === undefined && match[0].length <= 20) {
      const value = BigInt(match[0]);
      if (value >= MIN_INT64 && value <= MAX_UINT64) return { kind: "integer", value };
    }
    return { kind: "float", value: Number(match[0]) };
  }

  #take(mark: string): boolean {
    this.#skip();
    if (this.#text[this.#at] !== mark) return false;
    this.#at++;
    return true;
  }

  #skip(): void {
    this.#match(WHITESPACE);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#at;
    const match = pattern.exec(this.#text);
    if (match) this.#at = pattern.lastIndex;
    return match?.[0];
  }

  #unexpected(expected: string, cause?: unknown): LanceError {
    const received =
      this.#at < this.#text.length ? JSON.stringify(this.#text.slice(this.#at, this.#at + 20)) : "the end";
    return new LanceError(
      "INVALID_ARGUMENT",
      `JSON text, character ${this.#at}: expected ${expected}, received ${received}`,
      { position: this.#at },
      cause === undefined ? {} : { cause },
    );
  }
}

/** Order of UTF-8 bytes, which is that of code points and not that of UTF-16 units. */
function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    // Surrogates stand above everything else in UTF-8.
    const isHighX = x >= 0xd800 && x <= 0xdfff;
    const isHighY = y >= 0xd800 && y <= 0xdfff;
    if (isHighX !== isHighY) return isHighX ? 1 : -1;
    return x - y;
  }
  return a.length - b.length;
}

/** A float as native writes it: always with a fraction or an exponent; what JSON has no word for is null. */
export function formatFloat(value: number): string {
  if (!Number.isFinite(value)) return "null";
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [mantissa = "", exponent = "0"] = Math.abs(value).toExponential().split("e");
  const digits = mantissa.replace(".", "");
  const sign = value < 0 ? "-" : "";
  // Digits before the point.
  const point = Number(exponent) + 1;
  if (point > 16 || point <= -5) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits[0]}${fraction}e${point > 0 ? "+" : ""}${point - 1}`;
  }
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${digits}`;
  if (digits.length <= point) return `${sign}${digits}${"0".repeat(point - digits.length)}.0`;
  return `${sign}${digits.slice(0, point)}.${digits.slice(point)}`;
}
