import type { ComparisonOperator } from "../ast.ts";
import { clearTail, createBits, fillBits, uniteBits } from "../bitset.ts";
import { type BoundExpression, typeOf } from "../bound.ts";
import { findFunction } from "../functions/table.ts";
import { satisfies } from "../scalar-order.ts";
import { isSameType } from "../value-type.ts";
import { evaluateArithmetic, evaluateNegative } from "./arithmetic.ts";
import { evaluateCast } from "./cast.ts";
import { chooseValues } from "./choose.ts";
import { compareWithLiteral } from "./compare-literal.ts";
import { collectRows, createComparator } from "./compare-vectors.ts";
import { matchList } from "./in-list.ts";
import { createLiteralVector } from "./literal-vector.ts";
import { readColumn, readField } from "./read-vector.ts";
import type { Scope } from "./scope.ts";
import { matchLike } from "./text.ts";
import type { Vector } from "./vector.ts";

/** The outcome of a predicate, with `null` for no NULL, and with the NULL rows cleared from `bits`. */
export interface Outcome {
  readonly bits: Uint32Array;
  readonly nulls: Uint32Array | null;
}

/** A predicate for every row. */
export function evaluatePredicate(node: BoundExpression, scope: Scope): Outcome {
  const { length } = scope;
  switch (node.kind) {
    case "constant":
      if (node.value === null) return { bits: createBits(length), nulls: fillBits(length) };
      return { bits: node.value ? fillBits(length) : createBits(length), nulls: null };
    case "and":
    case "or":
      return evaluateLogical(node.kind, node.operands, scope);
    case "not":
      return invert(evaluatePredicate(node.operand, scope), length);
    case "compare":
      return evaluateCompare(node.operator, node.left, node.right, scope);
    case "inList": {
      const vector = evaluateVector(node.operand, scope);
      const outcome = settle(matchList(vector, node.values), vector.nulls);
      return node.negated ? invert(outcome, length) : outcome;
    }
    case "isNull": {
      const nulls = evaluateVector(node.operand, scope).nulls ?? createBits(length);
      return node.negated ? invert({ bits: nulls, nulls: null }, length) : { bits: nulls, nulls: null };
    }
    case "isBoolean": {
      const outcome = evaluatePredicate(node.operand, scope);
      const { bits } = node.value ? outcome : invert(outcome, length);
      return node.negated ? invert({ bits, nulls: null }, length) : { bits, nulls: null };
    }
    case "distinct":
      return evaluateDistinct(node, scope);
    case "like": {
      const vector = evaluateVector(node.operand, scope);
      if (vector.kind !== "bytes") return { bits: createBits(length), nulls: fillBits(length) };
      const outcome = settle(matchLike(vector, node.pattern, node.caseInsensitive), vector.nulls);
      return node.negated ? invert(outcome, length) : outcome;
    }
    default: {
      const vector = evaluateVector(node, scope);
      const bits = vector.kind === "boolean" ? vector.bits : createBits(length);
      return settle(bits.slice(), vector.nulls);
    }
  }
}

/** An expression of any type for every row. */
export function evaluateVector(node: BoundExpression, scope: Scope): Vector {
  const { length, skipped } = scope;
  switch (node.kind) {
    case "column":
      return readColumn(scope.batch, node);
    case "field":
      return readField(evaluateVector(node.operand, scope), node);
    case "literal":
      return createLiteralVector(node, length);
    case "arithmetic": {
      const options = { leftType: typeOf(node.left), rightType: typeOf(node.right), type: node.type, skipped };
      return evaluateArithmetic(
        node.operator,
        evaluateVector(node.left, scope),
        evaluateVector(node.right, scope),
        options,
      );
    }
    case "negative":
      return evaluateNegative(evaluateVector(node.operand, scope), node.type);
    case "cast":
      return evaluateCast(evaluateVector(node.operand, scope), typeOf(node.operand), node.type, {
        safe: node.safe,
        skipped,
      });
    case "case":
      return evaluateCase(node, scope);
    case "call": {
      const args = node.arguments.map((argument) => evaluateVector(argument, scope));
      return findFunction(node.name)!.evaluate(args, {
        length,
        types: node.arguments.map(typeOf),
        type: node.type,
        skipped,
      });
    }
    default: {
      const { bits, nulls } = evaluatePredicate(node, scope);
      return { kind: "boolean", length, bits, nulls };
    }
  }
}

