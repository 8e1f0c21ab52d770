const WILDCARD = /[%_]/;

/** Rewrites a pattern with any escape character to one that escapes with a backslash; runs of `%` become one. */
export function normalizePattern(pattern: string, escapeCharacter: string): string {
  let result = "";
  for (const part of splitPattern(pattern, escapeCharacter)) {
    if (part.kind === "many") result += result.endsWith("%") && !endsEscaped(result) ? "" : "%";
    else result += part.kind === "one" ? "_" : escapeLiteral(part.text);
  }
  return result;
}

/** Text as a pattern that matches exactly it. */
export function escapeLiteral(text: string): string {
  return text.replace(/[\\%_]/g, "\\$&");
}

/** Whether a normalised pattern has a wildcard. */
export function hasWildcard(pattern: string): boolean {
  return WILDCARD.test(pattern.replace(/\\./gsu, ""));
}

/** A part of a LIKE pattern: text as it stands, `_` or `%`. */
export type LikePart =
  | { readonly kind: "text"; readonly text: string }
  | { readonly kind: "one" }
  | { readonly kind: "many" };

/** The parts of a pattern. An escaped character stands for itself; an escape at the very end is text. */
export function splitPattern(pattern: string, escapeCharacter = "\\"): LikePart[] {
  const parts: LikePart[] = [];
  const characters = [...pattern];
  let text = "";
  const flush = (): void => {
    if (text !== "") parts.push({ kind: "text", text });
    text = "";
  };
  for (let i = 0; i < characters.length; i++) {
    const character = characters[i]!;
    if (character === escapeCharacter) text += characters[++i] ?? escapeCharacter;
    else if (character === "%" || character === "_") {
      flush();
      parts.push({ kind: character === "%" ? "many" : "one" });
    } else text += character;
  }
  flush();
  return parts;
}

/**
 * The text every match starts with, and whether starting with it is all the pattern asks (`p%`).
 *
 * @returns `null` when the pattern starts with a wildcard
 */
export function readLikePrefix(pattern: string): { readonly prefix: string; readonly isWhole: boolean } | null {
  const parts = splitPattern(pattern);
  const first = parts[0];
  if (first?.kind !== "text") return null;
  return { prefix: first.text, isWhole: parts.length === 2 && parts[1]!.kind === "many" };
}

/** Compiles a pattern to a test on UTF-8 bytes `[start, end)`. `_` takes one code point. */
export function compileLike(pattern: string): (bytes: Uint8Array, start: number, end: number) => boolean {
  const encoder = new TextEncoder();
  const parts = splitPattern(pattern);
  const [first, second, third] = parts;
  if (parts.length === 2 && first!.kind === "text" && second!.kind === "many") {
    const prefix = encoder.encode(first!.text);
    return (bytes, start, end) => end - start >= prefix.length && isAt(bytes, start, prefix);
  }
  if (parts.length === 2 && first!.kind === "many" && second!.kind === "text") {
    const suffix = encoder.encode(second!.text);
    return (bytes, start, end) => end - start >= suffix.length && isAt(bytes, end - suffix.length, suffix);
  }
  if (parts.length === 3 && first!.kind === "many" && second!.kind === "text" && third!.kind === "many") {
    const needle = encoder.encode(second!.text);
    return (bytes, start, end) => findBytes(bytes, start, end, needle) >= 0;
  }
  const steps = parts.map((part) => (part.kind === "text" ? encoder.encode(part.text) : part.kind));
  return (bytes, start, end) => matchSteps(steps, bytes, start, end);
}

/**
 * Case-insensitive LIKE by Unicode's simple case folding. `_` also takes line ends. At most pattern × text steps: the
 * parts between two `%` are found one after another, each as early as it can be.
 */
export function compileInsensitiveLike(pattern: string): (text: string) => boolean {
  const runs: string[] = [""];
  for (const part of splitPattern(pattern)) {
    if (part.kind === "many") runs.push("");
    else runs.push(runs.pop()! + (part.kind === "one" ? "." : part.text.replace(/[\\^$.*+?()[\]{}|/]/g, "\\$&")));
  }
  if (runs.length === 1) {
    const whole = new RegExp(`^${runs[0]}$`, "isu");
    return (text) => whole.test(text);
  }
  const first = new RegExp(`^${runs[0]}`, "isu");
  const last = new RegExp(`${runs.at(-1)}$`, "isuy");
  const between = runs.slice(1, -1).map((run) => new RegExp(run, "isug"));
  const lastLength = countCodePoints(runs.at(-1)!);
  return (text) => {
    const start = first.exec(text);
    if (start === null) return false;
    let position = start[0].length;
    for (const run of between) {
      run.lastIndex = position;
      if (!run.test(text)) return false;
      position = run.lastIndex;
    }
    // As many code points from the end as the last run takes: where it must begin.
    let at = text.length;
    for (let left = lastLength; left > 0; left--) at -= at > 1 && text.codePointAt(at - 2)! > 0xffff ? 2 : 1;
    if (at < position) return false;
    last.lastIndex = at;
    return last.test(text);
  };
}

/** Code points a run of text and `.` matches. */
function countCodePoints(source: string): number {
  return [...source.replace(/\\./gsu, "x")].length;
}

/** First position of `needle` in `[start, end)`, or -1. */
export function findBytes(bytes: Uint8Array, start: number, end: number, needle: Uint8Array): number {
  if (needle.length === 0) return start;
  const first = needle[0]!;
  // Not `indexOf`: it would run past this text to the end of the column.
  for (let at = start; at <= end - needle.length; at++) {
    if (bytes[at] === first && isAt(bytes, at, needle)) return at;
  }
  return -1;
}

/** Whether `needle` stands at `position`; the caller has checked that it fits. */
export function isAt(bytes: Uint8Array, position: number, needle: Uint8Array): boolean {
  for (let i = 0; i < needle.length; i++) if (bytes[position + i] !== needle[i]) return false;
  return true;
}

/** Greedy matching with one point to come back to: the last `%`. At most pattern × text steps. */
function matchSteps(
  steps: readonly (Uint8Array | "one" | "many")[],
  bytes: Uint8Array,
  start: number,
  end: number,
): boolean {
  let position = start;
  let step = 0;
  let retryStep = -1;
  let retryPosition = -1;
  for (;;) {
    const current = steps[step];
    if (current === "many") {
      retryStep = ++step;
      retryPosition = position;
      continue;
    }
    if (current === undefined ? position === end : position <= end) {
      if (current === undefined) return true;
      const next = takeStep(current, bytes, position, end);
      if (next >= 0) {
        position = next;
        step++;
        continue;
      }
    }
    if (retryStep < 0 || retryPosition >= end) return false;
    retryPosition += widthAt(bytes, retryPosition);
    position = retryPosition;
    step = retryStep;
  }
}

function takeStep(step: Uint8Array | "one", bytes: Uint8Array, position: number, end: number): number {
  if (step === "one") return position < end ? Math.min(end, position + widthAt(bytes, position)) : -1;
  return end - position >= step.length && isAt(bytes, position, step) ? position + step.length : -1;
}

/** Bytes of the code point that starts here. */
function widthAt(bytes: Uint8Array, position: number): number {
  const lead = bytes[position]!;
  return lead < 0xc0 ? 1 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : 4;
}

function endsEscaped(pattern: string): boolean {
  const before = /(\\*)%$/.exec(pattern);
  return before !== null && before[1]!.length % 2 === 1;
}
