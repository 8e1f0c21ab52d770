import { LanceError } from "../../errors.ts";
import { hasBit } from "../bitset.ts";
import type { Value } from "../bound.ts";
import { buildVector } from "../compile/build-vector.ts";
import { createReader } from "../compile/read-value.ts";
import { mapText, matchPart, measureText } from "../compile/text.ts";
import { BOOLEAN, INT32, INT64, isSameType, UTF8, type ValueType } from "../value-type.ts";
import { asText, type FunctionSpec, mapBytes, mapRows, type Signature } from "./spec.ts";

/** One text in, text of the same width out. */
function change(compute: (text: string) => string): FunctionSpec {
  return {
    minimum: 1,
    maximum: 1,
    expects: "text",
    resolve: ([type]) => {
      const text = asText(type);
      return text && { parameters: [text], result: text };
    },
    evaluate: mapBytes(([text]) => mapText(text!, compute)),
  };
}

/** One text in, a number out: int64 of large text. */
function measure(unit: "characters" | "bytes" | "bits"): FunctionSpec {
  return {
    minimum: 1,
    maximum: 1,
    expects: "text",
    resolve: ([type]) => {
      const text = asText(type);
      return text && { parameters: [text], result: text.kind === "utf8" && text.large ? INT64 : INT32 };
    },
    evaluate: mapBytes(([text], nulls, { type, length }) => {
      const sizes = measureText(text!, unit === "characters" ? "characters" : "bytes");
      if (unit === "bits") for (let row = 0; row < length; row++) sizes[row]! *= 8;
      if (isSameType(type, INT32)) return { kind: "number", length, nulls, values: sizes };
      return { kind: "bigint", length, nulls, values: BigInt64Array.from(sizes, BigInt) };
    }),
  };
}

/** Whether one text is a part of another. */
function match(name: "starts_with" | "ends_with" | "contains"): FunctionSpec {
  return {
    minimum: 2,
    maximum: 2,
    expects: "two texts",
    resolve: (types) => resolveTexts(types, BOOLEAN),
    evaluate: mapBytes(([whole, part], nulls, { length }) => {
      return { kind: "boolean", length, nulls, bits: matchPart(name, whole!, part!) };
    }),
  };
}

function resolveTexts(types: readonly ValueType[], result: ValueType): Signature | undefined {
  const texts = types.map(asText);
  return texts.every((type) => type !== undefined) ? { parameters: texts, result } : undefined;
}

/** A function of texts and whole numbers: `t` or `i` for each argument, the last `optional` of them may be left out. */
function compute(
  shape: string,
  optional: number,
  result: ValueType | "same",
  apply: (...values: never[]) => Value | null,
): FunctionSpec {
  const words = { t: "text", i: "a whole number" } as const;
  return {
    minimum: shape.length - optional,
    maximum: shape.length,
    expects: [...shape].map((letter) => words[letter as "t" | "i"]).join(", "),
    resolve: (types) => {
      const parameters = types.map((type, i) => {
        if (shape[i] === "t") return asText(type);
        return type.kind === "int" || type.kind === "null" ? INT64 : undefined;
      });
      if (!parameters.every((type) => type !== undefined)) return undefined;
      return { parameters, result: result === "same" ? parameters[0]! : result };
    },
    evaluate: mapRows(() => apply as (...values: readonly Value[]) => Value | null),
  };
}

/** By code points, from 1; positions before the text count. */
function cutText(text: string, start: bigint, count?: bigint): string {
  const characters = [...text];
  const from = Number(start) - 1;
  const to = count === undefined ? characters.length : from + Number(count);
  return characters.slice(Math.max(0, from), Math.max(0, to)).join("");
}

function trimText(text: string, set: string, sides: { readonly start: boolean; readonly end: boolean }): string {
  const characters = [...text];
  const trimmed = new Set(set);
  let [start, end] = [0, characters.length];
  while (sides.start && start < end && trimmed.has(characters[start]!)) start++;
  while (sides.end && end > start && trimmed.has(characters[end - 1]!)) end--;
  return characters.slice(start, end).join("");
}

function trimmer(start: boolean, end: boolean): FunctionSpec {
  return compute("tt", 1, "same", (text: string, set: string = " ") => trimText(text, set, { start, end }));
}

/** Longest text a function makes of one value: what a filter may ask for is bounded, whatever it says. */
const MAX_TEXT_LENGTH = 1 << 24;

