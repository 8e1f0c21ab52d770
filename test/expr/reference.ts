import type { Expression } from "../../src/expr/ast.ts";

/** A row as plain values: integers of 64 bits as bigint, all else as JS has it. */
export type Row = Readonly<Record<string, Cell>>;
export type Cell = number | bigint | string | boolean | null;

/**
 * Three-valued logic, one row at a time, straight from the parsed filter: no types, no rewriting, no vectors. Knows the
 * columns and literals the property test makes.
 */
export function evaluateRow(node: Expression, row: Row): Cell {
  switch (node.kind) {
    case "column":
      return row[node.path[0]!]!;
    case "number":
      return /^-?\d+$/.test(node.text) ? BigInt(node.text) : Number(node.text);
    case "string":
      return node.value;
    case "boolean":
      return node.value;
    case "null":
      return null;
    case "not": {
      const value = evaluateRow(node.operand, row);
      return value === null ? null : !value;
    }
    case "and":
    case "or": {
      const decisive = node.kind === "or";
      const values = node.operands.map((operand) => evaluateRow(operand, row));
      if (values.includes(decisive)) return decisive;
      return values.includes(null) ? null : !decisive;
    }
    case "compare":
      return compare(node.operator, node.left, node.right, row);
    case "between": {
      const low = compare(">=", node.operand, node.low, row);
      const high = compare("<=", node.operand, node.high, row);
      const inside = low === false || high === false ? false : low === null || high === null ? null : true;
      return inside === null ? null : inside !== node.negated;
    }
    case "inList": {
      const found = node.list.map((item) => compare("=", node.operand, item, row));
      const value = found.includes(true) ? true : found.includes(null) ? null : false;
      return value === null ? null : value !== node.negated;
    }
    case "is": {
      const value = evaluateRow(node.operand, row);
      const isSo = node.what === "null" ? value === null : value === (node.what === "true");
      return isSo !== node.negated;
    }
    case "distinct": {
      const [a, b] = [evaluateRow(node.left, row), evaluateRow(node.right, row)];
      const isSame = a === null || b === null ? a === b : compare("=", node.left, node.right, row) === true;
      return isSame === node.negated;
    }
    case "negative":
      return wrap(negate(evaluateRow(node.operand, row)));
    case "arithmetic": {
      const [a, b] = [evaluateRow(node.left, row), evaluateRow(node.right, row)];
      return a === null || b === null ? null : compute(node.operator, a, b);
    }
    case "concat": {
      const [a, b] = [evaluateRow(node.left, row), evaluateRow(node.right, row)];
      return a === null || b === null ? null : `${a}${b}`;
    }
    case "case": {
      for (const { when, value } of node.branches) {
        const isHit = node.subject === null ? evaluateRow(when, row) : compare("=", node.subject, when, row);
        if (isHit === true) return evaluateRow(value, row);
      }
      return node.otherwise === null ? null : evaluateRow(node.otherwise, row);
    }
    case "like": {
      const [text, pattern] = [evaluateRow(node.operand, row), evaluateRow(node.pattern, row)];
      if (typeof text !== "string" || typeof pattern !== "string") return null;
      return matches([...text], [...pattern]) !== node.negated;
    }
    case "call": {
      const values = node.arguments.map((argument) => evaluateRow(argument, row));
      if (node.name === "coalesce") return values.find((value) => value !== null) ?? null;
      const [first, second] = values;
      if (node.name === "nullif" && second === null) return first!;
      if (first === null || second === null) return null;
      if (node.name === "isnan") return Number.isNaN(first);
      if (node.name === "nullif") return compareCells(first!, second!, true) === 0 ? null : first!;
      if (node.name === "abs") return compareCells(first!, 0n, true) < 0 ? wrap(negate(first!)) : first!;
      if (typeof first === "string" && node.name === "length") return BigInt([...first].length);
      if (typeof first === "string" && node.name === "reverse") return [...first].reverse().join("");
      if (typeof first === "string" && node.name === "left") return [...first].slice(0, Number(second)).join("");
      if (typeof first !== "string" || typeof second !== "string") throw new Error(`reference: ${node.name}`);
      if (node.name === "starts_with") return first.startsWith(second);
      return node.name === "ends_with" ? first.endsWith(second) : first.includes(second);
    }
    default:
      throw new Error(`reference: ${node.kind}`);
  }
}

/** In int64, or in doubles where one side is one. */
function compute(operator: string, a: Exclude<Cell, null>, b: Exclude<Cell, null>): Cell {
  if (typeof a === "bigint" && typeof b === "bigint") {
    if (operator === "/") return wrap(a / b);
    return wrap(operator === "+" ? a + b : operator === "-" ? a - b : operator === "*" ? a * b : a % b);
  }
  const [x, y] = [Number(a), Number(b)];
  if (operator === "/") return x / y;
  return operator === "+" ? x + y : operator === "-" ? x - y : operator === "*" ? x * y : x % y;
}

function wrap(value: Cell): Cell {
  return typeof value === "bigint" ? BigInt.asIntN(64, value) : value;
}

function negate(value: Cell): Cell {
  if (value === null) return null;
  return typeof value === "bigint" ? -value : -(value as number);
}

function compare(operator: string, left: Expression, right: Expression, row: Row): boolean | null {
  const [a, b] = [evaluateRow(left, row), evaluateRow(right, row)];
  if (a === null || b === null) return null;
  const hasLiteral = left.kind !== "column" || right.kind !== "column";
  const order = compareCells(a, b, hasLiteral);
  return {
    "=": order === 0,
    "!=": order !== 0,
    "<": order < 0,
    "<=": order <= 0,
    ">": order > 0,
    ">=": order >= 0,
  }[operator]!;
}

function compareCells(a: Exclude<Cell, null>, b: Exclude<Cell, null>, hasLiteral: boolean): number {
  if (typeof a === "string" && typeof b === "string") return Buffer.compare(Buffer.from(a), Buffer.from(b));
  if (a < b) return -1;
  if (a > b) return 1;
  if (Number.isNaN(a) || Number.isNaN(b)) return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
  if (hasLiteral || a !== 0 || b !== 0) return 0;
  return Number(Object.is(b, -0)) - Number(Object.is(a, -0));
}

/** By the definition, exponential in the number of `%`. */
function matches(text: readonly string[], pattern: readonly string[]): boolean {
  if (pattern.length === 0) return text.length === 0;
  const [first, ...rest] = pattern;
  if (first === "%") return matches(text, rest) || (text.length > 0 && matches(text.slice(1), pattern));
  if (text.length === 0) return false;
  if (first === "_") return matches(text.slice(1), rest);
  if (first === "\\" && rest.length > 0) return text[0] === rest[0] && matches(text.slice(1), rest.slice(1));
  return text[0] === first && matches(text.slice(1), rest);
}
