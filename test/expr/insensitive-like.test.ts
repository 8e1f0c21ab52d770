import { expect, test } from "vitest";
import { compileInsensitiveLike, type LikePart, normalizePattern, splitPattern } from "../../src/expr/like.ts";
import fc from "../support/fast-check.ts";
import { MOST_GROWTH, measureGrowth } from "../support/measure-work.ts";

const CHARACTERS = ["a", "A", "k", "\u212a", "é", "É", "ß", "😀", "𐐀", "𐐨", "\n", ".", "*", "%", "_", "\\"];

/** By the definition, in any time. */
function isLike(text: string, pattern: string): boolean {
  const parts = splitPattern(pattern).flatMap((part): LikePart[] =>
    part.kind === "text" ? [...part.text].map((text) => ({ kind: "text", text })) : [part],
  );
  const characters = [...text];
  const matches = (at: number, part: number): boolean => {
    const current = parts[part];
    if (current === undefined) return at === characters.length;
    if (current.kind === "many") return matches(at, part + 1) || (at < characters.length && matches(at + 1, part));
    if (at === characters.length) return false;
    const isSame =
      current.kind === "one" ||
      new RegExp(`^[\\${current.text}]$`.replace(/\\([^\\^\]-])/, "$1"), "iu").test(characters[at]!);
    return isSame && matches(at + 1, part + 1);
  };
  return matches(0, 0);
}

test("ILIKE is what it is defined as, for any text and pattern", () => {
  const pattern = fc.string({ unit: fc.constantFrom(...CHARACTERS, "%", "%", "_", "a", "k"), maxLength: 7 });
  const text = fc.string({ unit: fc.constantFrom(...CHARACTERS), maxLength: 8 });
  fc.assert(
    fc.property(pattern, fc.array(text, { minLength: 2, maxLength: 6 }), (given, texts) => {
      for (const each of [given, normalizePattern(given, "\\")]) {
        const isMatch = compileInsensitiveLike(each);
        for (const value of texts) expect(isMatch(value)).toBe(isLike(value, each));
      }
    }),
    { numRuns: 2000 },
  );
});

test("many wildcards on a long text take time in proportion", () => {
  const isMatch = compileInsensitiveLike("%a%a%a%a%a%a%a%a%b");
  const run = (length: number): void => {
    expect(isMatch("a".repeat(length))).toBe(false);
    expect(isMatch(`${"a".repeat(length)}B`)).toBe(true);
  };
  expect(measureGrowth(run, 200_000)).toBeLessThan(MOST_GROWTH);
});
