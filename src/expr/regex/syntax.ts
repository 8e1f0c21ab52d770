/** What a pattern is made of. */
export type RegexNode =
  /** One code point that `source` alone matches under `flags`. */
  | { readonly kind: "atom"; readonly source: string; readonly flags: string }
  | { readonly kind: "assert"; readonly at: Assertion; readonly flags: string }
  | { readonly kind: "sequence"; readonly items: readonly RegexNode[] }
  | { readonly kind: "choice"; readonly options: readonly RegexNode[] }
  | {
      readonly kind: "repeat";
      readonly item: RegexNode;
      readonly min: number;
      readonly max: number;
      readonly greedy: boolean;
    }
  | { readonly kind: "capture"; readonly item: RegexNode; readonly index: number };

/** What holds between two characters: at the ends, at the edge of a word, or within or outside of one (`\B`). */
export type Assertion = "start" | "end" | "boundary" | "inside";

/** A pattern as a tree. */
export interface RegexSyntax {
  readonly root: RegexNode;
  readonly numCaptures: number;
}

/**
 * Parses a pattern that the host has taken as one under the flag `u`, without look-around and back references.
 * @param flags of i, m, s
 * @returns `null` for what is not understood
 */
export function parseRegex(source: string, flags: string): RegexSyntax | null {
  const parser = new Parser(source);
  const root = parser.choice(flags);
  return root === null || !parser.isDone ? null : { root, numCaptures: parser.numCaptures };
}

/** Deeper than anyone writes, and far from the end of the stack. */
const MAX_DEPTH = 200;

const GROUP_START = /\((?:\?(?:<[^=!>][^>]*>|([ims]*)(?:-([ims]+))?:))?/y;
const QUANTIFIER = /(?:([*+?])|\{(\d+)(,(\d*))?\})(\??)/y;
const CLASS = /\[(?:\\.|[^\\\]])*\]/suy;
const ESCAPE =
  /\\(?:[pP]\{[^}]*\}|u\{[^}]*\}|u[dD][89abAB][\da-fA-F]{2}\\u[dD][c-fC-F][\da-fA-F]{2}|u[\da-fA-F]{4}|x[\da-fA-F]{2}|c[a-zA-Z]|[^pPuxck1-9bB])/suy;

class Parser {
  readonly #source: string;
  #at = 0;
  #depth = 0;
  numCaptures = 0;

  constructor(source: string) {
    this.#source = source;
  }

  get isDone(): boolean {
    return this.#at === this.#source.length;
  }

  choice(flags: string): RegexNode | null {
    const options: RegexNode[] = [];
    do {
      const option = this.#sequence(flags);
      if (option === null) return null;
      options.push(option);
    } while (this.#skip("|"));
    return options.length === 1 ? options[0]! : { kind: "choice", options };
  }

  #sequence(flags: string): RegexNode | null {
    const items: RegexNode[] = [];
    while (!this.isDone && !"|)".includes(this.#source[this.#at]!)) {
      const term = this.#term(flags);
      const item = term && this.#quantify(term);
      if (item === null) return null;
      items.push(item);
    }
    return { kind: "sequence", items };
  }

  #term(flags: string): RegexNode | null {
    if (this.#skip("^")) return { kind: "assert", at: "start", flags };
    if (this.#skip("$")) return { kind: "assert", at: "end", flags };
    if (this.#skip("\\b")) return { kind: "assert", at: "boundary", flags };
    if (this.#skip("\\B")) return { kind: "assert", at: "inside", flags };
    if (this.#source[this.#at] === "(") return this.#group(flags);
    const atom = this.#match(CLASS) ?? this.#match(ESCAPE);
    if (atom !== null) return { kind: "atom", source: atom[0], flags };
    const character = String.fromCodePoint(this.#source.codePointAt(this.#at)!);
    if ("\\[*+?{".includes(character)) return null;
    this.#at += character.length;
    return { kind: "atom", source: character === "/" ? "\\/" : character, flags };
  }

  #group(flags: string): RegexNode | null {
    const start = this.#match(GROUP_START);
    if (start === null || this.#depth === MAX_DEPTH) return null;
    const isPlain = start[1] !== undefined;
    // A lone "(?" is no group that is known.
    if (start[0] === "(" && this.#source[this.#at] === "?") return null;
    const index = isPlain ? 0 : ++this.numCaptures;
    const inner = new Set([...flags, ...(start[1] ?? "")]);
    for (const flag of start[2] ?? "") inner.delete(flag);
    this.#depth++;
    const item = this.choice([...inner].join(""));
    this.#depth--;
    if (item === null || !this.#skip(")")) return null;
    return isPlain ? item : { kind: "capture", item, index };
  }

  #quantify(item: RegexNode): RegexNode | null {
    const found = this.#match(QUANTIFIER);
    if (found === null) return item;
    const [, sign, low, range, high, lazy] = found;
    const min = sign === undefined ? Number(low) : sign === "+" ? 1 : 0;
    const max = sign === "?" ? 1 : sign !== undefined || high === "" ? Number.POSITIVE_INFINITY : Number(high ?? low);
    if (range === undefined && sign === undefined && max !== min) return null;
    return { kind: "repeat", item, min, max, greedy: lazy === "" };
  }

  #skip(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false;
    this.#at += text.length;
    return true;
  }

  #match(expression: RegExp): RegExpExecArray | null {
    expression.lastIndex = this.#at;
    const found = expression.exec(this.#source);
    if (found !== null) this.#at = expression.lastIndex;
    return found;
  }
}
