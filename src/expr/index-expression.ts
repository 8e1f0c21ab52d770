import type { BoundExpression } from "./bound.ts";
import type { ScalarQuery } from "./scalar-query.ts";
import type { ValueType } from "./value-type.ts";

/** The index that can answer a query, how its family is printed, and how well it answers. */
export interface ServingIndex {
  readonly index: string;
  readonly displayName: string;
  readonly exactness: "exact" | "recheck";
}

/** One search of one index. */
export interface IndexLeaf extends ServingIndex {
  readonly kind: "query";
  readonly column: string;
  /** The column's type, for printing. */
  readonly type: ValueType;
  readonly query: ScalarQuery;
}

/** Searches of indexes, put together by three-valued logic over (true rows, null rows). */
export type IndexExpression =
  | IndexLeaf
  | { readonly kind: "and" | "or"; readonly left: IndexExpression; readonly right: IndexExpression }
  | { readonly kind: "not"; readonly operand: IndexExpression };

/** What indexes answer, and what is left to evaluate on the rows they return. */
export interface IndexedFilter {
  readonly indexed: IndexExpression | null;
  /** `null`: nothing is left, the indexes' answer is exact. */
  readonly refine: BoundExpression | null;
}

/** Names the index that answers `query` on `column`, if there is one. */
export type CanServe = (column: string, query: ScalarQuery) => ServingIndex | undefined;
