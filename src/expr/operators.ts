import type { ComparisonOperator } from "./ast.ts";

/** Binding strengths, as sqlparser's generic dialect has them. */
export const PRECEDENCE = {
  or: 5,
  and: 10,
  not: 15,
  shift: 16,
  is: 17,
  like: 19,
  compare: 20,
  sum: 30,
  product: 40,
  cast: 50,
} as const;

const COMPARISONS: Readonly<Record<string, ComparisonOperator>> = {
  "=": "=",
  "==": "=",
  "!=": "!=",
  "<>": "!=",
  "<": "<",
  "<=": "<=",
  ">": ">",
  ">=": ">=",
};

/** Strengths of the operators that compute: shifts weaker than comparisons, as there. */
const STRENGTHS: Readonly<Record<string, number>> = {
  "+": PRECEDENCE.sum,
  "-": PRECEDENCE.sum,
  "<<": PRECEDENCE.shift,
  ">>": PRECEDENCE.shift,
  "*": PRECEDENCE.product,
  "/": PRECEDENCE.product,
  "%": PRECEDENCE.product,
  "||": PRECEDENCE.product,
};

const RESERVED = new Set([
  "AND",
  "OR",
  "IN",
  "IS",
  "LIKE",
  "ILIKE",
  "BETWEEN",
  "ESCAPE",
  "AS",
  "FROM",
  "WHEN",
  "THEN",
  "ELSE",
  "END",
]);

/** The comparison a symbol is, if it is one. */
export function getComparison(symbol: string): ComparisonOperator | undefined {
  return Object.hasOwn(COMPARISONS, symbol) ? COMPARISONS[symbol] : undefined;
}

/** How strongly a symbol that computes binds; `undefined` where it is none. */
export function getStrength(symbol: string): number | undefined {
  return Object.hasOwn(STRENGTHS, symbol) ? STRENGTHS[symbol] : undefined;
}

/** Whether a word, in upper case, can name nothing: no column, no function. */
export function isReserved(upper: string): boolean {
  return RESERVED.has(upper);
}
