import { LanceError } from "../errors.ts";
import type { ArithmeticOperator, ComparisonOperator, Expression } from "./ast.ts";
import { readTypeName } from "./parse-type.ts";
import { TokenCursor } from "./token-cursor.ts";
import { filterError } from "./tokenize.ts";

/** Levels of nesting a filter may have; deeper ones would exhaust the stack of a small worker. */
export const MAX_FILTER_DEPTH = 200;

/** Binding strengths, as sqlparser's generic dialect has them. */
const PRECEDENCE = {
  or: 5,
  and: 10,
  not: 15,
  shift: 16,
  is: 17,
  like: 19,
  compare: 20,
  sum: 30,
  product: 40,
  cast: 50,
} as const;

const COMPARISONS: Readonly<Record<string, ComparisonOperator>> = {
  "=": "=",
  "==": "=",
  "!=": "!=",
  "<>": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};

/** Strengths of the operators that compute: shifts weaker than comparisons, as there. */
const OPERATORS: Readonly<Record<string, number>> = {
  "+": PRECEDENCE.sum,
  "-": PRECEDENCE.sum,
  "<<": PRECEDENCE.shift,
  ">>": PRECEDENCE.shift,
  "*": PRECEDENCE.product,
  "/": PRECEDENCE.product,
  "%": PRECEDENCE.product,
  "||": PRECEDENCE.product,
};

const RESERVED = new Set([
  "AND",
  "OR",
  "IN",
  "IS",
  "LIKE",
  "ILIKE",
  "BETWEEN",
  "ESCAPE",
  "AS",
  "FROM",
  "WHEN",
  "THEN",
  "ELSE",
  "END",
]);

/**
 * Parses a filter in the SQL subset native Lance takes. Names and types are checked by `bindExpression`.
 *
 * @throws INVALID_ARGUMENT with the position, what was expected and what stood there; also when nested deeper than
 * {@link MAX_FILTER_DEPTH}
 * @example
 * parseFilter("size > 10 AND name LIKE 'lib%'")
 */
