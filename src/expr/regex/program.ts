import { canBeEmpty } from "./cost.ts";
import type { Assertion, RegexNode, RegexSyntax } from "./syntax.ts";

/** One step of a pattern's machine (Pike's, as in Cox, "Regular Expression Matching: the Virtual Machine Approach"). */
export type Instruction =
  | { readonly kind: "atom"; readonly test: (codePoint: number) => boolean }
  | {
      readonly kind: "assert";
      readonly at: Assertion;
      readonly multiline: boolean;
      readonly isWord: (codePoint: number) => boolean;
    }
  /** `first` is preferred. */
  | { readonly kind: "split"; first: number; second: number }
  | { readonly kind: "jump"; to: number }
  | { readonly kind: "save"; readonly slot: number }
  | { readonly kind: "match" };

/** A program ends with its only `match`. */
export interface Program {
  readonly instructions: readonly Instruction[];
  /** Two a group, the whole match first. */
  readonly numSlots: number;
}

/** What a word is made of, by Unicode (UTS 18, annex C), as the inside of a class. */
export const WORD_CLASS = "\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}\\p{Join_Control}";

/** Counted repeats are written out: a program stays this small. */
const MAX_INSTRUCTIONS = 4096;
/** Repeats of nothing add no instruction. */
const MAX_WRITES = 32 * MAX_INSTRUCTIONS;

/** @returns `null` when the pattern is too large */
export function compileProgram({ root, numCaptures }: RegexSyntax): Program | null {
  const instructions: Instruction[] = [];
  const atoms = new Map<string, (codePoint: number) => boolean>();
  const emit = <I extends Instruction>(instruction: I): I => {
    instructions.push(instruction);
    return instruction;
  };
  const testOf = (source: string, flags: string): ((codePoint: number) => boolean) => {
    const key = `${flags}/${source}`;
    const test = atoms.get(key) ?? createAtomTest(source, flags);
    atoms.set(key, test);
    return test;
  };
  let written = 0;
  const isFull = () => instructions.length > MAX_INSTRUCTIONS || written > MAX_WRITES;
  const optional = (greedy: boolean, write: () => void): void => {
    const split = emit({ kind: "split", first: 0, second: 0 } as Extract<Instruction, { kind: "split" }>);
    const inside = instructions.length;
    write();
    [split.first, split.second] = greedy ? [inside, instructions.length] : [instructions.length, inside];
  };
  const plus = (item: RegexNode, greedy: boolean): void => {
    const start = instructions.length;
    write(item);
    const next = instructions.length + 1;
    emit({ kind: "split", first: greedy ? start : next, second: greedy ? next : start });
  };
  const repeat = ({ item, min, max, greedy }: Extract<RegexNode, { kind: "repeat" }>): void => {
    for (let i = 0; i < min && !isFull(); i++) {
      if (i === min - 1 && max === Number.POSITIVE_INFINITY) plus(item, greedy);
      else write(item);
    }
    if (max === Number.POSITIVE_INFINITY) {
      // An item that may be empty would else be tried empty before anything that follows it.
      if (min === 0 && canBeEmpty(item)) optional(greedy, () => plus(item, greedy));
      else if (min === 0) {
        const start = instructions.length;
        optional(greedy, () => {
          write(item);
          emit({ kind: "jump", to: start });
        });
      }
      return;
    }
    // Nested, so that none is tried after one was left out.
    const nest = (left: number): void => {
      if (left <= 0 || isFull()) return;
      optional(greedy, () => {
        write(item);
        nest(left - 1);
      });
    };
    nest(Math.min(max - min, MAX_INSTRUCTIONS));
  };
  const write = (node: RegexNode): void => {
    written++;
    if (isFull()) return;
    switch (node.kind) {
      case "atom":
        emit({ kind: "atom", test: testOf(node.source, node.flags) });
        return;
      case "assert":
        emit({
          kind: "assert",
          at: node.at,
          multiline: node.flags.includes("m"),
          isWord: testOf(`[${WORD_CLASS}]`, ""),
        });
        return;
      case "sequence":
        for (const item of node.items) write(item);
        return;
      case "capture":
        emit({ kind: "save", slot: 2 * node.index });
        write(node.item);
        emit({ kind: "save", slot: 2 * node.index + 1 });
        return;
      case "repeat":
        repeat(node);
        return;
      case "choice": {
        const jumps: Extract<Instruction, { kind: "jump" }>[] = [];
        for (const [i, option] of node.options.entries()) {
          if (i === node.options.length - 1) {
            write(option);
            continue;
          }
          optional(true, () => {
            write(option);
            jumps.push(emit({ kind: "jump", to: 0 } as Extract<Instruction, { kind: "jump" }>));
          });
        }
        for (const jump of jumps) jump.to = instructions.length;
      }
    }
  };
  write(root);
  emit({ kind: "match" });
  return isFull() ? null : { instructions, numSlots: 2 * numCaptures + 2 };
}

/** Whether one code point is matched: the host is asked once for each. */
function createAtomTest(source: string, flags: string): (codePoint: number) => boolean {
  const expression = new RegExp(`^${source}$`, `${flags.replace("m", "")}u`);
  const ascii = new Uint8Array(128);
  const known = new Map<number, boolean>();
  return (codePoint) => {
    if (codePoint < 128) {
      if (ascii[codePoint] === 0) ascii[codePoint] = expression.test(String.fromCharCode(codePoint)) ? 2 : 1;
      return ascii[codePoint] === 2;
    }
    let isMatch = known.get(codePoint);
    if (isMatch === undefined) {
      isMatch = expression.test(String.fromCodePoint(codePoint));
      if (known.size < 65_536) known.set(codePoint, isMatch);
    }
    return isMatch;
  };
}
