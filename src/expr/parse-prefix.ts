import type { Expression } from "./ast.ts";
import { isReserved, PRECEDENCE } from "./operators.ts";
import { readTypeName } from "./parse-type.ts";
import { type Parser, readFieldName } from "./parser.ts";
import type { TokenCursor } from "./token-cursor.ts";
import type { Token } from "./tokenize.ts";

/**
 * Parses what an expression starts with: a literal, a path, a call, a group, or an operator before its operand.
 *
 * @throws INVALID_ARGUMENT
 */
export function parsePrefix(parser: Parser): Expression {
  const { cursor } = parser;
  const token = cursor.peek();
  const { position } = token;
  if (cursor.takeWord("NOT")) {
    const operand = parser.parse(PRECEDENCE.not);
    return parser.make({ kind: "not", operand, position }, [operand]);
  }
  if (cursor.takeSymbol("-")) return parseNegative(parser, position);
  if (cursor.takeSymbol("(")) {
    const inner = parser.parse(0);
    cursor.expectSymbol(")");
    return inner;
  }
  if (cursor.takeSymbol("[")) return parseArray(parser, position);
  if (token.kind === "number") {
    cursor.take();
    return parser.make({ kind: "number", text: token.text, position });
  }
  if (token.kind === "string") {
    cursor.take();
    return parser.make({ kind: "string", value: token.text, position });
  }
  if (token.kind === "quotedName") {
    cursor.take();
    return parsePath(parser, token.text, { quoted: true, position });
  }
  if (token.kind === "word" && !isReserved(token.upper)) {
    cursor.take();
    return parseWord(parser, token);
  }
  throw cursor.error("an expression");
}

/** A minus belongs to the number it stands before, so that the smallest integer can be written. */
function parseNegative(parser: Parser, position: number): Expression {
  const operand = parser.parse(PRECEDENCE.product);
  if (operand.kind === "number" && !operand.text.startsWith("-")) {
    return parser.make({ kind: "number", text: `-${operand.text}`, position });
  }
  return parser.make({ kind: "negative", operand, position }, [operand]);
}

function parseWord(parser: Parser, { text, upper, position }: Extract<Token, { kind: "word" }>): Expression {
  const { cursor } = parser;
  if (upper === "TRUE" || upper === "FALSE") return parser.make({ kind: "boolean", value: upper === "TRUE", position });
  if (upper === "NULL") return parser.make({ kind: "null", position });
  const isSafe = upper === "TRY_CAST" || upper === "SAFE_CAST";
  if ((upper === "CAST" || isSafe) && cursor.takeSymbol("(")) {
    const operand = parser.parse(0);
    cursor.expectWord("AS");
    const type = readTypeName(cursor);
    cursor.expectSymbol(")");
    return parser.make({ kind: "cast", operand, type, safe: isSafe, position }, [operand]);
  }
  if (upper === "CASE") return parseCase(parser, position);
  if (upper === "X" && cursor.peek().kind === "string" && cursor.peek().position === position + 1) {
    return parser.make({ kind: "bytes", value: readHex(cursor), position });
  }
  if (upper === "ARRAY" && cursor.takeSymbol("[")) return parseArray(parser, position);
  const typed = parseTypedString(parser, upper, { position });
  if (typed !== null) return typed;
  if (cursor.takeSymbol("(")) return parseCall(parser, text.toLowerCase(), { position });
  return parsePath(parser, text, { quoted: false, position });
}

/** `date '…'`, `timestamp(3) '…'`: only when a string follows, since both are fine column names too. */
function parseTypedString(
  parser: Parser,
  upper: string,
  { position }: { readonly position: number },
): Expression | null {
  if (upper !== "DATE" && upper !== "TIMESTAMP" && upper !== "DATETIME") return null;
  const { cursor } = parser;
  const offset = cursor.peek().text === "(" ? 3 : 0;
  if (cursor.peek(offset).kind !== "string") return null;
  cursor.back();
  const type = readTypeName(cursor);
  const text = cursor.take();
  const operand = parser.make({ kind: "string", value: text.text, position: text.position });
  return parser.make({ kind: "cast", operand, type, safe: false, position }, [operand]);
}

function parsePath(
  parser: Parser,
  first: string,
  { quoted, position }: { readonly quoted: boolean; readonly position: number },
): Expression {
  const path = [first];
  while (parser.cursor.takeSymbol(".")) path.push(readFieldName(parser.cursor));
  return parser.make({ kind: "column", path, quoted, position });
}

function parseArray(parser: Parser, position: number): Expression {
  const items = parser.cursor.takeSymbol("]") ? [] : parser.parseList("]");
  return parser.make({ kind: "array", items, position }, items);
}

function parseCall(parser: Parser, name: string, { position }: { readonly position: number }): Expression {
  const args = parser.cursor.takeSymbol(")") ? [] : parser.parseList(")");
  return parser.make({ kind: "call", name, arguments: args, position }, args);
}

function parseCase(parser: Parser, position: number): Expression {
  const { cursor } = parser;
  const subject = cursor.takeWord("WHEN") ? null : parser.parse(0);
  if (subject !== null) cursor.expectWord("WHEN");
  const branches: { when: Expression; value: Expression }[] = [];
  do {
    const when = parser.parse(0);
    cursor.expectWord("THEN");
    branches.push({ when, value: parser.parse(0) });
  } while (cursor.takeWord("WHEN"));
  const otherwise = cursor.takeWord("ELSE") ? parser.parse(0) : null;
  cursor.expectWord("END");
  const children = [
    ...branches.flatMap(({ when, value }) => [when, value]),
    ...[subject, otherwise].filter((one) => one !== null),
  ];
  return parser.make({ kind: "case", subject, branches, otherwise, position }, children);
}

function readHex(cursor: TokenCursor): Uint8Array {
  const token = cursor.peek();
  if (!/^([0-9a-f]{2})*$/i.test(token.text)) throw cursor.error("pairs of hexadecimal digits");
  cursor.take();
  return Uint8Array.from(token.text.match(/../g) ?? [], (pair) => Number.parseInt(pair, 16));
}
