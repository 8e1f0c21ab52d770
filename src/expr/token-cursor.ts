import type { LanceError } from "../errors.ts";
import { filterError, type Token, tokenize } from "./tokenize.ts";

/** Walks the tokens of one filter. */
export class TokenCursor {
  readonly #sql: string;
  readonly #tokens: readonly Token[];
  #index = 0;

  constructor(sql: string) {
    this.#sql = sql;
    this.#tokens = tokenize(sql);
  }

  /** The token `ahead` places on, without taking it; the end token beyond the end. */
  peek(ahead = 0): Token {
    return this.#tokens[Math.min(this.#index + ahead, this.#tokens.length - 1)]!;
  }

  take(): Token {
    const token = this.peek();
    if (token.kind !== "end") this.#index++;
    return token;
  }

  /** Puts the last token back. */
  back(): void {
    if (this.#index > 0) this.#index--;
  }

  takeSymbol(text: string): boolean {
    const token = this.peek();
    if (token.kind !== "symbol" || token.text !== text) return false;
    this.#index++;
    return true;
  }

  takeWord(upper: string): boolean {
    const token = this.peek();
    if (token.kind !== "word" || token.upper !== upper) return false;
    this.#index++;
    return true;
  }

  /** @throws INVALID_ARGUMENT when another token stands here */
  expectSymbol(text: string): void {
    if (!this.takeSymbol(text)) throw this.error(`'${text}'`);
  }

  /** @throws INVALID_ARGUMENT when another token stands here */
  expectWord(upper: string): void {
    if (!this.takeWord(upper)) throw this.error(upper);
  }

  /** An error at the current token. */
  error(expected: string): LanceError {
    const token = this.peek();
    const received = token.kind === "end" ? "the end of the filter" : JSON.stringify(token.text);
    return filterError(this.#sql, token.position, expected, received);
  }
}
