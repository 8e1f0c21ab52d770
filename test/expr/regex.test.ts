import { expect, test } from "vitest";
import { compilePattern } from "../../src/expr/functions/regexp.ts";
import { createAutomaton } from "../../src/expr/regex/automaton.ts";
import { countSteps } from "../../src/expr/regex/cost.ts";
import { runProgram } from "../../src/expr/regex/machine.ts";
import { compileProgram } from "../../src/expr/regex/program.ts";
import { parseRegex } from "../../src/expr/regex/syntax.ts";
import fc from "../support/fast-check.ts";
import { MOST_GROWTH, measureGrowth } from "../support/measure-work.ts";

const atom = fc.constantFrom(
  "a",
  "b",
  "é",
  "😀",
  ".",
  "[ab]",
  "[^a]",
  "\\d",
  "\\w",
  "\\p{L}",
  "\\.",
  "\\u{61}",
  "\\n",
  "K",
);
const assertion = fc.constantFrom("^", "$", "\\b", "\\B");
const quantifier = fc.constantFrom("*", "+", "?", "{2}", "{1,}", "{0,2}", "{1,3}", "*?", "+?", "??", "{0,2}?");
const { pattern } = fc.letrec<{ pattern: string; term: string }>((tie) => ({
  pattern: fc
    .array(fc.array(tie("term"), { maxLength: 4 }), { minLength: 1, maxLength: 3 })
    .map((options) => options.map((terms) => terms.join("")).join("|")),
  term: fc.oneof(
    { weight: 4, arbitrary: atom },
    { weight: 1, arbitrary: assertion },
    { weight: 3, arbitrary: fc.tuple(atom, quantifier).map((parts) => parts.join("")) },
    { weight: 1, arbitrary: tie("pattern").map((inner) => `(${inner})`) },
    { weight: 1, arbitrary: fc.tuple(tie("pattern"), quantifier).map(([inner, sign]) => `(${inner})${sign}`) },
    { weight: 1, arbitrary: fc.tuple(tie("pattern"), quantifier).map(([inner, sign]) => `(?:${inner})${sign}`) },
    { weight: 1, arbitrary: tie("pattern").map((inner) => `(?<name${Math.abs(hash(inner))}>${inner})`) },
  ),
}));
const text = fc.string({ unit: fc.constantFrom("a", "b", "é", "😀", "1", ".", "\n", "_", "k", "K"), maxLength: 9 });
const flags = fc.constantFrom("u", "iu", "su", "mu", "imsu");

function hash(value: string): number {
  return [...value].reduce((sum, each) => (Math.imul(sum, 31) + each.charCodeAt(0)) | 0, 7);
}

function toRegExp(source: string, wanted: string): RegExp | null {
  try {
    return new RegExp(source, wanted);
  } catch {
    // Two groups of one name.
    return null;
  }
}

test("the machine finds what the host finds: where, and which groups", () => {
  let compared = 0;
  fc.assert(
    fc.property(pattern, flags, fc.array(text, { minLength: 3, maxLength: 6 }), (source, wanted, texts) => {
      const expression = toRegExp(source, wanted);
      if (expression === null) return;
      const syntax = parseRegex(expression.source, wanted.replace("u", ""))!;
      expect(syntax).not.toBeNull();
      const program = compileProgram(syntax)!;
      const automaton = createAutomaton(program);
      for (const each of texts) {
        // The host knows words of ASCII alone.
        if (/\\[bB]/.test(source) && /[^ -~\n]/.test(each)) continue;
        const slots = runProgram(program, each, 0);
        const expected = expression.exec(each);
        expect(slots !== null).toBe(expected !== null);
        if (automaton !== null) expect(automaton(each)).toBe(expected !== null);
        // Repeated groups, and repeats of what may be empty, are defined otherwise by Rust.
        if (slots === null || countSteps(syntax.root, each.length) === Number.POSITIVE_INFINITY) continue;
        compared++;
        const spans = Array.from(expected!, (_, i) =>
          slots[2 * i + 1]! < 0 ? undefined : each.slice(slots[2 * i]!, slots[2 * i + 1]!),
        );
        expect([slots[0], ...spans]).toEqual([expected!.index, ...expected!]);
      }
    }),
    { numRuns: 3000 },
  );
  expect(compared).toBeGreaterThan(2000);
});

const HOSTILE = [
  ["(a+)+$", "a", false],
  ["^(a|a)*$", "a", false],
  ["(a|aa)+$", "a", false],
  ["([a-z]+)*\\d", "a", false],
  ["^(([a-z])+.)+[A-Z]([a-z])+$", "a", false],
  ["a*a*a*a*a*a*b", "a", false],
  [".*.*.*.*=.*;", "=", false],
  ["(?:a?){30}a{30}!", "a", false],
  ["x*y", "x", false],
  ["(\\w+\\s?)+$", "a", false],
  ["(x+x+)+y", "x", false],
  ["\\b(a+)+\\b!", "a", false],
  ["(a*)*b", "a", false],
  ["(a+)+", "a", true],
] as const;

for (const [source, unit, isMatch] of HOSTILE) {
  test(`${source} on a long text takes time in proportion`, () => {
    const compiled = compilePattern(source);
    const run = (length: number): void => {
      const long = `${unit.repeat(length)}${isMatch ? "" : "\u0001"}`;
      expect(compiled.test(long)).toBe(isMatch);
      expect(compiled.find(long, 0) !== null).toBe(isMatch);
    };
    expect(measureGrowth(run, 2_500)).toBeLessThan(MOST_GROWTH);
  });
}

test("groups are Rust's: a group that is repeated keeps what it took last, an empty turn counts", () => {
  const groupsOf = (source: string, given: string) => compilePattern(source).find(given, 0)?.groups;
  expect(groupsOf("(?:(a)|b)*", "ab")).toEqual(["a"]);
  expect(groupsOf("(a*)?", "b")).toEqual([""]);
  expect(groupsOf("(a*)+", "b")).toEqual([""]);
  expect(groupsOf("(a|ab)(c|bcd)(d*)", "abcd")).toEqual(["a", "bcd", ""]);
});

test("classes and word boundaries are Unicode's, as Rust's", () => {
  const matches = (source: string, given: string) => compilePattern(source).test(given);
  for (const [source, given] of [
    ["^\\w+$", "éß1_٣"],
    ["^[\\w-]+$", "é-b"],
    ["^\\d$", "٣"],
    ["^\\s$", "\u00a0"],
    ["^\\W$", "-"],
    ["^[^\\d\\s]$", "x"],
    ["\\bé\\b", "a é b"],
    ["\\Aa\\z", "a"],
    ["^\\\\A$", "\\A"],
    ["𐐀\\b", "𐐀 "],
  ] as const) {
    expect([source, matches(source, given)]).toEqual([source, true]);
  }
  expect(matches("\\bé", "aé")).toBe(false);
  expect(matches("\\W", "é")).toBe(false);
  expect(matches("[^\\d\\s]", "٣\u00a0")).toBe(false);
});

test("patterns too large are refused before anything is allocated for them", () => {
  const patterns = [
    "a{5000}",
    "((a{100}){100}){100}",
    "(?:(?:(?:){4096}){4096}){4096}",
    `${"(".repeat(300)}a${")".repeat(300)}`,
  ];
  for (const source of patterns) expect(() => compilePattern(source)).toThrow(/at most 4,096 steps/);
  expect(() => compilePattern("(?<n>a)\\k<n>")).toThrow(/no back references/);
});
