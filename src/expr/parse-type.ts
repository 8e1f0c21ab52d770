import type { TokenCursor } from "./token-cursor.ts";
import { BOOLEAN, FLOAT32, FLOAT64, type TimeUnit, UTF8, type ValueType } from "./value-type.ts";

const INTEGER_BITS: Readonly<Record<string, 8 | 16 | 32 | 64>> = {
  TINYINT: 8,
  SMALLINT: 16,
  INT: 32,
  INTEGER: 32,
  BIGINT: 64,
};

const NAMED: Readonly<Record<string, ValueType>> = {
  FLOAT: FLOAT32,
  DOUBLE: FLOAT64,
  STRING: UTF8,
  BINARY: { kind: "binary", large: false },
  BOOLEAN,
  DATE: { kind: "date", unit: "day" },
};

/** Digits of a second's fraction a timestamp keeps → its unit. Microseconds where none is given, as pyarrow. */
const PRECISIONS: Readonly<Record<string, TimeUnit>> = { "0": "s", "3": "ms", "6": "us", "9": "ns" };

/**
 * Reads the SQL name of a type: the target of a cast.
 *
 * @throws INVALID_ARGUMENT on a name native Lance does not take
 */
export function readTypeName(cursor: TokenCursor): ValueType {
  const token = cursor.peek();
  const upper = token.kind === "word" ? token.upper : "";
  const bits = Object.hasOwn(INTEGER_BITS, upper) ? INTEGER_BITS[upper] : undefined;
  if (bits !== undefined) {
    cursor.take();
    return { kind: "int", bits, signed: !cursor.takeWord("UNSIGNED") };
  }
  const named = Object.hasOwn(NAMED, upper) ? NAMED[upper] : undefined;
  if (named !== undefined) {
    cursor.take();
    return named;
  }
  if (upper === "TIMESTAMP" || upper === "DATETIME") {
    cursor.take();
    return { kind: "timestamp", unit: readPrecision(cursor), timezone: null };
  }
  if (upper === "DECIMAL") {
    cursor.take();
    return readDecimal(cursor);
  }
  throw cursor.error(
    "a type: tinyint, smallint, int, bigint (each [unsigned]), float, double, string, binary, boolean, date, timestamp[(0|3|6|9)], decimal(precision, scale)",
  );
}

function readPrecision(cursor: TokenCursor): TimeUnit {
  if (!cursor.takeSymbol("(")) return "us";
  const token = cursor.peek();
  const unit = Object.hasOwn(PRECISIONS, token.text) ? PRECISIONS[token.text] : undefined;
  if (unit === undefined) throw cursor.error("a precision of 0, 3, 6 or 9 digits");
  cursor.take();
  cursor.expectSymbol(")");
  return unit;
}

function readDecimal(cursor: TokenCursor): ValueType {
  cursor.expectSymbol("(");
  const precision = readDigits(cursor, 38);
  cursor.expectSymbol(",");
  const scale = readDigits(cursor, precision);
  cursor.expectSymbol(")");
  return { kind: "decimal", bits: 128, precision, scale };
}

function readDigits(cursor: TokenCursor, maximum: number): number {
  const token = cursor.peek();
  const digits = token.kind === "number" && /^\d+$/.test(token.text) ? Number(token.text) : Number.NaN;
  if (!(digits <= maximum)) throw cursor.error(`a number of digits of at most ${maximum}`);
  cursor.take();
  return digits;
}
