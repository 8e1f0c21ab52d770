import type { ArithmeticOperator, Expression } from "./ast.ts";
import { getComparison, getStrength, PRECEDENCE } from "./operators.ts";
import { readTypeName } from "./parse-type.ts";
import { type Parser, readFieldName } from "./parser.ts";

/** An operator of words behind its operand. */
interface Predicate {
  readonly operand: Expression;
  readonly negated: boolean;
  readonly position: number;
}

/**
 * Parses one operator and what stands behind it.
 *
 * @returns `null` where no operator stronger than `minimum` follows
 * @throws INVALID_ARGUMENT
 */
export function parseInfix(
  parser: Parser,
  left: Expression,
  { minimum }: { readonly minimum: number },
): Expression | null {
  const { cursor } = parser;
  const token = cursor.peek();
  if (token.kind === "symbol") return parseSymbol(parser, left, { minimum });
  if (token.kind !== "word") return null;
  const { position } = token;
  if (token.upper === "OR") return minimum < PRECEDENCE.or ? parseLogical(parser, left, { kind: "or" }) : null;
  if (token.upper === "AND") return minimum < PRECEDENCE.and ? parseLogical(parser, left, { kind: "and" }) : null;
  if (token.upper === "IS") return minimum < PRECEDENCE.is ? parseIs(parser, left) : null;
  const negated = token.upper === "NOT";
  const verb = negated ? cursor.peek(1) : token;
  if (verb.kind !== "word") return null;
  const isLike = verb.upper === "LIKE" || verb.upper === "ILIKE";
  const strength = isLike ? PRECEDENCE.like : PRECEDENCE.compare;
  if (minimum >= strength || !(isLike || verb.upper === "IN" || verb.upper === "BETWEEN")) return null;
  if (negated) cursor.take();
  cursor.take();
  const predicate: Predicate = { operand: left, negated, position };
  if (verb.upper === "IN") return parseInList(parser, predicate);
  if (verb.upper === "BETWEEN") return parseBetween(parser, predicate);
  return parseLike(parser, predicate, { caseInsensitive: verb.upper === "ILIKE" });
}

function parseSymbol(parser: Parser, left: Expression, { minimum }: { readonly minimum: number }): Expression | null {
  const { cursor } = parser;
  const { text: symbol, position } = cursor.peek();
  const operator = getComparison(symbol);
  if (operator !== undefined) {
    if (minimum >= PRECEDENCE.compare) return null;
    cursor.take();
    const right = parser.parse(PRECEDENCE.compare);
    return parser.make({ kind: "compare", operator, left, right, position }, [left, right]);
  }
  if (symbol === "::") {
    if (minimum >= PRECEDENCE.cast) return null;
    cursor.take();
    return parser.make({ kind: "cast", operand: left, type: readTypeName(cursor), safe: false, position }, [left]);
  }
  if (symbol === "[" || symbol === ".") return parseAccess(parser, left);
  const strength = getStrength(symbol);
  if (strength === undefined || minimum >= strength) return null;
  cursor.take();
  const right = parser.parse(strength);
  if (symbol === "||") return parser.make({ kind: "concat", left, right, position }, [left, right]);
  const arithmetic = symbol as ArithmeticOperator;
  return parser.make({ kind: "arithmetic", operator: arithmetic, left, right, position }, [left, right]);
}

/** `left['name']`, `left[index]`, `left.name`. */
function parseAccess(parser: Parser, operand: Expression): Expression {
  const { cursor } = parser;
  const { text: symbol, position } = cursor.take();
  if (symbol === ".") {
    return parser.make({ kind: "access", operand, name: readFieldName(cursor), position }, [operand]);
  }
  const next = cursor.peek();
  if (next.kind === "string") {
    cursor.take();
    cursor.expectSymbol("]");
    return parser.make({ kind: "access", operand, name: next.text, position }, [operand]);
  }
  const index = parser.parse(0);
  cursor.expectSymbol("]");
  const args = [operand, index];
  return parser.make({ kind: "call", name: "array_element", arguments: args, position }, args);
}

/** One flat node for `a AND b AND c …`: conjunctions may be of any length. */
function parseLogical(parser: Parser, first: Expression, { kind }: { readonly kind: "and" | "or" }): Expression {
  const { position } = parser.cursor.peek();
  const operands = [first];
  while (parser.cursor.takeWord(kind.toUpperCase())) operands.push(parser.parse(PRECEDENCE[kind]));
  return parser.make({ kind, operands, position }, operands);
}

function parseIs(parser: Parser, operand: Expression): Expression {
  const { cursor } = parser;
  const { position } = cursor.take();
  const negated = cursor.takeWord("NOT");
  if (cursor.takeWord("DISTINCT")) {
    cursor.expectWord("FROM");
    const right = parser.parse(PRECEDENCE.is);
    return parser.make({ kind: "distinct", negated, left: operand, right, position }, [operand, right]);
  }
  for (const what of ["null", "true", "false", "unknown"] as const) {
    if (cursor.takeWord(what.toUpperCase())) {
      return parser.make({ kind: "is", what, negated, operand, position }, [operand]);
    }
  }
  throw cursor.error(`NULL, TRUE, FALSE, UNKNOWN${negated ? "" : ", NOT"} or DISTINCT FROM after IS`);
}

function parseInList(parser: Parser, { operand, negated, position }: Predicate): Expression {
  parser.cursor.expectSymbol("(");
  const list = parser.parseList(")");
  return parser.make({ kind: "inList", negated, operand, list, position }, [operand, ...list]);
}

function parseBetween(parser: Parser, { operand, negated, position }: Predicate): Expression {
  const low = parser.parse(PRECEDENCE.compare);
  parser.cursor.expectWord("AND");
  const high = parser.parse(PRECEDENCE.compare);
  return parser.make({ kind: "between", negated, operand, low, high, position }, [operand, low, high]);
}

function parseLike(
  parser: Parser,
  { operand, negated, position }: Predicate,
  { caseInsensitive }: { readonly caseInsensitive: boolean },
): Expression {
  const pattern = parser.parse(PRECEDENCE.like);
  const escapeCharacter = parser.cursor.takeWord("ESCAPE") ? readEscape(parser) : "\\";
  return parser.make({ kind: "like", negated, caseInsensitive, operand, pattern, escape: escapeCharacter, position }, [
    operand,
    pattern,
  ]);
}

function readEscape({ cursor }: Parser): string {
  const token = cursor.peek();
  if (token.kind !== "string" || [...token.text].length !== 1) {
    throw cursor.error("one character in quotes after ESCAPE");
  }
  return cursor.take().text;
}
