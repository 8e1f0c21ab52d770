import type { RecordBatch } from "apache-arrow";
import type { ComparisonOperator } from "../ast.ts";
import { clearTail, createBits, fillBits, uniteBits } from "../bitset.ts";
import { type BoundExpression, typeOf } from "../bound.ts";
import { satisfies } from "../scalar-order.ts";
import { isSameType } from "../value-type.ts";
import { evaluateArithmetic, evaluateCast, evaluateNegative } from "./arithmetic.ts";
import { compareWithLiteral } from "./compare-literal.ts";
import { collectRows, createComparator } from "./compare-vectors.ts";
import { matchList } from "./in-list.ts";
import { createLiteralVector } from "./literal-vector.ts";
import { mapText, matchLike, matchPart, measureText } from "./text.ts";
import { createNullVector, readColumn, type Vector } from "./vector.ts";

/**
 * The outcome of a predicate for every row of a batch, in three-valued logic. Words of 32 rows, bit 0 = row 0; bits
 * beyond the last row are 0, and no row is in both.
 */
export interface FilterResult {
  readonly values: Uint32Array;
  /** Rows where the predicate is NULL. */
  readonly nulls: Uint32Array;
}

/**
 * Compiles a filter to a function of a batch that evaluates a column at a time. The batch has the columns of
 * `columnsOf(bound)`, found by name; `selectIndices(result.values)` gives the rows that pass.
 *
 * @throws (the function) INVALID_ARGUMENT when a column is missing or an integer is divided by zero; SCHEMA_MISMATCH
 * when a column has another type than it was bound to
 */
export function compileExpression(bound: BoundExpression): (batch: RecordBatch) => FilterResult {
  return (batch) => {
    // Arrow leaves out the buffers of an empty column.
    if (batch.numRows === 0) return { values: createBits(0), nulls: createBits(0) };
    const { bits, nulls } = evaluatePredicate(bound, batch);
    return { values: bits, nulls: nulls ?? createBits(batch.numRows) };
  };
}

/** As a result, but with `null` for no NULL, and with the NULL rows cleared from `bits`. */
interface Outcome {
  readonly bits: Uint32Array;
  readonly nulls: Uint32Array | null;
}

function evaluatePredicate(node: BoundExpression, batch: RecordBatch): Outcome {
  const length = batch.numRows;
  switch (node.kind) {
    case "constant":
      if (node.value === null) return { bits: createBits(length), nulls: fillBits(length) };
      return { bits: node.value ? fillBits(length) : createBits(length), nulls: null };
    case "and":
    case "or":
      return evaluateLogical(node.kind, node.operands, batch);
    case "not":
      return invert(evaluatePredicate(node.operand, batch), length);
    case "compare":
      return evaluateCompare(node.operator, node.left, node.right, batch);
    case "inList": {
      const vector = evaluateVector(node.operand, batch);
      const outcome = settle(matchList(vector, node.values), vector.nulls);
      return node.negated ? invert(outcome, length) : outcome;
    }
    case "isNull": {
      const nulls = evaluateVector(node.operand, batch).nulls ?? createBits(length);
      return node.negated ? invert({ bits: nulls, nulls: null }, length) : { bits: nulls, nulls: null };
    }
    case "isBoolean": {
      const outcome = evaluatePredicate(node.operand, batch);
      const { bits } = node.value ? outcome : invert(outcome, length);
      return node.negated ? invert({ bits, nulls: null }, length) : { bits, nulls: null };
    }
    case "distinct":
      return evaluateDistinct(node, batch);
    case "like": {
      const vector = evaluateVector(node.operand, batch);
      if (vector.kind !== "bytes") return { bits: createBits(length), nulls: fillBits(length) };
      const outcome = settle(matchLike(vector, node.pattern, node.caseInsensitive), vector.nulls);
      return node.negated ? invert(outcome, length) : outcome;
    }
    default: {
      const vector = evaluateVector(node, batch);
      const bits = vector.kind === "boolean" ? vector.bits : createBits(length);
      return settle(bits.slice(), vector.nulls);
    }
  }
}

