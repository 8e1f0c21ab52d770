import { LanceError } from "../../errors.ts";
import type { BoundExpression, Value } from "../bound.ts";
import { createPattern, type Pattern } from "../regex/pattern.ts";
import { WORD_CLASS } from "../regex/program.ts";
import { BOOLEAN, type ValueType } from "../value-type.ts";
import { asText, type FunctionSpec, mapRows, type Signature } from "./spec.ts";

/**
 * A pattern of Rust's regex crate as one of JavaScript's. Flags at its start are kept; look-around and back references,
 * which Rust refuses too, are refused. Time is the text's length times the pattern's, as Rust's.
 *
 * @throws INVALID_ARGUMENT when it is no pattern
 */
export function compilePattern(pattern: string, flags = ""): Pattern {
  const leading = /^\(\?([imsxU]+)\)/.exec(pattern);
  const source = translateEscapes(leading === null ? pattern : pattern.slice(leading[0].length)).replaceAll(
    "(?P<",
    "(?<",
  );
  const wanted = new Set(["u", ...(leading?.[1] ?? ""), ...flags]);
  const unknown = [...wanted].find((flag) => !"uimsg".includes(flag));
  if (unknown !== undefined || /\(\?<?[=!]|\\[1-9k]/.test(source)) {
    throw patternError(
      pattern,
      unknown === undefined ? "no look-around and no back references" : `the flags i, m, s; not ${unknown}`,
    );
  }
  wanted.delete("g");
  let expression: RegExp;
  try {
    expression = new RegExp(source, [...wanted].join(""));
  } catch (error) {
    throw patternError(pattern, `a regular expression (${error instanceof Error ? error.message : String(error)})`);
  }
  const compiled = createPattern(expression);
  if (compiled === null)
    throw patternError(pattern, "at most 4,096 steps, its repeats written out, and 200 groups inside of each other");
  return compiled;
}

/** Rust's classes are Unicode's. Inside of brackets as they are outside, but for `\\W`, which has no such form. */
const CLASSES: Readonly<Record<string, string>> = {
  d: "\\p{Nd}",
  D: "\\P{Nd}",
  s: "\\p{White_Space}",
  S: "\\P{White_Space}",
  w: WORD_CLASS,
};

function translateEscapes(pattern: string): string {
  let depth = 0;
  return pattern.replace(/\\(.)|[[\]]/gsu, (whole, escaped: string | undefined) => {
    if (escaped === undefined) {
      depth = whole === "[" ? 1 : 0;
      return whole;
    }
    if (depth === 0 && (escaped === "w" || escaped === "W")) return `[${escaped === "W" ? "^" : ""}${WORD_CLASS}]`;
    if (depth === 0 && escaped === "A") return "^";
    if (depth === 0 && escaped === "z") return "$";
    return CLASSES[escaped] ?? whole;
  });
}

function patternError(pattern: string, expected: string): LanceError {
  return new LanceError("INVALID_ARGUMENT", `expression: pattern ${JSON.stringify(pattern)}: expected ${expected}`, {
    expected,
    received: pattern,
  });
}

/** Compiles each pattern once; most columns have one alone. */
function createPatternCache(): (pattern: Value, flags: Value | undefined) => Pattern {
  const known = new Map<string, Pattern>();
  return (pattern, flags) => {
    const key = `${String(flags ?? "")} ${String(pattern)}`;
    let compiled = known.get(key);
    if (compiled === undefined) {
      if (known.size >= 256) known.clear();
      compiled = compilePattern(pattern as string, flags as string | undefined);
      known.set(key, compiled);
    }
    return compiled;
  };
}

function resolve(
  types: readonly ValueType[],
  args: readonly BoundExpression[],
  result: ValueType,
): Signature | undefined {
  const texts = types.map(asText);
  if (!texts.every((type) => type !== undefined)) return undefined;
  // A pattern that is wrong is told before anything is read.
  const [, pattern] = args;
  if (pattern?.kind === "literal" && typeof pattern.value === "string") compilePattern(pattern.value);
  return { parameters: texts, result };
}

const regexpLike: FunctionSpec = {
  minimum: 2,
  maximum: 3,
  expects: "text, a pattern, flags",
  resolve: (types, args) => resolve(types, args, BOOLEAN),
  evaluate: mapRows(() => {
    const compile = createPatternCache();
    return (text, pattern, flags) => compile(pattern!, flags).test(text as string);
  }),
};

/** The groups of the first match that took part in it, or the match where the pattern has none; NULL where it does not match. */
const regexpMatch: FunctionSpec = {
  minimum: 2,
  maximum: 3,
  expects: "text, a pattern, flags",
  resolve: (types, args) => resolve(types, args, { kind: "list", item: asText(types[0]) ?? types[0]!, form: "list" }),
  evaluate: mapRows(() => {
    const compile = createPatternCache();
    return (text, pattern, flags) => {
      const match = compile(pattern!, flags).find(text as string, 0);
      if (match === null) return null;
      if (match.groups.length === 0) return [(text as string).slice(match.start, match.end)];
      return match.groups.filter((group) => group !== undefined);
    };
  }),
};

/** How a replacement names a group: `\1`, `${1}`, `$1`; `$$` is a dollar. */
const GROUP = /\$\$|\\(\d)|\$\{(\d+)\}|\$(\d)/g;

/** The first match replaced; every one with the flag g. `$1` and `\1` name a group. */
const regexpReplace: FunctionSpec = {
  minimum: 3,
  maximum: 4,
  expects: "text, a pattern, a replacement, flags",
  resolve: (types, args) => resolve(types, args, asText(types[0]) ?? types[0]!),
  evaluate: mapRows(() => {
    const compile = createPatternCache();
    return (text, pattern, replacement, flags) => {
      const given = String(flags ?? "");
      const compiled = compile(pattern!, given.replaceAll("g", ""));
      return replaceMatches(compiled, text as string, replacement as string, given.includes("g"));
    };
  }),
};

function replaceMatches(pattern: Pattern, text: string, replacement: string, all: boolean): string {
  let result = "";
  let done = 0;
  let lastEnd = -1;
  for (let from = 0; from <= text.length; ) {
    const match = pattern.find(text, from);
    if (match === null) break;
    // After an empty match, on by one code point; right behind another, an empty one does not count.
    const step = match.end > match.start ? 0 : text.codePointAt(match.end)! > 0xffff ? 2 : 1;
    from = match.end + step;
    if (step > 0 && match.end === lastEnd) continue;
    lastEnd = match.end;
    const expanded = replacement.replace(GROUP, (_, ...names: (string | undefined)[]) => {
      const name = names.slice(0, 3).find((each) => each !== undefined);
      if (name === undefined) return "$";
      const group = Number(name);
      return group === 0 ? text.slice(match.start, match.end) : (match.groups[group - 1] ?? "");
    });
    result += text.slice(done, match.start) + expanded;
    done = match.end;
    if (!all) break;
  }
  return result + text.slice(done);
}

/** Functions of regular expressions. */
export const REGEXP_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  regexp_like: regexpLike,
  regexp_match: regexpMatch,
  regexp_replace: regexpReplace,
};
