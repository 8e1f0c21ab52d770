import { LanceError } from "../errors.ts";
import { type BoundExpression, negate, typeOf } from "./bound.ts";
import { escapeLiteral, hasWildcard, normalizePattern } from "./like.ts";
import { describeCastType } from "./value-type.ts";

/** `operand [NOT] [I]LIKE pattern`. A pattern without wildcards is an equality. */
export function bindLike(
  operand: BoundExpression,
  pattern: BoundExpression,
  options: { readonly negated: boolean; readonly caseInsensitive: boolean; readonly escape: string },
): BoundExpression {
  checkText(operand, "LIKE");
  checkText(pattern, "LIKE");
  if (pattern.kind !== "literal") {
    throw new LanceError("UNSUPPORTED", "expression: the pattern of LIKE is a column; expected text in quotes", {
      expected: "a literal pattern",
    });
  }
  if (pattern.value === null || typeOf(operand).kind === "null") return { kind: "constant", value: null };
  const normalized = normalizePattern(pattern.value as string, options.escape);
  return makeLike(operand, normalized, options.caseInsensitive, options.negated);
}

/** `starts_with(operand, prefix)` as the LIKE it means, so that an index can answer it. */
export function bindStartsWith(operand: BoundExpression, prefix: string): BoundExpression {
  return makeLike(operand, `${escapeLiteral(prefix)}%`, false, false);
}

function makeLike(
  operand: BoundExpression,
  pattern: string,
  caseInsensitive: boolean,
  negated: boolean,
): BoundExpression {
  if (!caseInsensitive && !hasWildcard(pattern) && !pattern.includes("\\")) {
    const literal: BoundExpression = { kind: "literal", type: typeOf(operand), value: pattern };
    const equality: BoundExpression = { kind: "compare", operator: "=", left: operand, right: literal };
    return negated ? negate(equality) : equality;
  }
  return { kind: "like", operand, pattern, caseInsensitive, negated };
}

/** @throws SCHEMA_MISMATCH unless the expression is text, or NULL */
export function checkText(operand: BoundExpression, what: string): void {
  const type = typeOf(operand);
  if (type.kind === "utf8" || type.kind === "null") return;
  const column = operand.kind === "column" ? operand.name : undefined;
  const received = describeCastType(type);
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `expression: ${what} expects text (Utf8), received ${received}${column === undefined ? "" : ` of column ${JSON.stringify(column)}`}`,
    { ...(column === undefined ? {} : { column }), expected: "Utf8", received },
  );
}
