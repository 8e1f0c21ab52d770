import { type BoundExpression, type BoundLiteral, makeAnd, type Value } from "./bound.ts";
import type { CanServe, IndexExpression, IndexedFilter, IndexLeaf } from "./index-expression.ts";
import { mergeConjuncts } from "./index-merge.ts";
import { readLikePrefix } from "./like.ts";
import type { ScalarQuery, ScalarValue } from "./scalar-query.ts";
import type { ValueType } from "./value-type.ts";

/**
 * Splits a filter into what indexes can answer and the rest. The true rows of `indexed` hold every row of the filter;
 * those of `indexed` that also satisfy `refine` are exactly them. Ranges on one column in one conjunction become one
 * search; an OR is served only when each side is.
 */
export function extractIndexQueries(bound: BoundExpression, canServe: CanServe): IndexedFilter {
  const parts = extract(bound, canServe);
  if (parts.leaves.length === 0) return { indexed: null, refine: bound };
  return { indexed: balance(mergeConjuncts(parts.leaves), "and"), refine: parts.refine };
}

/** Conjuncts that indexes answer, kept flat until the conjunction is complete. */
interface Parts {
  readonly leaves: readonly IndexExpression[];
  readonly refine: BoundExpression | null;
}

function extract(node: BoundExpression, canServe: CanServe): Parts {
  switch (node.kind) {
    case "and": {
      const parts = node.operands.map((operand) => extract(operand, canServe));
      const rest = parts.flatMap((part) => (part.refine === null ? [] : [part.refine]));
      return { leaves: parts.flatMap((part) => part.leaves), refine: rest.length === 0 ? null : makeAnd(rest) };
    }
    case "or":
      return extractOr(node, canServe);
    case "compare":
      if (node.left.kind !== "column" || node.right.kind !== "literal") return refineOnly(node);
      return serve(node, node.left, toQuery(node.operator, node.left, node.right), node.operator === "!=", canServe);
    case "inList":
      if (!node.values.every(isScalar)) return refineOnly(node);
      return serve(node, node.operand, { kind: "isIn", values: node.values }, node.negated, canServe);
    case "isNull":
      return serve(node, node.operand, { kind: "isNull" }, node.negated, canServe);
    case "column":
      return serve(node, node, { kind: "equals", value: true }, false, canServe);
    case "not":
      return serve(node, node.operand, { kind: "equals", value: true }, true, canServe);
    case "isBoolean": {
      // Every query stands in a positive place here, so NULL rows may be reported as NULL instead of false.
      if (node.negated || node.operand.kind !== "column") return refineOnly(node);
      return serve(node, node.operand, { kind: "equals", value: node.value }, false, canServe);
    }
    case "like":
      return extractLike(node, canServe);
    default:
      return refineOnly(node);
  }
}

function extractOr(node: Extract<BoundExpression, { kind: "and" | "or" }>, canServe: CanServe): Parts {
  const sides: IndexExpression[] = [];
  let isExact = true;
  for (const operand of node.operands) {
    const side = extract(operand, canServe);
    if (side.leaves.length === 0) return refineOnly(node);
    isExact &&= side.refine === null;
    sides.push(balance(mergeConjuncts(side.leaves), "and"));
  }
  return { leaves: [balance(sides, "or")], refine: isExact ? null : node };
}

function extractLike(node: Extract<BoundExpression, { kind: "like" }>, canServe: CanServe): Parts {
  const start = node.negated || node.caseInsensitive ? null : readLikePrefix(node.pattern);
  if (start === null) return refineOnly(node);
  const served = serve(node, node.operand, { kind: "likePrefix", prefix: start.prefix }, false, canServe);
  return start.isWhole || served.leaves.length === 0 ? served : { ...served, refine: node };
}

function toQuery(operator: string, column: { readonly type: ValueType }, literal: BoundLiteral): ScalarQuery | null {
  const { value } = literal;
  if (value === null || !isScalar(value) || column.type.kind !== literal.type.kind) return null;
  if (JSON.stringify(column.type) !== JSON.stringify(literal.type)) return null;
  switch (operator) {
    case "=":
    case "!=":
      return { kind: "equals", value };
    case "<":
    case "<=":
      return { kind: "range", lower: null, upper: { value, inclusive: operator === "<=" } };
    default:
      return { kind: "range", lower: { value, inclusive: operator === ">=" }, upper: null };
  }
}

function isScalar(value: Value): value is ScalarValue {
  return typeof value !== "object";
}

function serve(
  node: BoundExpression,
  operand: BoundExpression,
  query: ScalarQuery | null,
  negated: boolean,
  canServe: CanServe,
): Parts {
  if (query === null || operand.kind !== "column") return refineOnly(node);
  const served = canServe(operand.name, query);
  if (served === undefined) return refineOnly(node);
  // The complement of a superset is no superset.
  if (negated && served.exactness === "recheck") return refineOnly(node);
  const leaf: IndexLeaf = {
    kind: "query",
    column: operand.name,
    type: operand.type,
    query,
    index: served.index,
    displayName: served.displayName,
    exactness: served.exactness,
  };
  return {
    leaves: [negated ? { kind: "not", operand: leaf } : leaf],
    refine: served.exactness === "recheck" ? node : null,
  };
}

function refineOnly(node: BoundExpression): Parts {
  return { leaves: [], refine: node };
}

/** A balanced tree of neighbours, as native builds it: long lists stay shallow. */
function balance(nodes: readonly IndexExpression[], kind: "and" | "or"): IndexExpression {
  let level = [...nodes];
  while (level.length > 1) {
    const next: IndexExpression[] = [];
    for (let i = 0; i < level.length; i += 2) {
      const right = level[i + 1];
      next.push(right === undefined ? level[i]! : { kind, left: level[i]!, right });
    }
    level = next;
  }
  return level[0]!;
}
