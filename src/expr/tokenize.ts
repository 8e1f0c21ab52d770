import { LanceError } from "../errors.ts";

/** A piece of a filter's text. `position` is the offset of its first UTF-16 unit. */
export type Token =
  | { readonly kind: "word"; readonly text: string; readonly upper: string; readonly position: number }
  | { readonly kind: "quotedName"; readonly text: string; readonly position: number }
  | { readonly kind: "string"; readonly text: string; readonly position: number }
  | { readonly kind: "number"; readonly text: string; readonly position: number }
  | { readonly kind: "symbol"; readonly text: string; readonly position: number }
  | { readonly kind: "end"; readonly text: ""; readonly position: number };

const SPACE = /\s+/y;
const LINE_COMMENT = /--[^\n]*/y;
const WORD = /[\p{L}_][\p{L}\p{M}\p{N}_$@#]*/uy;
const NUMBER = /(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?/y;
const SYMBOL = /==|!=|<>|<=|>=|::|\|\||<<|>>|[=<>+\-*/%(),.[\]]/y;

/**
 * Splits a filter into tokens, ending with one of kind `end`. As in native Lance, `'…'` and `"…"` are text (a doubled
 * quote stands for itself) and `` `…` `` is a column name taken literally.
 *
 * @throws INVALID_ARGUMENT at the first character that starts no token, or an unclosed quote or comment
 */
export function tokenize(text: string): Token[] {
  const tokens: Token[] = [];
  let position = 0;
  const match = (pattern: RegExp): string | null => {
    pattern.lastIndex = position;
    return pattern.exec(text)?.[0] ?? null;
  };
  while (position < text.length) {
    const skipped = match(SPACE) ?? match(LINE_COMMENT);
    if (skipped !== null) {
      position += skipped.length;
      continue;
    }
    if (text.startsWith("/*", position)) {
      const end = text.indexOf("*/", position + 2);
      if (end < 0) throw filterError(text, position, "a closing */ of the comment", "the end of the filter");
      position = end + 2;
      continue;
    }
    const quote = text[position]!;
    if (quote === "'" || quote === '"' || quote === "`") {
      const { value, end } = readQuoted(text, position, quote);
      tokens.push({ kind: quote === "`" ? "quotedName" : "string", text: value, position });
      position = end;
      continue;
    }
    const word = match(WORD);
    if (word !== null) {
      tokens.push({ kind: "word", text: word, upper: word.toUpperCase(), position });
      position += word.length;
      continue;
    }
    const number = match(NUMBER);
    if (number !== null) {
      tokens.push({ kind: "number", text: number, position });
      position += number.length;
      continue;
    }
    const symbol = match(SYMBOL);
    if (symbol === null) {
      const received = JSON.stringify(String.fromCodePoint(text.codePointAt(position)!));
      throw filterError(text, position, "a name, a literal or an operator", received);
    }
    tokens.push({ kind: "symbol", text: symbol, position });
    position += symbol.length;
  }
  tokens.push({ kind: "end", text: "", position });
  return tokens;
}

function readQuoted(text: string, start: number, quote: string): { value: string; end: number } {
  let from = start + 1;
  let value = "";
  for (;;) {
    const close = text.indexOf(quote, from);
    if (close < 0) throw filterError(text, start, `a closing ${quote}`, "the end of the filter");
    value += text.slice(from, close);
    if (text[close + 1] !== quote) return { value, end: close + 1 };
    value += quote;
    from = close + 2;
  }
}

/** The error of every syntax problem: says where, what was expected and what stood there. */
export function filterError(filter: string, position: number, expected: string, received: string): LanceError {
  const shown = filter.length > 200 ? `…${filter.slice(Math.max(0, position - 80), position + 80)}…` : filter;
  return new LanceError(
    "INVALID_ARGUMENT",
    `filter is not valid at position ${position}: expected ${expected}, received ${received}, in: ${shown}`,
    { position, expected, received },
  );
}
