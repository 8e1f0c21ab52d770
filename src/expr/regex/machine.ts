import type { Instruction, Program } from "./program.ts";

/** Starts and ends of the match and of its groups, −1 where a group took no part. */
export type Slots = Int32Array;

interface Threads {
  readonly counters: Int32Array;
  readonly slots: Slots[];
  count: number;
}

/**
 * The first match at or after `from`, the leftmost and of those the preferred one. Time is the text's length times the
 * program's, whatever the pattern: all ways are followed side by side.
 */
export function runProgram({ instructions, numSlots }: Program, text: string, from: number): Slots | null {
  const size = instructions.length;
  let current: Threads = { counters: new Int32Array(size), slots: new Array(size), count: 0 };
  let next: Threads = { counters: new Int32Array(size), slots: new Array(size), count: 0 };
  const seen = new Int32Array(size).fill(-1);
  const stack: { pc: number; slots: Slots }[] = [];
  const add = (threads: Threads, start: number, position: number, slots: Slots): void => {
    stack.push({ pc: start, slots });
    for (let top = stack.pop(); top !== undefined; top = stack.pop()) {
      const { pc } = top;
      if (seen[pc] === position) continue;
      seen[pc] = position;
      const instruction = instructions[pc]!;
      switch (instruction.kind) {
        case "jump":
          stack.push({ pc: instruction.to, slots: top.slots });
          break;
        case "split":
          stack.push({ pc: instruction.second, slots: top.slots }, { pc: instruction.first, slots: top.slots });
          break;
        case "save": {
          const saved = top.slots.slice();
          saved[instruction.slot] = position;
          stack.push({ pc: pc + 1, slots: saved });
          break;
        }
        case "assert":
          if (holdsAt(instruction, text, position)) stack.push({ pc: pc + 1, slots: top.slots });
          break;
        default:
          threads.counters[threads.count] = pc;
          threads.slots[threads.count++] = top.slots;
      }
    }
  };
  let found: Slots | null = null;
  for (let position = from; ; ) {
    if (found === null) {
      const slots = new Int32Array(numSlots).fill(-1);
      slots[0] = position;
      add(current, 0, position, slots);
    }
    if (current.count === 0 && found !== null) return found;
    const codePoint = position < text.length ? text.codePointAt(position)! : -1;
    const after = position + (codePoint > 0xffff ? 2 : 1);
    next.count = 0;
    for (let i = 0; i < current.count; i++) {
      const pc = current.counters[i]!;
      const instruction = instructions[pc]!;
      if (instruction.kind === "match") {
        found = current.slots[i]!.slice();
        found[1] = position;
        // Those behind are of lower preference.
        break;
      }
      if (instruction.kind === "atom" && codePoint >= 0 && instruction.test(codePoint)) {
        add(next, pc + 1, after, current.slots[i]!);
      }
    }
    if (codePoint < 0) return found;
    position = after;
    [current, next] = [next, current];
  }
}

function holdsAt(assert: Extract<Instruction, { kind: "assert" }>, text: string, position: number): boolean {
  const { at, multiline, isWord } = assert;
  const isWordAt = (index: number) => index >= 0 && index < text.length && isWord(text.codePointAt(index)!);
  switch (at) {
    case "start":
      return position === 0 || (multiline && isLineEnd(text, position - 1));
    case "end":
      return position === text.length || (multiline && isLineEnd(text, position));
    default:
      return (isWordAt(startBefore(text, position)) !== isWordAt(position)) === (at === "boundary");
  }
}

/** Where the code point before a position starts; −1 at the start. */
function startBefore(text: string, position: number): number {
  return position > 1 && text.codePointAt(position - 2)! > 0xffff ? position - 2 : position - 1;
}

function isLineEnd(text: string, position: number): boolean {
  return "\n\r\u2028\u2029".includes(text[position]!);
}
