import type { Expression } from "./ast.ts";
import type { TokenCursor } from "./token-cursor.ts";

/** What the parts of the parser share. */
export interface Parser {
  readonly cursor: TokenCursor;
  /** An expression as long as its operators bind more strongly than `minimum`. @throws INVALID_ARGUMENT */
  parse(minimum: number): Expression;
  /** One expression or more with commas between, up to and with the symbol that ends them. @throws INVALID_ARGUMENT */
  parseList(end: string): Expression[];
  /** The node itself, once it is known not to stand too high above its children. @throws INVALID_ARGUMENT */
  make(node: Expression, children?: readonly Expression[]): Expression;
}

/** A field's name behind a dot. @throws INVALID_ARGUMENT */
export function readFieldName(cursor: TokenCursor): string {
  const part = cursor.peek();
  if (part.kind !== "word" && part.kind !== "quotedName") throw cursor.error("a field name after '.'");
  return cursor.take().text;
}
