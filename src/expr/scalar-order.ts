import type { ComparisonOperator } from "./ast.ts";
import type { BoundLiteral, Value } from "./bound.ts";
import type { ScalarValue } from "./scalar-query.ts";
import { convertTicks, MILLISECONDS_PER_DAY } from "./temporal.ts";

const encoder = new TextEncoder();

/** Orders two values of one column: text by its UTF-8 bytes, NaN above every number, one zero. Negative, 0 or positive. */
export function compareValues(a: ScalarValue, b: ScalarValue): number {
  if (typeof a === "string" && typeof b === "string") return compareBytes(encoder.encode(a), encoder.encode(b));
  if (a < b) return -1;
  if (a > b) return 1;
  return Number(Number.isNaN(a)) - Number(Number.isNaN(b));
}

/** Orders two literals that are not NULL, whatever their (comparable) types. */
export function compareScalars(a: BoundLiteral, b: BoundLiteral): number {
  return compareAny(toComparable(a), toComparable(b));
}

/** Orders two values of one type: bytes bytewise, lists item by item with NULL first. */
export function compareAny(a: Value, b: Value): number {
  if (typeof a !== "object" || typeof b !== "object") return compareValues(a as ScalarValue, b as ScalarValue);
  if (a instanceof Uint8Array && b instanceof Uint8Array) return compareBytes(a, b);
  const [x, y] = [a as readonly (Value | null)[], b as readonly (Value | null)[]];
  for (let i = 0; i < Math.min(x.length, y.length); i++) {
    const [p, q] = [x[i]!, y[i]!];
    const order = p === null || q === null ? Number(q === null) - Number(p === null) : compareAny(p, q);
    if (order !== 0) return order;
  }
  return x.length - y.length;
}

/** Bytewise order; a prefix comes first. */
export function compareBytes(a: Uint8Array, b: Uint8Array): number {
  const shared = Math.min(a.length, b.length);
  for (let i = 0; i < shared; i++) if (a[i] !== b[i]) return a[i]! - b[i]!;
  return a.length - b.length;
}

function toComparable(literal: BoundLiteral): Value {
  const { type, value } = literal;
  if (type.kind === "timestamp") return convertTicks(value as bigint, type.unit, "ns");
  if (type.kind !== "date") return value!;
  const milliseconds = type.unit === "day" ? BigInt(value as number) * BigInt(MILLISECONDS_PER_DAY) : (value as bigint);
  return convertTicks(milliseconds, "ms", "ns");
}

/** Whether two values in this order (below, at or above zero) satisfy the operator. */
export function satisfies(operator: ComparisonOperator, order: number): boolean {
  switch (operator) {
    case "=":
      return order === 0;
    case "!=":
      return order !== 0;
    case "<":
      return order < 0;
    case "<=":
      return order <= 0;
    case ">":
      return order > 0;
    case ">=":
      return order >= 0;
  }
}
