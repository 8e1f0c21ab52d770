import type { BoundExpression } from "./bound.ts";

/** Whether an expression can be NULL: only if something in it can, or makes NULLs of its own. */
export function isNullable(node: BoundExpression): boolean {
  switch (node.kind) {
    case "column":
      return node.field.nullable;
    case "field":
      return node.field.nullable || isNullable(node.operand);
    case "literal":
    case "constant":
      return node.value === null;
    case "isNull":
    case "isBoolean":
    case "distinct":
      return false;
    case "and":
    case "or":
      return node.operands.some(isNullable);
    case "not":
    case "negative":
    case "inList":
    case "like":
      return isNullable(node.operand);
    case "cast":
      return node.safe || isNullable(node.operand);
    case "compare":
    case "arithmetic":
      return isNullable(node.left) || isNullable(node.right);
    case "case":
    case "call":
      return true;
  }
}
