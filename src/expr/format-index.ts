import { formatScalar } from "./format-literal.ts";
import type { IndexExpression, IndexLeaf } from "./index-expression.ts";
import type { ScalarQuery } from "./scalar-query.ts";

/** Searches of indexes as native plans print them: `AND([i > 40]@bt_i(BTree),[s < c]@bt_s(BTree))`. */
export function formatIndexExpression(expression: IndexExpression): string {
  switch (expression.kind) {
    case "not":
      return `NOT(${formatIndexExpression(expression.operand)})`;
    case "and":
    case "or": {
      const name = expression.kind.toUpperCase();
      return `${name}(${formatIndexExpression(expression.left)},${formatIndexExpression(expression.right)})`;
    }
    case "query":
      return `[${formatQuery(expression, expression.query)}]@${expression.index}(${expression.displayName})`;
  }
}

function formatQuery(leaf: IndexLeaf, query: ScalarQuery): string {
  const { column, type } = leaf;
  switch (query.kind) {
    case "equals":
      return `${column} = ${formatScalar(query.value, type)}`;
    case "isIn":
      return `${column} IN [${query.values.map((value) => formatScalar(value, type)).join(",")}]`;
    case "isNull":
      return `${column} IS NULL`;
    case "likePrefix":
      return `${column} LIKE '${query.prefix}%'`;
    case "range": {
      const { lower, upper } = query;
      const sides = [
        ...(lower === null ? [] : [`${column} ${lower.inclusive ? ">=" : ">"} ${formatScalar(lower.value, type)}`]),
        ...(upper === null ? [] : [`${column} ${upper.inclusive ? "<=" : "<"} ${formatScalar(upper.value, type)}`]),
      ];
      return sides.join(" && ");
    }
  }
}