/** Each branch sees only the rows no earlier one took: `CASE WHEN z = 0 THEN 0 ELSE 1 / z END` never divides by zero. */
function evaluateCase(node: Extract<BoundExpression, { kind: "case" }>, scope: Scope): Vector {
  const { length } = scope;
  let taken = scope.skipped ?? createBits(length);
  const parts: { rows: Uint32Array; vector: Vector }[] = [];
  for (const { when, value } of node.branches) {
    const { bits } = evaluatePredicate(when, { ...scope, skipped: taken });
    const rows = bits.slice();
    for (let i = 0; i < rows.length; i++) rows[i] = rows[i]! & ~taken[i]!;
    const vector = evaluateVector(value, { ...scope, skipped: invert({ bits: rows, nulls: null }, length).bits });
    parts.push({ rows, vector });
    taken = uniteBits(taken, rows)!;
  }
  parts.push({
    rows: invert({ bits: taken, nulls: null }, length).bits,
    vector: evaluateVector(node.otherwise, { ...scope, skipped: taken }),
  });
  return chooseValues(parts, node.type, length);
}

/** Kleene: false decides an AND, true an OR, whatever NULL stands beside it. */
function evaluateLogical(kind: "and" | "or", operands: readonly BoundExpression[], scope: Scope): Outcome {
  const { length } = scope;
  const decided = createBits(length);
  let nulls: Uint32Array | null = null;
  for (const operand of operands) {
    const outcome = evaluatePredicate(operand, scope);
    const deciding = kind === "or" ? outcome.bits : invert(outcome, length).bits;
    for (let i = 0; i < decided.length; i++) decided[i] = decided[i]! | deciding[i]!;
    nulls = uniteBits(nulls, outcome.nulls);
    if (isFull(decided, length)) break;
  }
  const undecided = nulls === null ? null : nulls.slice();
  if (undecided !== null) for (let i = 0; i < decided.length; i++) undecided[i] = undecided[i]! & ~decided[i]!;
  if (kind === "or") return { bits: decided, nulls: undecided };
  return invert({ bits: decided, nulls: undecided }, length);
}

function evaluateCompare(
  operator: ComparisonOperator,
  left: BoundExpression,
  right: BoundExpression,
  scope: Scope,
): Outcome {
  const vector = evaluateVector(left, scope);
  if (
    right.kind === "literal" &&
    right.value !== null &&
    vector.kind !== "list" &&
    isSameType(typeOf(left), right.type)
  ) {
    return settle(compareWithLiteral(vector, operator, right.value), vector.nulls);
  }
  const other = evaluateVector(right, scope);
  const compare = createComparator(vector, typeOf(left), other, typeOf(right));
  const bits = collectRows(scope.length, compare, (order) => satisfies(operator, order));
  return settle(bits, uniteBits(vector.nulls, other.nulls));
}

function evaluateDistinct(node: Extract<BoundExpression, { kind: "distinct" }>, scope: Scope): Outcome {
  const [left, right] = [evaluateVector(node.left, scope), evaluateVector(node.right, scope)];
  const { length } = scope;
  const compare = createComparator(left, typeOf(node.left), right, typeOf(node.right));
  const bits = collectRows(length, compare, (order) => order !== 0);
  const [a, b] = [left.nulls ?? createBits(length), right.nulls ?? createBits(length)];
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i]! & ~(a[i]! | b[i]!)) | (a[i]! ^ b[i]!);
  return node.negated ? invert({ bits, nulls: null }, length) : { bits, nulls: null };
}

/** Clears NULL rows from freshly made bits. */
function settle(bits: Uint32Array, nulls: Uint32Array | null): Outcome {
  if (nulls !== null) for (let i = 0; i < bits.length; i++) bits[i] = bits[i]! & ~nulls[i]!;
  return { bits, nulls };
}

/** True ↔ false; NULL stays NULL. */
function invert({ bits, nulls }: Outcome, length: number): Outcome {
  const inverted = new Uint32Array(bits.length);
  for (let i = 0; i < bits.length; i++) inverted[i] = ~(bits[i]! | (nulls === null ? 0 : nulls[i]!));
  return { bits: clearTail(inverted, length), nulls };
}

function isFull(words: Uint32Array, length: number): boolean {
  const last = words.length - 1;
  for (let i = 0; i < last; i++) if (words[i] !== 0xffffffff) return false;
  return last < 0 || words[last] === fillBits(length)[last];
}