function checkLength(name: string, length: number): void {
  if (length <= MAX_TEXT_LENGTH) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${name}() makes texts of at most ${MAX_TEXT_LENGTH} characters, not ${length}`,
    {
      expected: MAX_TEXT_LENGTH,
      received: length,
    },
  );
}

function repeatText(text: string, count: bigint): string {
  const times = Math.max(0, Number(count));
  checkLength("repeat", text.length * times);
  return text === "" ? "" : text.repeat(times);
}

function padText(text: string, length: bigint, fill: string, atStart: boolean): string {
  const characters = [...text];
  const missing = Number(length) - characters.length;
  checkLength("lpad, rpad", Number(length));
  if (missing <= 0) return characters.slice(0, Math.max(0, Number(length))).join("");
  const filler = [...fill];
  if (filler.length === 0) return text;
  const padding = Array.from({ length: missing }, (_, i) => filler[i % filler.length]).join("");
  return atStart ? padding + text : text + padding;
}

/** The position of a text in another, in code points from 1; 0 where it is not there. */
function locate(text: string, part: string): number {
  const at = text.indexOf(part);
  return at < 0 ? 0 : [...text.slice(0, at)].length + 1;
}

function splitPart(text: string, separator: string, index: bigint): string {
  const parts = separator === "" ? [text] : text.split(separator);
  return (index > 0n ? parts[Number(index) - 1] : parts[parts.length + Number(index)]) ?? "";
}

function capitalize(text: string): string {
  return text.toLowerCase().replace(/[\p{L}\p{N}]+/gu, (word) => {
    const [first = "", ...rest] = word;
    return first.toUpperCase() + rest.join("");
  });
}

/** Left of a text by code points; all but the last ones where negative. */
function takeLeft(text: string, count: bigint): string {
  return [...text].slice(0, Number(count)).join("");
}

function takeRight(text: string, count: bigint): string {
  const characters = [...text];
  return characters.slice(count < 0n ? -Number(count) : Math.max(0, characters.length - Number(count))).join("");
}

/** Every argument as text, NULL as nothing. */
const concat: FunctionSpec = {
  minimum: 1,
  maximum: 64,
  expects: "values",
  resolve: (types) => {
    return { parameters: types.map(() => UTF8), result: UTF8 };
  },
  evaluate: (args, { length, type }) => {
    const parts = args.map((vector) => ({ nulls: vector.nulls, read: createReader(vector, type) }));
    return buildVector(type, length, (row) => {
      return parts.map(({ nulls, read }) => (nulls !== null && hasBit(nulls, row) ? "" : String(read(row)))).join("");
    });
  },
};

/** `a || b`: one of them text, the other in its text form. */
const join: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "two texts",
  resolve: (types) => {
    const texts = types.filter((type) => type.kind === "utf8" || type.kind === "null");
    if (texts.length === 0 || types.some((type) => !JOINED.has(type.kind))) return undefined;
    const result = texts.find((type) => type.kind === "utf8" && type.large) ?? UTF8;
    return { parameters: [result, result], result };
  },
  evaluate: mapRows(() => (a, b) => (a as string) + (b as string)),
};

const JOINED = new Set<string>(["utf8", "int", "float", "null"] satisfies ValueType["kind"][]);

const trimBoth = trimmer(true, true);
const substring = compute("tii", 1, UTF8, cutText);
const position = compute("tt", 0, INT32, locate);
const characterLength = measure("characters");

/** Functions of texts. */
export const TEXT_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  lower: change((text) => text.toLowerCase()),
  upper: change((text) => text.toUpperCase()),
  reverse: change((text) => [...text].reverse().join("")),
  initcap: change(capitalize),
  length: characterLength,
  char_length: characterLength,
  character_length: characterLength,
  octet_length: measure("bytes"),
  bit_length: measure("bits"),
  starts_with: match("starts_with"),
  ends_with: match("ends_with"),
  contains: match("contains"),
  btrim: trimBoth,
  trim: trimBoth,
  ltrim: trimmer(true, false),
  rtrim: trimmer(false, true),
  substr: substring,
  substring,
  left: compute("ti", 0, UTF8, takeLeft),
  right: compute("ti", 0, UTF8, takeRight),
  replace: compute("ttt", 0, "same", (text: string, from: string, to: string) =>
    from === "" ? text : text.replaceAll(from, () => to),
  ),
  repeat: compute("ti", 0, "same", repeatText),
  lpad: compute("tit", 1, "same", (text: string, length: bigint, fill = " ") => padText(text, length, fill, true)),
  rpad: compute("tit", 1, "same", (text: string, length: bigint, fill = " ") => padText(text, length, fill, false)),
  strpos: position,
  instr: position,
  position,
  split_part: compute("tti", 0, "same", splitPart),
  ascii: compute("t", 0, INT32, (text: string) => text.codePointAt(0) ?? 0),
  concat,
  "||": join,
};