/** Kleene: false decides an AND, true an OR, whatever NULL stands beside it. */
function evaluateLogical(kind: "and" | "or", operands: readonly BoundExpression[], batch: RecordBatch): Outcome {
  const length = batch.numRows;
  const decided = createBits(length);
  let nulls: Uint32Array | null = null;
  for (const operand of operands) {
    const outcome = evaluatePredicate(operand, batch);
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
  batch: RecordBatch,
): Outcome {
  const vector = evaluateVector(left, batch);
  if (right.kind === "literal" && right.value !== null && isSameType(typeOf(left), right.type)) {
    return settle(compareWithLiteral(vector, operator, right.value), vector.nulls);
  }
  const other = evaluateVector(right, batch);
  const compare = createComparator(vector, typeOf(left), other, typeOf(right));
  const bits = collectRows(batch.numRows, compare, (order) => satisfies(operator, order));
  return settle(bits, uniteBits(vector.nulls, other.nulls));
}

function evaluateDistinct(node: Extract<BoundExpression, { kind: "distinct" }>, batch: RecordBatch): Outcome {
  const [left, right] = [evaluateVector(node.left, batch), evaluateVector(node.right, batch)];
  const length = batch.numRows;
  const compare = createComparator(left, typeOf(node.left), right, typeOf(node.right));
  const bits = collectRows(length, compare, (order) => order !== 0);
  const [a, b] = [left.nulls ?? createBits(length), right.nulls ?? createBits(length)];
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i]! & ~(a[i]! | b[i]!)) | (a[i]! ^ b[i]!);
  return node.negated ? invert({ bits, nulls: null }, length) : { bits, nulls: null };
}

function evaluateVector(node: BoundExpression, batch: RecordBatch): Vector {
  const length = batch.numRows;
  switch (node.kind) {
    case "column":
      return readColumn(batch, node);
    case "literal":
      return createLiteralVector(node, length);
    case "arithmetic":
      return evaluateArithmetic(
        node.operator,
        evaluateVector(node.left, batch),
        evaluateVector(node.right, batch),
        node.type,
      );
    case "negative":
      return evaluateNegative(evaluateVector(node.operand, batch), node.type);
    case "cast":
      return evaluateCast(evaluateVector(node.operand, batch), node.type);
    case "call":
      return evaluateCall(node, batch);
    default: {
      const { bits, nulls } = evaluatePredicate(node, batch);
      return { kind: "boolean", length, bits, nulls };
    }
  }
}

function evaluateCall(node: Extract<BoundExpression, { kind: "call" }>, batch: RecordBatch): Vector {
  const [first, second] = node.arguments.map((argument) => evaluateVector(argument, batch));
  const length = batch.numRows;
  if (first === undefined) return createNullVector(length);
  if (node.name === "isnan") return { kind: "boolean", length, nulls: first.nulls, bits: findNaN(first) };
  if (first.kind !== "bytes") return createNullVector(length);
  switch (node.name) {
    case "lower":
      return mapText(first, (text) => text.toLowerCase());
    case "upper":
      return mapText(first, (text) => text.toUpperCase());
    case "character_length":
    case "octet_length": {
      const values = measureText(first, node.name === "octet_length" ? "bytes" : "characters");
      return { kind: "number", length, nulls: first.nulls, values };
    }
    default: {
      if (second?.kind !== "bytes") return createNullVector(length);
      return {
        kind: "boolean",
        length,
        nulls: uniteBits(first.nulls, second.nulls),
        bits: matchPart(node.name, first, second),
      };
    }
  }
}

function findNaN(vector: Vector): Uint32Array {
  const bits = createBits(vector.length);
  if (vector.kind !== "number") return bits;
  for (let row = 0; row < vector.length; row++) {
    if (Number.isNaN(vector.values[row])) bits[row >>> 5]! |= 1 << (row & 31);
  }
  return bits;
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
