import type { IndexExpression, IndexLeaf } from "./index-expression.ts";
import { compareValues } from "./scalar-order.ts";
import type { ScalarBound, ScalarQuery } from "./scalar-query.ts";

type RangeQuery = Extract<ScalarQuery, { kind: "range" }>;

/**
 * Makes one conjunction cheaper: ranges on the same column and index become their intersection, and `IS NOT NULL` goes
 * where another exact query of the same index rejects NULL anyway.
 */
export function mergeConjuncts(leaves: readonly IndexExpression[]): IndexExpression[] {
  const rejectsNull = new Set<string>();
  for (const node of leaves) {
    const leaf = node.kind === "not" ? node.operand : node;
    if (leaf.kind === "query" && leaf.exactness === "exact" && leaf.query.kind !== "isNull") {
      if (leaf.query.kind !== "likePrefix") rejectsNull.add(keyOf(leaf));
    }
  }
  const merged: IndexExpression[] = [];
  const ranges = new Map<string, number>();
  for (const node of leaves) {
    if (node.kind === "not" && isNullTest(node.operand) && rejectsNull.has(keyOf(node.operand))) continue;
    if (node.kind !== "query" || node.query.kind !== "range") {
      merged.push(node);
      continue;
    }
    const position = ranges.get(keyOf(node));
    if (position === undefined) {
      ranges.set(keyOf(node), merged.length);
      merged.push(node);
    } else {
      const earlier = merged[position] as IndexLeaf;
      merged[position] = { ...earlier, query: intersect(earlier.query as RangeQuery, node.query) };
    }
  }
  return merged;
}

function isNullTest(node: IndexExpression): node is IndexLeaf {
  return node.kind === "query" && node.query.kind === "isNull" && node.exactness === "exact";
}

function keyOf(leaf: IndexLeaf): string {
  return JSON.stringify([leaf.column, leaf.index]);
}

function intersect(a: RangeQuery, b: RangeQuery): RangeQuery {
  return { kind: "range", lower: tighter(a.lower, b.lower, 1), upper: tighter(a.upper, b.upper, -1) };
}

/** The bound that admits less; of two at one value, the exclusive one. */
function tighter(a: ScalarBound | null, b: ScalarBound | null, direction: 1 | -1): ScalarBound | null {
  if (a === null || b === null) return a ?? b;
  const order = compareBounds(a, b) * direction;
  if (order !== 0) return order > 0 ? a : b;
  return a.inclusive ? b : a;
}

/** The two zeros are apart here: `f >= -0` takes what `f > -0` … `f >= 0` leaves out. */
function compareBounds(a: ScalarBound, b: ScalarBound): number {
  const order = compareValues(a.value, b.value);
  if (order !== 0 || a.value !== 0) return order;
  return Number(Object.is(b.value, -0)) - Number(Object.is(a.value, -0));
}
