import { LanceError } from "../errors.ts";
import { TIME_UNITS } from "../format/logical-type.ts";
import {
  type DecimalType,
  describeCastType,
  FLOAT64,
  isSameType,
  type TimeUnit,
  type ValueType,
} from "./value-type.ts";

/**
 * The type values of several types meet in, as DataFusion unites them: numbers widen (an integer beside a single float
 * becomes that float), NULL takes any type, a number beside text becomes text in a CASE and the text a number elsewhere.
 *
 * @throws SCHEMA_MISMATCH when there is none
 */
export function uniteTypes(types: readonly ValueType[], what: string): ValueType {
  let united: ValueType = { kind: "null" };
  for (const type of types) {
    const next = unitePair(united, type);
    if (next === undefined) {
      const received = types.map(describeCastType).join(", ");
      throw new LanceError("SCHEMA_MISMATCH", `expression: ${what} expects values of one type, received ${received}`, {
        expected: "values of one type",
        received,
      });
    }
    united = next;
  }
  return united;
}

/** As {@link uniteTypes}, of two types; `undefined` when they do not go together. */
export function unitePair(a: ValueType, b: ValueType): ValueType | undefined {
  if (a.kind === "null") return b;
  if (b.kind === "null" || isSameType(a, b)) return a;
  const isNumber = (type: ValueType) => type.kind === "int" || type.kind === "float" || type.kind === "decimal";
  if (isNumber(a) && isNumber(b)) return uniteNumbers(a, b);
  if (a.kind === "utf8" && b.kind === "utf8") return a.large ? a : b;
  if (a.kind === "binary" && b.kind === "binary") return a.large ? a : b;
  if (a.kind === "utf8" && isNumber(b)) return b;
  if (b.kind === "utf8" && isNumber(a)) return a;
  if (a.kind === "list" && b.kind === "list") {
    const item = unitePair(a.item, b.item);
    return item && { kind: "list", item, form: a.form === "large" || b.form === "large" ? "large" : "list" };
  }
  return uniteTemporal(a, b);
}

function uniteNumbers(a: ValueType, b: ValueType): ValueType {
  if (a.kind === "float" || b.kind === "float") {
    const floats = [a, b].filter((type) => type.kind === "float");
    if (floats.length === 1) return floats[0]!;
    return floats[0]!.bits > floats[1]!.bits ? floats[0]! : floats[1]!;
  }
  if (a.kind === "int" && b.kind === "int") {
    if (a.signed === b.signed) return a.bits >= b.bits ? a : b;
    const [signed, unsigned] = a.signed ? [a, b] : [b, a];
    if (signed.bits > unsigned.bits) return signed;
    if (unsigned.bits === 64) return { kind: "decimal", bits: 128, precision: 20, scale: 0 };
    return { kind: "int", bits: ({ 8: 16, 16: 32, 32: 64 } as const)[unsigned.bits], signed: true };
  }
  const [x, y] = [asDecimal(a), asDecimal(b)];
  if (x === undefined || y === undefined) return FLOAT64;
  const bits = x.bits === 256 || y.bits === 256 ? 256 : 128;
  const scale = Math.max(x.scale, y.scale);
  const whole = Math.max(x.precision - x.scale, y.precision - y.scale);
  return { kind: "decimal", bits, precision: Math.min(bits === 256 ? 76 : 38, whole + scale), scale };
}

/** The decimal that holds every value of a decimal or an integer type. */
function asDecimal(type: ValueType): DecimalType | undefined {
  if (type.kind === "decimal") return type;
  if (type.kind !== "int") return undefined;
  const precision = { 8: 3, 16: 5, 32: 10, 64: 20 }[type.bits];
  return { kind: "decimal", bits: 128, precision, scale: 0 };
}

function uniteTemporal(a: ValueType, b: ValueType): ValueType | undefined {
  if (a.kind === "date" && b.kind === "date") return { kind: "date", unit: "ms" };
  if (a.kind === "date" && b.kind === "timestamp") return { ...b, unit: "ns" };
  if (a.kind === "timestamp" && b.kind === "date") return { ...a, unit: "ns" };
  if (a.kind === "timestamp" && b.kind === "timestamp") {
    return { kind: "timestamp", unit: coarser(a.unit, b.unit), timezone: a.timezone ?? b.timezone };
  }
  if (a.kind === "time" && b.kind === "time") return { kind: "time", unit: finer(a.unit, b.unit) };
  if (a.kind === "duration" && b.kind === "duration") return { kind: "duration", unit: finer(a.unit, b.unit) };
  return undefined;
}

function coarser(a: TimeUnit, b: TimeUnit): TimeUnit {
  return TIME_UNITS[Math.min(TIME_UNITS.indexOf(a), TIME_UNITS.indexOf(b))]!;
}

/** The finer of two units. */
export function finer(a: TimeUnit, b: TimeUnit): TimeUnit {
  return TIME_UNITS[Math.max(TIME_UNITS.indexOf(a), TIME_UNITS.indexOf(b))]!;
}
