import { LanceError } from "../errors.ts";
import type { ComparisonOperator } from "./ast.ts";
import { makeCast } from "./bind-cast.ts";
import {
  type BoundExpression,
  type BoundLiteral,
  MAX_EXPANDED_LIST,
  makeAnd,
  makeOr,
  negate,
  readPath,
  typeOf,
  type Value,
} from "./bound.ts";
import { unitePair } from "./common-type.ts";
import { formatLiteral } from "./format-literal.ts";
import { coerceLiteral } from "./literal.ts";
import { compareScalars, satisfies } from "./scalar-order.ts";
import { describeCastType, isSameType, timeBits, type ValueType } from "./value-type.ts";

const MIRRORED: Readonly<Record<ComparisonOperator, ComparisonOperator>> = {
  "=": "=",
  "!=": "!=",
  "<": ">",
  "<=": ">=",
  ">": "<",
  ">=": "<=",
};

/** `left operator right`, the literal moved to the right and given the other side's type. */
export function bindComparison(
  operator: ComparisonOperator,
  left: BoundExpression,
  right: BoundExpression,
): BoundExpression {
  if (left.kind === "literal" && right.kind === "literal") return compareLiterals(operator, left, right);
  if (left.kind === "literal") return bindComparison(MIRRORED[operator], right, left);
  checkComparable(left, right);
  if (right.kind !== "literal") {
    const [a, b] = alignTypes(left, right);
    return { kind: "compare", operator, left: a, right: b };
  }
  if (right.value === null || typeOf(left).kind === "null") return { kind: "constant", value: null };
  const [operand, literal] = coerceSides(left, right);
  if (typeof literal.value === "boolean") return compareBoolean(operator, operand, literal);
  const isZero = literal.type.kind === "float" && literal.value === 0;
  if (!isZero) return { kind: "compare", operator, left: operand, right: literal };
  if (operator === "=" || operator === "!=") {
    return { kind: "inList", operand, values: [-0, 0], negated: operator === "!=" };
  }
  // IEEE has one zero, the total order of an index two: the bound is the encoding that takes both or neither.
  const value = operator === "<" || operator === ">=" ? -0 : 0;
  return { kind: "compare", operator, left: operand, right: { ...literal, value } };
}

/** `left IS [NOT] DISTINCT FROM right`: equality in which two NULLs are the same. */
export function bindDistinct(left: BoundExpression, right: BoundExpression, negated: boolean): BoundExpression {
  if (left.kind === "literal" && right.kind !== "literal") return bindDistinct(right, left, negated);
  if (left.kind === "literal" && right.kind === "literal") {
    const equal = left.value === null || right.value === null ? left.value === right.value : isTrue("=", left, right);
    return { kind: "constant", value: equal === negated };
  }
  checkComparable(left, right);
  if (right.kind !== "literal") {
    const [a, b] = alignTypes(left, right);
    return { kind: "distinct", left: a, right: b, negated };
  }
  if (right.value === null) return { kind: "isNull", operand: left, negated: !negated };
  const equality = bindComparison("=", left, right);
  if (equality.kind === "constant") return { kind: "constant", value: !negated };
  return { kind: "isBoolean", operand: equality, value: true, negated: !negated };
}

/** `operand [NOT] IN (items)`. A NULL among the items leaves misses undecided; short lists become equalities. */
export function bindInList(
  operand: BoundExpression,
  items: readonly BoundExpression[],
  negated: boolean,
): BoundExpression {
  const terms: BoundExpression[] = [];
  const values: Value[] = [];
  const seen = new Set<Value>();
  let listed = operand;
  for (const item of items) {
    const term = bindComparison("=", operand, item);
    const value = term.kind === "compare" && term.right.kind === "literal" ? term.right.value : null;
    if (term.kind !== "compare" || value === null || !isSameType(typeOf(term.left), typeOf(term.right))) {
      terms.push(term);
    } else if (!seen.has(value)) {
      seen.add(value);
      values.push(value);
      listed = term.left;
    }
  }
  const zeros = terms.findIndex((term) => term.kind === "inList");
  const size = values.length + (zeros < 0 ? 0 : 1);
  if (size > MAX_EXPANDED_LIST) {
    const rest = terms.filter((term) => term.kind !== "inList");
    const all = zeros < 0 ? values : [-0, 0, ...values];
    const list: BoundExpression = { kind: "inList", operand: listed, values: all, negated: false };
    const union = makeOr([list, ...rest]);
    return negated ? negate(union) : union;
  }
  const equalities = values.map((value): BoundExpression => {
    return { kind: "compare", operator: "=", left: listed, right: { kind: "literal", type: typeOf(listed), value } };
  });
  const kept = terms.filter((term, index) => term.kind !== "inList" || index === zeros);
  const union = makeOr([
    ...kept.filter((term) => term.kind === "inList"),
    ...equalities,
    ...kept.filter((term) => term.kind !== "inList"),
  ]);
  return negated ? negate(union) : union;
}

