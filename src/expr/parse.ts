import type { Expression } from "./ast.ts";
import { MAX_FILTER_DEPTH, NodeHeights, tooDeep } from "./node-heights.ts";
import { parseInfix } from "./parse-infix.ts";
import { parsePrefix } from "./parse-prefix.ts";
import type { Parser } from "./parser.ts";
import { TokenCursor } from "./token-cursor.ts";

/**
 * Parses a filter in the SQL subset native Lance takes. Names and types are checked by `bindExpression`.
 *
 * @throws INVALID_ARGUMENT with the position, what was expected and what stood there; also when nested deeper than
 * {@link MAX_FILTER_DEPTH}
 * @example
 * parseFilter("size > 10 AND name LIKE 'lib%'")
 */
export function parseFilter(sql: string): Expression {
  const parser = createParser(new TokenCursor(sql));
  const expression = parser.parse(0);
  if (parser.cursor.peek().kind !== "end") throw parser.cursor.error("an operator or the end of the filter");
  return expression;
}

/**
 * Parses an expression of any type: a value of an update, a column of a scan.
 *
 * @throws as {@link parseFilter}
 * @example
 * parseExpression("price * quantity")
 */
export function parseExpression(sql: string): Expression {
  return parseFilter(sql);
}

/** Pratt's way: what starts an expression, then as many operators as bind more strongly than asked. */
function createParser(cursor: TokenCursor): Parser {
  const heights = new NodeHeights();
  let nesting = 0;
  const parser: Parser = {
    cursor,
    parse(minimum) {
      if (++nesting > MAX_FILTER_DEPTH) throw tooDeep(cursor.peek().position);
      let left = parsePrefix(parser);
      for (;;) {
        const next = parseInfix(parser, left, { minimum });
        if (next === null) break;
        left = next;
      }
      nesting--;
      return left;
    },
    parseList(end) {
      const items: Expression[] = [];
      do items.push(parser.parse(0));
      while (cursor.takeSymbol(","));
      cursor.expectSymbol(end);
      return items;
    },
    make(node, children = []) {
      heights.note(node, children, cursor.peek().position);
      return node;
    },
  };
  return parser;
}
