import type { LanceField } from "../format/schema.ts";
import type { ArithmeticOperator, ComparisonOperator } from "./ast.ts";
import type { ScalarValue } from "./scalar-query.ts";
import { BOOLEAN, type ValueType } from "./value-type.ts";

/**
 * A value of any type that can be computed with: a {@link ScalarValue}; decimals as unscaled bigints, times and durations
 * as their ticks (`time32` as number), bytes of binaries, and the items of a list.
 */
export type Value = ScalarValue | Uint8Array | readonly (Value | null)[];

/** A literal of a known type; `value` is in the type's physical unit, `null` is SQL's NULL. */
export interface BoundLiteral {
  readonly kind: "literal";
  readonly type: ValueType;
  readonly value: Value | null;
  /** Its type was written out (`CAST`, `date '…'`): it widens the other side where it does not fit. */
  readonly explicit?: boolean;
}

/** A top-level column of the table. */
export interface BoundColumn {
  readonly kind: "column";
  readonly name: string;
  readonly type: ValueType;
  /** As the schema has it: what a projection of the column alone returns. */
  readonly field: LanceField;
}

/**
 * An expression whose names and types are known. NOT is pushed down as far as it goes, literals stand on the right, and
 * comparisons with a floating point zero name the encoding that makes them right (`f = 0` is `f IN (-0, 0)`).
 */
export type BoundExpression =
  | { readonly kind: "constant"; readonly value: boolean | null }
  | BoundColumn
  | BoundLiteral
  | {
      /** One field of a struct. */
      readonly kind: "field";
      readonly operand: BoundExpression;
      readonly name: string;
      readonly type: ValueType;
      readonly field: LanceField;
    }
  | {
      /** The value of the first branch whose condition is true. */
      readonly kind: "case";
      readonly branches: readonly { readonly when: BoundExpression; readonly value: BoundExpression }[];
      readonly otherwise: BoundExpression;
      readonly type: ValueType;
    }
  | { readonly kind: "and" | "or"; readonly operands: readonly BoundExpression[] }
  | { readonly kind: "not"; readonly operand: BoundExpression }
  | {
      readonly kind: "compare";
      readonly operator: ComparisonOperator;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
    }
  | {
      readonly kind: "inList";
      readonly operand: BoundExpression;
      /** Of the operand's type, no NULL among them. */
      readonly values: readonly Value[];
      readonly negated: boolean;
    }
  | { readonly kind: "isNull"; readonly operand: BoundExpression; readonly negated: boolean }
  | {
      readonly kind: "isBoolean";
      readonly operand: BoundExpression;
      readonly value: boolean;
      readonly negated: boolean;
    }
  | {
      readonly kind: "distinct";
      readonly left: BoundExpression;
      readonly right: BoundExpression;
      readonly negated: boolean;
    }
  | {
      readonly kind: "like";
      readonly operand: BoundExpression;
      /** The escape character is always a backslash. */
      readonly pattern: string;
      readonly caseInsensitive: boolean;
      readonly negated: boolean;
    }
  | {
      /** A function of the table in `functions/`. `starts_with` with a literal becomes LIKE. */
      readonly kind: "call";
      readonly name: string;
      readonly arguments: readonly BoundExpression[];
      readonly type: ValueType;
    }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: BoundExpression;
      readonly right: BoundExpression;
      readonly type: ValueType;
    }
  | { readonly kind: "negative"; readonly operand: BoundExpression; readonly type: ValueType }
  | {
      readonly kind: "cast";
      readonly operand: BoundExpression;
      readonly type: ValueType;
      /** A value without counterpart becomes NULL (TRY_CAST) instead of an error. */
      readonly safe: boolean;
    };

const INVERSE: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "!=",
  "!=": "=",
  "<": ">=",
  ">=": "<",
  ">": "<=",
  "<=": ">",
};

/** The type of an expression's result. */
export function typeOf(expression: BoundExpression): ValueType {
  return "type" in expression ? expression.type : BOOLEAN;
}

