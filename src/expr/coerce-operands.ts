import { LanceError } from "../errors.ts";
import { type BoundExpression, readPath, typeOf } from "./bound.ts";
import { formatLiteral } from "./format-literal.ts";
import { coerceLiteral } from "./literal.ts";
import { describeCastType } from "./value-type.ts";

/**
 * Two operands, a literal beside a column in that column's type.
 * @throws SCHEMA_MISMATCH when the column's type does not hold the literal exactly
 */
export function coerceOperands(left: BoundExpression, right: BoundExpression): [BoundExpression, BoundExpression] {
  return [coerceTo(left, right), coerceTo(right, left)];
}

function coerceTo(node: BoundExpression, other: BoundExpression): BoundExpression {
  if (node.kind !== "literal" || node.explicit === true || readPath(other) === null) return node;
  const type = typeOf(other);
  if (type.kind === "null" || type.kind === "timestamp" || type.kind === "date") return node;
  const value = coerceLiteral(node, type);
  if (value !== undefined) return { kind: "literal", type, value };
  const [expected, received] = [describeCastType(type), formatLiteral(node)];
  const column = readPath(other)!.join(".");
  throw new LanceError(
    "SCHEMA_MISMATCH",
    `expression: column ${JSON.stringify(column)} is of type ${expected}, received ${received}; CAST the column or the value`,
    { column, expected, received },
  );
}
