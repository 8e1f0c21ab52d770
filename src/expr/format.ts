import { type BoundExpression, typeOf } from "./bound.ts";
import { formatLiteral } from "./format-literal.ts";
import { describeCastType } from "./value-type.ts";

const STRENGTH: Readonly<Record<string, number>> = {
  or: 5,
  and: 10,
  "=": 20,
  "!=": 20,
  "<": 20,
  "<=": 20,
  ">": 20,
  ">=": 20,
  "+": 30,
  "-": 30,
  "*": 40,
  "/": 40,
  "%": 40,
};

/**
 * A filter as native plans print it: `i >= Int32(10) AND i <= Int32(14)`.
 *
 * @example
 * formatExpression(bindExpression(parseFilter("i = 5"), schema)) // i = Int32(5)
 */
export function formatExpression(expression: BoundExpression): string {
  switch (expression.kind) {
    case "constant":
      return `Boolean(${expression.value === null ? "NULL" : expression.value})`;
    case "column":
      return expression.name;
    case "field":
      return `get_field(${formatExpression(expression.operand)}, Utf8("${expression.name}"))`;
    case "case": {
      const branches = expression.branches.map(
        ({ when, value }) => `WHEN ${formatExpression(when)} THEN ${formatExpression(value)}`,
      );
      return `CASE ${branches.join(" ")} ELSE ${formatExpression(expression.otherwise)} END`;
    }
    case "literal":
      return formatLiteral(expression);
    case "and":
    case "or":
      return expression.operands
        .map((operand) => formatChild(operand, expression.kind))
        .join(` ${expression.kind.toUpperCase()} `);
    case "not":
      return `NOT ${formatExpression(expression.operand)}`;
    case "compare":
    case "arithmetic":
      return formatBinary(expression);
    case "inList": {
      const type = typeOf(expression.operand);
      const values = expression.values.map((value) => formatLiteral({ kind: "literal", type, value }));
      return `${formatExpression(expression.operand)} ${expression.negated ? "NOT IN" : "IN"} ([${values.join(", ")}])`;
    }
    case "isNull":
      return `${formatExpression(expression.operand)} IS ${expression.negated ? "NOT NULL" : "NULL"}`;
    case "isBoolean": {
      const what = `${expression.negated ? "NOT " : ""}${expression.value ? "TRUE" : "FALSE"}`;
      return `${formatExpression(expression.operand)} IS ${what}`;
    }
    case "distinct": {
      const words = expression.negated ? "IS NOT DISTINCT FROM" : "IS DISTINCT FROM";
      return `${formatExpression(expression.left)} ${words} ${formatExpression(expression.right)}`;
    }
    case "like": {
      const pattern = formatLiteral({ kind: "literal", type: typeOf(expression.operand), value: expression.pattern });
      const words = `${expression.negated ? "NOT " : ""}${expression.caseInsensitive ? "ILIKE" : "LIKE"}`;
      return `${formatExpression(expression.operand)} ${words} ${pattern}`;
    }
    case "call":
      if (expression.name === "||") return expression.arguments.map(formatExpression).join(" || ");
      return `${expression.name}(${expression.arguments.map(formatExpression).join(", ")})`;
    case "negative":
      return `(- ${formatExpression(expression.operand)})`;
    case "cast":
      return `${expression.safe ? "TRY_CAST" : "CAST"}(${formatExpression(expression.operand)} AS ${describeCastType(expression.type)})`;
  }
}

function formatBinary(expression: Extract<BoundExpression, { kind: "compare" | "arithmetic" }>): string {
  const { left, operator, right } = expression;
  return `${formatChild(left, operator)} ${operator} ${formatChild(right, operator)}`;
}

function formatChild(child: BoundExpression, parent: string): string {
  const own = child.kind === "compare" || child.kind === "arithmetic" ? child.operator : child.kind;
  const strength = STRENGTH[own];
  const text = formatExpression(child);
  return strength !== undefined && strength < STRENGTH[parent]! ? `(${text})` : text;
}
