import { LanceError } from "../../errors.ts";
import type { BoundExpression, Value } from "../bound.ts";
import { BOOLEAN, type ValueType } from "../value-type.ts";
import { asText, type FunctionSpec, mapRows, type Signature } from "./spec.ts";

/**
 * A pattern of Rust's regex crate as one of JavaScript's. Flags at its start are kept; look-around and back references,
 * which Rust refuses too, are refused.
 *
 * @throws INVALID_ARGUMENT when it is no pattern
 */
export function compilePattern(pattern: string, flags = ""): RegExp {
  const leading = /^\(\?([imsxU]+)\)/.exec(pattern);
  const source = (leading === null ? pattern : pattern.slice(leading[0].length))
    .replaceAll("(?P<", "(?<")
    .replace(/\\A/g, "^")
    .replace(/\\z/g, "$");
  const wanted = new Set(["u", ...(leading?.[1] ?? ""), ...flags]);
  const unknown = [...wanted].find((flag) => !"uimsg".includes(flag));
  if (unknown !== undefined || /\(\?<?[=!]|\\[1-9]/.test(source)) {
    throw patternError(
      pattern,
      unknown === undefined ? "no look-around and no back references" : `the flags i, m, s; not ${unknown}`,
    );
  }
  wanted.delete("g");
  try {
    return new RegExp(source, [...wanted].join(""));
  } catch (error) {
    throw patternError(pattern, `a regular expression (${error instanceof Error ? error.message : String(error)})`);
  }
}

function patternError(pattern: string, expected: string): LanceError {
  return new LanceError("INVALID_ARGUMENT", `filter: pattern ${JSON.stringify(pattern)}: expected ${expected}`, {
    expected,
    received: pattern,
  });
}

/** Compiles each pattern once; most columns have one alone. */
function createPatternCache(): (pattern: Value, flags: Value | undefined) => RegExp {
  const known = new Map<string, RegExp>();
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
      const match = compile(pattern!, flags).exec(text as string);
      if (match === null) return null;
      return match.length === 1 ? [match[0]] : match.slice(1).filter((group) => group !== undefined);
    };
  }),
};

/** How a replacement names a group: `\1`, `${1}`, `$1`. */
const GROUP = /\\(\d)|\$\{(\d+)\}|\$(\d)/g;

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
      const expression = compile(pattern!, given.replaceAll("g", ""));
      const replaced = (replacement as string).replace(GROUP, (_, ...names: (string | undefined)[]) => {
        const group = names.find((name) => name !== undefined);
        return group === "0" ? "$&" : `$${group}`;
      });
      return given.includes("g")
        ? (text as string).replaceAll(new RegExp(expression.source, `${expression.flags}g`), replaced)
        : (text as string).replace(expression, replaced);
    };
  }),
};

/** Functions of regular expressions. */
export const REGEXP_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  regexp_like: regexpLike,
  regexp_match: regexpMatch,
  regexp_replace: regexpReplace,
};
