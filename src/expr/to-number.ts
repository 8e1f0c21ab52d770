import { roundHalf } from "./half.ts";
import { integerBounds, type ValueType } from "./value-type.ts";

/** An integer as a value of an integer-like type; `undefined` beyond its width. */
export function toTicks(value: bigint, type: ValueType): number | bigint | undefined {
  if (type.kind === "int") return toInteger(value, type);
  const isNarrow =
    (type.kind === "date" && type.unit === "day") ||
    (type.kind === "time" && (type.unit === "s" || type.unit === "ms"));
  const [minimum, maximum] = integerBounds(isNarrow ? 32 : 64, true);
  if (value < minimum || value > maximum) return undefined;
  return isNarrow ? Number(value) : value;
}

/** An integer as a value of an integer type; `undefined` beyond its width. */
export function toInteger(value: bigint, type: Extract<ValueType, { kind: "int" }>): number | bigint | undefined {
  const [minimum, maximum] = integerBounds(type.bits, type.signed);
  if (value < minimum || value > maximum) return undefined;
  return type.bits === 64 ? value : Number(value);
}

/** The nearest value of a float type: beyond its range, infinity. */
export function roundTo(value: number, bits: 16 | 32 | 64): number {
  if (bits === 64) return value;
  return bits === 32 ? Math.fround(value) : roundHalf(value);
}
