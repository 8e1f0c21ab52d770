import type { Program } from "./program.ts";

/** A set of places in a program, and where code points lead from it. */
interface State {
  /** Instructions that wait: for a code point, or for the end of the text. */
  readonly waiting: readonly number[];
  readonly isMatch: boolean;
  readonly isMatchAtEnd: boolean;
  readonly ascii: (State | undefined)[];
  readonly others: Map<number, State>;
}

/** States kept; beyond, all are made anew as they are met. */
const MAX_STATES = 512;

/**
 * Whether a text holds a match, for a program without word boundaries and line ends: its sets of places are states,
 * made as they are met, so that a code point costs one look-up.
 *
 * @returns `null` where the program needs more
 */
export function createAutomaton({ instructions }: Program): ((text: string) => boolean) | null {
  const isKnown = instructions.every(
    (each) => each.kind !== "assert" || ((each.at === "start" || each.at === "end") && !each.multiline),
  );
  if (!isKnown) return null;
  let states = new Map<string, State>();

  const follow = (
    from: Iterable<number>,
    isStart: boolean,
    isEnd: boolean,
  ): { waiting: number[]; isMatch: boolean } => {
    const seen = new Set<number>();
    const stack = [...from];
    const waiting: number[] = [];
    let isMatch = false;
    for (let pc = stack.pop(); pc !== undefined; pc = stack.pop()) {
      if (seen.has(pc)) continue;
      seen.add(pc);
      const each = instructions[pc]!;
      if (each.kind === "jump") stack.push(each.to);
      else if (each.kind === "split") stack.push(each.first, each.second);
      else if (each.kind === "save") stack.push(pc + 1);
      else if (each.kind === "match") isMatch = true;
      else if (each.kind === "atom") waiting.push(pc);
      else if (each.at === "start" ? isStart : isEnd) stack.push(pc + 1);
      else if (each.at === "end") waiting.push(pc);
    }
    return { waiting: waiting.sort((a, b) => a - b), isMatch };
  };
  const makeState = (from: Iterable<number>, isStart: boolean): State => {
    const { waiting, isMatch } = follow(from, isStart, false);
    const key = `${isMatch} ${isStart} ${waiting.join(" ")}`;
    const known = states.get(key);
    if (known !== undefined) return known;
    const isMatchAtEnd = isMatch || follow(waiting, isStart, true).isMatch;
    const state: State = { waiting, isMatch, isMatchAtEnd, ascii: new Array(128), others: new Map() };
    // What was left behind is let go: states point at each other.
    if (states.size >= MAX_STATES) {
      states = new Map();
      start = undefined;
    }
    states.set(key, state);
    return state;
  };
  const advance = (state: State, codePoint: number): State => {
    const from = [0];
    for (const pc of state.waiting) {
      const each = instructions[pc]!;
      if (each.kind === "atom" && each.test(codePoint)) from.push(pc + 1);
    }
    return makeState(from, false);
  };
  let start: State | undefined;
  return (text) => {
    start ??= makeState([0], true);
    let state = start;
    for (let at = 0; at < text.length && !state.isMatch; at++) {
      const codePoint = text.codePointAt(at)!;
      if (codePoint > 0xffff) at++;
      let next = codePoint < 128 ? state.ascii[codePoint] : state.others.get(codePoint);
      if (next === undefined) {
        const before = states;
        next = advance(state, codePoint);
        if (before === states) {
          if (codePoint < 128) state.ascii[codePoint] = next;
          else if (state.others.size < 1024) state.others.set(codePoint, next);
        }
      }
      state = next;
    }
    return state.isMatch || state.isMatchAtEnd;
  };
}