/** NOT of a predicate, pushed down to its leaves. Floats are totally ordered, so every comparison has an inverse. */
export function negate(expression: BoundExpression): BoundExpression {
  switch (expression.kind) {
    case "constant":
      return { kind: "constant", value: expression.value === null ? null : !expression.value };
    case "not":
      return expression.operand;
    case "and":
      return makeOr(expression.operands.map(negate));
    case "or":
      return makeAnd(expression.operands.map(negate));
    case "compare":
      return { ...expression, operator: INVERSE[expression.operator] };
    case "inList":
    case "isNull":
    case "isBoolean":
    case "distinct":
    case "like":
      return { ...expression, negated: !expression.negated };
    default:
      return { kind: "not", operand: expression };
  }
}

/** AND of predicates: `true` drops out, `false` decides. */
export function makeAnd(operands: readonly BoundExpression[]): BoundExpression {
  return makeLogical("and", operands, true);
}

/** OR of predicates: `false` drops out, `true` decides; four or more values of one column become an IN list. */
export function makeOr(operands: readonly BoundExpression[]): BoundExpression {
  return makeLogical("or", operands, false);
}

function makeLogical(kind: "and" | "or", operands: readonly BoundExpression[], neutral: boolean): BoundExpression {
  const kept: BoundExpression[] = [];
  for (const operand of operands.flatMap((node) => (node.kind === kind ? node.operands : [node]))) {
    if (operand.kind === "constant" && operand.value === !neutral) return operand;
    if (operand.kind !== "constant" || operand.value !== neutral) kept.push(operand);
  }
  const merged = mergeEqualities(kept, kind === "and");
  if (merged.length === 0) return { kind: "constant", value: neutral };
  return merged.length === 1 ? merged[0]! : { kind, operands: merged };
}

/** Values of up to this many stay apart as `a = 1 OR a = 2`, as native's simplifier has them. */
export const MAX_EXPANDED_LIST = 3;

/** `a = 1 OR a = 2 OR …` on one column → one list (negated: `a != 1 AND a != 2 …`). */
function mergeEqualities(operands: readonly BoundExpression[], negated: boolean): readonly BoundExpression[] {
  const first = readEquality(operands[0], negated);
  if (operands.length < 2 || first === null) return operands;
  const values = new Set<Value>();
  for (const operand of operands) {
    const equality = readEquality(operand, negated);
    if (equality === null || equality.column.name !== first.column.name) return operands;
    for (const value of equality.values) values.add(value);
  }
  if (values.size <= MAX_EXPANDED_LIST) return operands;
  return [{ kind: "inList", operand: first.column, values: [...values], negated }];
}

function readEquality(
  expression: BoundExpression | undefined,
  negated: boolean,
): { readonly column: BoundColumn; readonly values: readonly Value[] } | null {
  if (expression === undefined) return null;
  if (expression.kind === "inList" && expression.negated === negated && expression.operand.kind === "column") {
    // A Set has one zero: the pair of encodings must stay whole.
    if (expression.operand.type.kind === "float") return null;
    return { column: expression.operand, values: expression.values };
  }
  if (expression.kind !== "compare" || expression.operator !== (negated ? "!=" : "=")) return null;
  const { left, right } = expression;
  if (left.kind !== "column" || left.type.kind === "float" || right.kind !== "literal" || right.value === null)
    return null;
  return { column: left, values: [right.value] };
}

/** Names of the columns an expression reads, each once, sorted. */
export function columnsOf(expression: BoundExpression): string[] {
  return [...new Set(pathsOf(expression).map(([name]) => name!))].sort();
}

/** Paths of what an expression reads: a column, or a field in one (`["st", "a"]`). */
export function pathsOf(expression: BoundExpression): string[][] {
  const paths: string[][] = [];
  const visit = (node: BoundExpression): void => {
    const path = readPath(node);
    if (path !== null) paths.push(path);
    else for (const child of childrenOf(node)) visit(child);
  };
  visit(expression);
  return paths;
}

/** The path of a column or of a field in one; `null` for anything else. */
export function readPath(node: BoundExpression): string[] | null {
  if (node.kind === "column") return [node.name];
  if (node.kind !== "field") return null;
  const parent = readPath(node.operand);
  return parent === null ? null : [...parent, node.name];
}

function childrenOf(node: BoundExpression): readonly BoundExpression[] {
  if ("operands" in node) return node.operands;
  if ("operand" in node) return [node.operand];
  if ("arguments" in node) return node.arguments;
  if ("left" in node) return [node.left, node.right];
  if ("branches" in node) return [...node.branches.flatMap(({ when, value }) => [when, value]), node.otherwise];
  return [];
}