function compareBoolean(operator: ComparisonOperator, left: BoundExpression, right: BoundLiteral): BoundExpression {
  const isTrueSide = right.value === true;
  const notNull: BoundExpression = { kind: "isNull", operand: left, negated: true };
  const unknown: BoundExpression = { kind: "constant", value: null };
  const always = (): BoundExpression => makeOr([notNull, unknown]);
  const never = (): BoundExpression => makeAnd([{ ...notNull, negated: false }, unknown]);
  switch (operator) {
    case "=":
      return isTrueSide ? left : negate(left);
    case "!=":
      return isTrueSide ? negate(left) : left;
    case ">":
      return isTrueSide ? never() : left;
    case "<":
      return isTrueSide ? negate(left) : never();
    case ">=":
      return isTrueSide ? left : always();
    case "<=":
      return isTrueSide ? always() : negate(left);
  }
}

function compareLiterals(operator: ComparisonOperator, left: BoundLiteral, right: BoundLiteral): BoundExpression {
  if (left.value === null || right.value === null) return { kind: "constant", value: null };
  checkComparable(left, right);
  const [a, b] = alignTypes(left, right) as [BoundLiteral, BoundLiteral];
  return { kind: "constant", value: isTrue(operator, a, b) };
}

function isTrue(operator: ComparisonOperator, left: BoundLiteral, right: BoundLiteral): boolean {
  return satisfies(operator, compareScalars(left, right));
}

/** Gives a literal its column's type; where only a wider type holds both, both keep theirs and the wider one decides. */
function coerceSides(left: BoundExpression, literal: BoundLiteral): readonly [BoundExpression, BoundLiteral] {
  // CAST(i AS bigint) = 5 asks nothing i = 5 does not, and an index on i can answer the latter.
  if (left.kind === "cast" && typeOf(left.operand).kind === "int" && left.type.kind === "int") {
    const type = typeOf(left.operand);
    const value = coerceLiteral(literal, type);
    if (value !== undefined) return [left.operand, { kind: "literal", type, value }];
  }
  const type = typeOf(left);
  if (isSameType(type, literal.type)) return [left, literal];
  const value = coerceLiteral(literal, type);
  const isExact = literal.explicit !== true || literal.type.kind !== "float" || Object.is(value, literal.value);
  if (value !== undefined && isExact) return [left, { kind: "literal", type, value }];
  const mayWiden = readPath(left) === null || literal.explicit === true || literal.type.kind === "timestamp";
  if (mayWiden && literal.type.kind !== "utf8") return alignTypes(left, literal) as [BoundExpression, BoundLiteral];
  throw mismatch(left, describeCastType(type), formatLiteral(literal));
}

function checkComparable(left: BoundExpression, right: BoundExpression): void {
  const [a, b] = [typeOf(left), typeOf(right)];
  for (const [side, type] of [
    [left, a],
    [right, b],
  ] as const) {
    if (type.kind !== "other" && type.kind !== "struct") continue;
    const what = side.kind === "column" ? `column ${JSON.stringify(side.name)}` : "an expression";
    const received = describeCastType(type);
    throw new LanceError(
      "UNSUPPORTED",
      `expression: comparing ${what} of type ${received}; compare its fields, or test it with IS [NOT] NULL`,
      {
        ...(side.kind === "column" ? { column: side.name } : {}),
        received,
      },
    );
  }
  if (a.kind === "null" || b.kind === "null" || groupOf(a) === groupOf(b)) return;
  const isTemporalText = (one: BoundExpression, other: ValueType) =>
    one.kind === "literal" && typeOf(one).kind === "utf8" && groupOf(other) === "temporal";
  if (isTemporalText(left, b) || isTemporalText(right, a)) return;
  // A time of day in 32 bits takes a number of its ticks, as in native.
  const isTicks = (one: BoundExpression, other: ValueType) =>
    one.kind === "literal" && typeOf(one).kind === "int" && other.kind === "time" && timeBits(other.unit) === 32;
  if (isTicks(left, b) || isTicks(right, a)) return;
  const received = right.kind === "literal" ? formatLiteral(right) : describeCastType(b);
  throw mismatch(left, describeCastType(a), received);
}

/** Both sides in one type, where the comparators know no pair of theirs: decimals, times, lists, fixed-size binaries. */
function alignTypes(left: BoundExpression, right: BoundExpression): [BoundExpression, BoundExpression] {
  const [a, b] = [typeOf(left), typeOf(right)];
  const isPlain = (type: ValueType) => ["int", "float", "date", "timestamp", "utf8", "boolean"].includes(type.kind);
  if (isSameType(a, b) || (isPlain(a) && isPlain(b))) return [left, right];
  const type = unitePair(a, b);
  return type === undefined ? [left, right] : [makeCast(left, type), makeCast(right, type)];
}

function groupOf(type: ValueType): string {
  if (type.kind === "int" || type.kind === "float" || type.kind === "decimal") return "number";
  if (type.kind === "fixedBinary") return "binary";
  return type.kind === "date" || type.kind === "timestamp" ? "temporal" : type.kind;
}

function mismatch(left: BoundExpression, expected: string, received: string): LanceError {
  const column = readPath(left)?.join(".");
  const subject = column === undefined ? "an expression" : `column ${JSON.stringify(column)}`;
  return new LanceError(
    "SCHEMA_MISMATCH",
    `expression: ${subject} is of type ${expected}: expected a value of that type, received ${received}`,
    { ...(column === undefined ? {} : { column }), expected, received },
  );
}