export function parseFilter(sql: string): Expression {
  const parser = new FilterParser(sql);
  return parser.parse();
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

class FilterParser {
  readonly #cursor: TokenCursor;
  readonly #sql: string;
  /** Height of each node made, so that long chains of left-associative operators are bounded too. */
  readonly #heights = new WeakMap<Expression, number>();
  #nesting = 0;

  constructor(sql: string) {
    this.#sql = sql;
    this.#cursor = new TokenCursor(sql);
  }

  parse(): Expression {
    const expression = this.#parseExpression(0);
    const next = this.#cursor.peek();
    if (next.kind !== "end") throw this.#cursor.error("an operator or the end of the filter");
    return expression;
  }

  #parseExpression(minimum: number): Expression {
    if (++this.#nesting > MAX_FILTER_DEPTH) throw this.#tooDeep();
    let left = this.#parsePrefix();
    for (;;) {
      const next = this.#parseInfix(left, minimum);
      if (next === null) break;
      left = next;
    }
    this.#nesting--;
    return left;
  }

  #parsePrefix(): Expression {
    const cursor = this.#cursor;
    const token = cursor.peek();
    const { position } = token;
    if (cursor.takeWord("NOT"))
      return this.#make({ kind: "not", operand: this.#parseExpression(PRECEDENCE.not), position });
    if (cursor.takeSymbol("-")) {
      const operand = this.#parseExpression(PRECEDENCE.product);
      if (operand.kind === "number" && !operand.text.startsWith("-")) {
        return this.#make({ kind: "number", text: `-${operand.text}`, position });
      }
      return this.#make({ kind: "negative", operand, position });
    }
    if (cursor.takeSymbol("(")) {
      const inner = this.#parseExpression(0);
      cursor.expectSymbol(")");
      return inner;
    }
    if (cursor.takeSymbol("[")) return this.#parseArray(position);
    if (token.kind === "number") {
      cursor.take();
      return this.#make({ kind: "number", text: token.text, position });
    }
    if (token.kind === "string") {
      cursor.take();
      return this.#make({ kind: "string", value: token.text, position });
    }
    if (token.kind === "quotedName") {
      cursor.take();
      return this.#parsePath(token.text, true, position);
    }
    if (token.kind === "word") return this.#parseWord(token.text, token.upper, position);
    throw cursor.error("an expression");
  }

  #parseWord(text: string, upper: string, position: number): Expression {
    const cursor = this.#cursor;
    if (RESERVED.has(upper)) throw cursor.error("an expression");
    cursor.take();
    if (upper === "TRUE" || upper === "FALSE") {
      return this.#make({ kind: "boolean", value: upper === "TRUE", position });
    }
    if (upper === "NULL") return this.#make({ kind: "null", position });
    const isSafe = upper === "TRY_CAST" || upper === "SAFE_CAST";
    if ((upper === "CAST" || isSafe) && cursor.takeSymbol("(")) {
      const operand = this.#parseExpression(0);
      cursor.expectWord("AS");
      const type = readTypeName(cursor);
      cursor.expectSymbol(")");
      return this.#make({ kind: "cast", operand, type, safe: isSafe, position }, operand);
    }
    if (upper === "CASE") return this.#parseCase(position);
    if (upper === "X" && cursor.peek().kind === "string" && cursor.peek().position === position + 1) {
      return this.#make({ kind: "bytes", value: this.#readHex(), position });
    }
    if (upper === "ARRAY" && cursor.takeSymbol("[")) return this.#parseArray(position);
    const typed = this.#parseTypedString(upper, position);
    if (typed !== null) return typed;
    if (cursor.takeSymbol("(")) return this.#parseCall(text.toLowerCase(), position);
    return this.#parsePath(text, false, position);
  }

  /** `date '…'`, `timestamp(3) '…'`: only when a string follows, since both are fine column names too. */
  #parseTypedString(upper: string, position: number): Expression | null {
    if (upper !== "DATE" && upper !== "TIMESTAMP" && upper !== "DATETIME") return null;
    const cursor = this.#cursor;
    const offset = cursor.peek().text === "(" ? 3 : 0;
    if (cursor.peek(offset).kind !== "string") return null;
    cursor.back();
    const type = readTypeName(cursor);
    const text = cursor.take();
    const operand = this.#make({ kind: "string", value: text.text, position: text.position });
    return this.#make({ kind: "cast", operand, type, safe: false, position }, operand);
  }

  #parsePath(first: string, quoted: boolean, position: number): Expression {
    const path = [first];
    while (this.#cursor.takeSymbol(".")) {
      path.push(this.#readName());
    }
    return this.#make({ kind: "column", path, quoted, position });
  }

  /** `left['name']`, `left[index]`, `left.name`. */
  #parseAccess(left: Expression, symbol: string, position: number): Expression {
    const cursor = this.#cursor;
    cursor.take();
    if (symbol === ".") {
      return this.#make({ kind: "access", operand: left, name: this.#readName(), position }, left);
    }
    const next = cursor.peek();
    if (next.kind === "string") {
      cursor.take();
      cursor.expectSymbol("]");
      return this.#make({ kind: "access", operand: left, name: next.text, position }, left);
    }
    const index = this.#parseExpression(0);
    cursor.expectSymbol("]");
    return this.#make({ kind: "call", name: "array_element", arguments: [left, index], position }, left, index);
  }

  #readName(): string {
    const part = this.#cursor.take();
    if (part.kind === "word" || part.kind === "quotedName") return part.text;
    this.#cursor.back();
    throw this.#cursor.error("a field name after '.'");
  }

  #parseArray(position: number): Expression {
    const items: Expression[] = [];
    if (!this.#cursor.takeSymbol("]")) {
      do items.push(this.#parseExpression(0));
      while (this.#cursor.takeSymbol(","));
      this.#cursor.expectSymbol("]");
    }
    return this.#make({ kind: "array", items, position }, ...this.#tallest(items));
  }

  #parseCase(position: number): Expression {
    const cursor = this.#cursor;
    const subject = cursor.takeWord("WHEN") ? null : this.#parseExpression(0);
    if (subject !== null) cursor.expectWord("WHEN");
    const branches: { when: Expression; value: Expression }[] = [];
    do {
      const when = this.#parseExpression(0);
      cursor.expectWord("THEN");
      branches.push({ when, value: this.#parseExpression(0) });
    } while (cursor.takeWord("WHEN"));
    const otherwise = cursor.takeWord("ELSE") ? this.#parseExpression(0) : null;
    cursor.expectWord("END");
    const children = [
      ...branches.flatMap(({ when, value }) => [when, value]),
      ...[subject, otherwise].filter((one) => one !== null),
    ];
    return this.#make({ kind: "case", subject, branches, otherwise, position }, ...this.#tallest(children));
  }

  #readHex(): Uint8Array {
    const token = this.#cursor.peek();
    if (!/^([0-9a-f]{2})*$/i.test(token.text)) throw this.#cursor.error("pairs of hexadecimal digits");
    this.#cursor.take();
    return Uint8Array.from(token.text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
  }

  #parseCall(name: string, position: number): Expression {
    const args: Expression[] = [];
    if (!this.#cursor.takeSymbol(")")) {
      do args.push(this.#parseExpression(0));
      while (this.#cursor.takeSymbol(","));
      this.#cursor.expectSymbol(")");
    }
    return this.#make({ kind: "call", name, arguments: args, position }, ...this.#tallest(args));
  }

  /** @returns `null` where no operator of at least `minimum` strength follows */
  #parseInfix(left: Expression, minimum: number): Expression | null {
    const cursor = this.#cursor;
    const token = cursor.peek();
    if (token.kind === "symbol") return this.#parseSymbol(left, token.text, minimum);
    if (token.kind !== "word") return null;
    const { position } = token;
    if (token.upper === "OR") return this.#parseLogical(left, "or", PRECEDENCE.or, minimum, position);
    if (token.upper === "AND") return this.#parseLogical(left, "and", PRECEDENCE.and, minimum, position);
    if (token.upper === "IS") return minimum < PRECEDENCE.is ? this.#parseIs(left, position) : null;
    const negated = token.upper === "NOT";
    const verb = negated ? cursor.peek(1) : token;
    if (verb.kind !== "word") return null;
    const isLike = verb.upper === "LIKE" || verb.upper === "ILIKE";
    const strength = isLike ? PRECEDENCE.like : PRECEDENCE.compare;
    if (minimum >= strength || !(isLike || verb.upper === "IN" || verb.upper === "BETWEEN")) return null;
    if (negated) cursor.take();
    cursor.take();
    if (verb.upper === "IN") return this.#parseInList(left, negated, position);
    if (verb.upper === "BETWEEN") return this.#parseBetween(left, negated, position);
    return this.#parseLike(left, negated, verb.upper === "ILIKE", position);
  }

  #parseSymbol(left: Expression, symbol: string, minimum: number): Expression | null {
    const cursor = this.#cursor;
    const { position } = cursor.peek();
    const operator = Object.hasOwn(COMPARISONS, symbol) ? COMPARISONS[symbol] : undefined;
    if (operator !== undefined) {
      if (minimum >= PRECEDENCE.compare) return null;
      cursor.take();
      const right = this.#parseExpression(PRECEDENCE.compare);
      return this.#make({ kind: "compare", operator, left, right, position }, left, right);
    }
    if (symbol === "::") {
      if (minimum >= PRECEDENCE.cast) return null;
      cursor.take();
      return this.#make({ kind: "cast", operand: left, type: readTypeName(cursor), safe: false, position }, left);
    }
    if (symbol === "[" || symbol === ".") return this.#parseAccess(left, symbol, position);
    const strength = Object.hasOwn(OPERATORS, symbol) ? OPERATORS[symbol] : undefined;
    if (strength === undefined) return null;
    if (minimum >= strength) return null;
    cursor.take();
    const right = this.#parseExpression(strength);
    if (symbol === "||") {
      return this.#make({ kind: "concat", left, right, position }, left, right);
    }
    return this.#make(
      { kind: "arithmetic", operator: symbol as ArithmeticOperator, left, right, position },
      left,
      right,
    );
  }

  /** One flat node for `a AND b AND c …`: conjunctions may be of any length. */
  #parseLogical(
    first: Expression,
    kind: "and" | "or",
    strength: number,
    minimum: number,
    position: number,
  ): Expression | null {
    if (minimum >= strength) return null;
    const operands = [first];
    while (this.#cursor.takeWord(kind.toUpperCase())) operands.push(this.#parseExpression(strength));
    return this.#make({ kind, operands, position }, ...this.#tallest(operands));
  }

  #parseIs(operand: Expression, position: number): Expression {
    const cursor = this.#cursor;
    cursor.take();
    const negated = cursor.takeWord("NOT");
    if (cursor.takeWord("DISTINCT")) {
      cursor.expectWord("FROM");
      const right = this.#parseExpression(PRECEDENCE.is);
      return this.#make({ kind: "distinct", negated, left: operand, right, position }, operand, right);
    }
    for (const what of ["null", "true", "false", "unknown"] as const) {
      if (cursor.takeWord(what.toUpperCase()))
        return this.#make({ kind: "is", what, negated, operand, position }, operand);
    }
    throw cursor.error(`NULL, TRUE, FALSE, UNKNOWN${negated ? "" : ", NOT"} or DISTINCT FROM after IS`);
  }

  #parseInList(operand: Expression, negated: boolean, position: number): Expression {
    this.#cursor.expectSymbol("(");
    const list: Expression[] = [];
    do list.push(this.#parseExpression(0));
    while (this.#cursor.takeSymbol(","));
    this.#cursor.expectSymbol(")");
    return this.#make({ kind: "inList", negated, operand, list, position }, operand, ...this.#tallest(list));
  }

  #parseBetween(operand: Expression, negated: boolean, position: number): Expression {
    const low = this.#parseExpression(PRECEDENCE.compare);
    this.#cursor.expectWord("AND");
    const high = this.#parseExpression(PRECEDENCE.compare);
    return this.#make({ kind: "between", negated, operand, low, high, position }, operand, low, high);
  }

  #parseLike(operand: Expression, negated: boolean, caseInsensitive: boolean, position: number): Expression {
    const cursor = this.#cursor;
    const pattern = this.#parseExpression(PRECEDENCE.like);
    let escapeCharacter = "\\";
    if (cursor.takeWord("ESCAPE")) {
      const token = cursor.take();
      if (token.kind !== "string" || [...token.text].length !== 1) {
        throw filterError(
          this.#sql,
          token.position,
          "one character in quotes after ESCAPE",
          JSON.stringify(token.text),
        );
      }
      escapeCharacter = token.text;
    }
    return this.#make(
      { kind: "like", negated, caseInsensitive, operand, pattern, escape: escapeCharacter, position },
      operand,
      pattern,
    );
  }

  #make(node: Expression, ...children: readonly Expression[]): Expression {
    let height = 0;
    const counted = "operand" in node && children.length === 0 ? [node.operand] : children;
    for (const child of counted) height = Math.max(height, this.#heights.get(child) ?? 0);
    if (height >= MAX_FILTER_DEPTH) throw this.#tooDeep();
    this.#heights.set(node, height + 1);
    return node;
  }

  /** The one child that decides a parent's height: lists may be too long to spread. */
  #tallest(nodes: readonly Expression[]): Expression[] {
    let tallest: Expression[] = [];
    let height = -1;
    for (const node of nodes) {
      const own = this.#heights.get(node) ?? 0;
      if (own > height) [tallest, height] = [[node], own];
    }
    return tallest;
  }

  #tooDeep(): LanceError {
    return new LanceError(
      "INVALID_ARGUMENT",
      `filter is nested deeper than ${MAX_FILTER_DEPTH} levels; write it flatter, for instance with IN (…)`,
      { position: this.#cursor.peek().position, maximum: MAX_FILTER_DEPTH },
    );
  }
}
