import { createAutomaton } from "./automaton.ts";
import { countSteps } from "./cost.ts";
import { runProgram } from "./machine.ts";
import { compileProgram } from "./program.ts";
import { parseRegex, type RegexNode } from "./syntax.ts";

/** A match, and its groups; `undefined` for one that took no part. */
export interface PatternMatch {
  readonly start: number;
  readonly end: number;
  readonly groups: readonly (string | undefined)[];
}

/** A regular expression whose time is the text's length times its own, however it is written. */
export interface Pattern {
  test(text: string): boolean;
  /** The first match at or after a position. */
  find(text: string, from: number): PatternMatch | null;
}

/** Steps at each place of a text that the host's engine may take: its time is then as good as linear. */
const MAX_STEPS_EACH = 1000;
/** … or in all, for a short text: some tens of microseconds. */
const MAX_STEPS = 20_000;

/**
 * Chooses between the host's engine, which is fast and goes back, and a machine that never goes back: by what the
 * pattern can cost at worst on a text of that length.
 *
 * @param expression with the flag `u`, without look-around and back references
 * @returns `null` for a pattern that is too large or not understood
 */
export function createPattern(expression: RegExp): Pattern | null {
  const syntax = parseRegex(expression.source, expression.flags.replace(/[^ims]/g, ""));
  if (syntax === null) return null;
  const program = compileProgram(syntax);
  if (program === null) return null;
  const nativeLength = findNativeLength(syntax.root);
  const isNative = (text: string): boolean => text.length <= nativeLength;
  const native = new RegExp(expression.source, `${expression.flags.replace(/[gy]/g, "")}g`);
  let automaton: ((text: string) => boolean) | null | undefined;
  const test = (text: string): boolean => {
    if (isNative(text)) {
      native.lastIndex = 0;
      return native.test(text);
    }
    if (automaton === undefined) automaton = createAutomaton(program);
    return automaton === null ? runProgram(program, text, 0) !== null : automaton(text);
  };
  return {
    test,
    find(text, from) {
      if (isNative(text)) {
        native.lastIndex = from;
        const match = native.exec(text);
        return match && { start: match.index, end: native.lastIndex, groups: match.slice(1) };
      }
      if (from === 0 && !test(text)) return null;
      const slots = runProgram(program, text, from);
      if (slots === null) return null;
      const groups: (string | undefined)[] = [];
      for (let slot = 2; slot < slots.length; slot += 2) {
        groups.push(slots[slot + 1]! < 0 ? undefined : text.slice(slots[slot]!, slots[slot + 1]!));
      }
      return { start: slots[0]!, end: slots[1]!, groups };
    },
  };
}

/** The longest text the host's engine is asked about; −1 = none. */
function findNativeLength(root: RegexNode): number {
  if (countSteps(root, Number.MAX_SAFE_INTEGER) <= MAX_STEPS_EACH) return Number.POSITIVE_INFINITY;
  let longest = -1;
  for (let length = 0; length <= MAX_STEPS && length * countSteps(root, length) <= MAX_STEPS; length++) {
    longest = length;
  }
  return longest;
}
