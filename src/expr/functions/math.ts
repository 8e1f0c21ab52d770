import { LanceError } from "../../errors.ts";
import type { Value } from "../bound.ts";
import { rescale } from "../decimal.ts";
import { roundTo, toInteger } from "../to-number.ts";
import { BOOLEAN, describeCastType, FLOAT64, INT64, type ValueType } from "../value-type.ts";
import { asFloat, type FunctionSpec, mapRows } from "./spec.ts";

/** One float in, one out. */
function map(apply: (value: number) => number): FunctionSpec {
  return {
    minimum: 1,
    maximum: 1,
    expects: "a number",
    resolve: ([type]) => {
      const float = asFloat(type);
      return float && { parameters: [float], result: float };
    },
    evaluate: mapRows(
      ({ type }) =>
        (value) =>
          round(apply(value as number), type),
    ),
  };
}

/** Two doubles in, one out. */
function combine(apply: (a: number, b: number) => number): FunctionSpec {
  return {
    minimum: 2,
    maximum: 2,
    expects: "two numbers",
    resolve: (types) => {
      if (types.some((type) => asFloat(type) === undefined)) return undefined;
      return { parameters: [FLOAT64, FLOAT64], result: FLOAT64 };
    },
    evaluate: mapRows(() => (a, b) => apply(a as number, b as number)),
  };
}

function test(apply: (value: number) => boolean): FunctionSpec {
  return {
    minimum: 1,
    maximum: 1,
    expects: "a number",
    resolve: ([type]) => {
      const isFloat = type?.kind === "float";
      if (!isFloat && type?.kind !== "int" && type?.kind !== "null") return undefined;
      return { parameters: [isFloat ? type : FLOAT64], result: BOOLEAN };
    },
    evaluate: mapRows(() => (value) => apply(value as number)),
  };
}

/** Rounds half away from zero, or cuts, at a number of digits after the point. */
function roundAt(apply: (value: number) => number): FunctionSpec {
  return {
    minimum: 1,
    maximum: 2,
    expects: "a number, a whole number of digits",
    resolve: ([type, digits], args) => {
      if (digits !== undefined && digits.kind !== "int" && digits.kind !== "null") return undefined;
      const parameters = (first: ValueType) => (digits === undefined ? [first] : [first, INT64]);
      const count = args[1];
      if (type?.kind === "decimal" && (count === undefined || count.kind === "literal")) {
        const scale = Math.min(type.scale, Math.max(0, Number(count?.value ?? 0)));
        return { parameters: parameters(type), result: { ...type, scale } };
      }
      const float = asFloat(type);
      return float && { parameters: parameters(float), result: float };
    },
    evaluate: mapRows(({ type, types }) => (value, digits) => {
      if (type.kind === "decimal" && types[0]!.kind === "decimal") {
        return rescale(value as bigint, types[0]!.scale, type.scale);
      }
      const scale = 10 ** Number(digits ?? 0);
      if (scale === 0) return 0;
      const result = apply((value as number) * scale) / scale;
      return round(digits === undefined || Number.isFinite(scale) ? result : (value as number), type);
    }),
  };
}

const abs: FunctionSpec = {
  minimum: 1,
  maximum: 1,
  expects: "a number",
  resolve: ([type]) =>
    type?.kind === "int" || type?.kind === "float" || type?.kind === "decimal"
      ? { parameters: [type], result: type }
      : undefined,
  evaluate: mapRows(({ type }) => (value): Value => {
    const size = typeof value === "bigint" ? (value < 0n ? -value : value) : Math.abs(value as number);
    if (type.kind === "int" && toInteger(BigInt(size), type) === undefined) {
      throw new LanceError("INVALID_ARGUMENT", `abs(${value}) is beyond ${describeCastType(type)}`, {
        expected: describeCastType(type),
        received: String(value),
      });
    }
    return size;
  }),
};

const gcd: FunctionSpec = {
  minimum: 2,
  maximum: 2,
  expects: "two whole numbers",
  resolve: (types) =>
    types.every((type) => type.kind === "int") ? { parameters: [INT64, INT64], result: INT64 } : undefined,
  evaluate: mapRows(() => (first, second) => {
    let [a, b] = [first as bigint, second as bigint];
    while (b !== 0n) [a, b] = [b, a % b];
    return BigInt.asIntN(64, a < 0n ? -a : a);
  }),
};

function round(value: number, type: ValueType): number {
  return type.kind === "float" ? roundTo(value, type.bits) : value;
}

function roundHalfAway(value: number): number {
  const size = Math.abs(value);
  // Adding a half would lift 0.49999999999999994 to 1.
  const rounded = size - Math.floor(size) >= 0.5 ? Math.ceil(size) : Math.floor(size);
  return value < 0 || Object.is(value, -0) ? -rounded : rounded;
}

const power = combine((a, b) => (a === 1 ? 1 : a ** b));
const log10 = map(Math.log10);

/** Base first, as SQL has it; of one argument, base 10. */
const log: FunctionSpec = {
  minimum: 1,
  maximum: 2,
  expects: "a number, or a base and a number",
  resolve: (types) => {
    if (types.some((type) => asFloat(type) === undefined)) return undefined;
    const result = asFloat(types.at(-1))!;
    return { parameters: types.map(() => result), result };
  },
  evaluate: mapRows(({ type }) => (first, second) => {
    if (second === undefined) return round(Math.log10(first as number), type);
    const [base, value] = [first as number, second as number];
    if (base === 2) return round(Math.log2(value), type);
    return round(base === 10 ? Math.log10(value) : Math.log(value) / Math.log(base), type);
  }),
};

/** Functions of numbers. */
export const MATH_FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  isnan: test(Number.isNaN),
  iszero: test((value) => value === 0),
  abs,
  gcd,
  floor: map(Math.floor),
  ceil: map(Math.ceil),
  round: roundAt(roundHalfAway),
  // One zero, as native has it; what is cut to zero keeps its sign.
  trunc: roundAt((value) => (value === 0 ? 0 : Math.trunc(value))),
  sqrt: map(Math.sqrt),
  cbrt: map(Math.cbrt),
  exp: map(Math.exp),
  ln: map(Math.log),
  log,
  log10,
  log2: map(Math.log2),
  power,
  pow: power,
  signum: map((value) => (value === 0 ? 0 : Math.sign(value))),
  sin: map(Math.sin),
  cos: map(Math.cos),
  tan: map(Math.tan),
  asin: map(Math.asin),
  acos: map(Math.acos),
  atan: map(Math.atan),
  degrees: map((value) => (value * 180) / Math.PI),
  radians: map((value) => (value * Math.PI) / 180),
};
