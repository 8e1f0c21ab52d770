import { hasBit, uniteBits } from "../bitset.ts";
import type { BoundExpression, Value } from "../bound.ts";
import { buildVector } from "../compile/build-vector.ts";
import { createReader } from "../compile/read-value.ts";
import { createNullVector, type Vector } from "../compile/vector.ts";
import { describeCastType, FLOAT32, FLOAT64, type ValueType } from "../value-type.ts";

/** The types a function is called with, after implicit casts, and the type of its result. */
export interface Signature {
  readonly parameters: readonly ValueType[];
  readonly result: ValueType;
}

/** What a function knows about the call beside its arguments' vectors. */
export interface Call {
  readonly length: number;
  /** Of the arguments. */
  readonly types: readonly ValueType[];
  readonly type: ValueType;
  /** Rows nobody will look at: never an error. */
  readonly skipped: Uint32Array | null;
}

/** One function of the SQL subset. */
export interface FunctionSpec {
  readonly minimum: number;
  readonly maximum: number;
  /** What arguments it takes, for errors: `text`, `a number, a whole number`. */
  readonly expects: string;
  /** `undefined` when it does not take such arguments. */
  resolve(types: readonly ValueType[], args: readonly BoundExpression[]): Signature | undefined;
  evaluate(args: readonly Vector[], call: Call): Vector;
}

/** Evaluates row by row: NULL where an argument is NULL, and where `compute` gives `null`. */
export function mapRows(
  prepare: (call: Call) => (...values: readonly Value[]) => Value | null | undefined,
): FunctionSpec["evaluate"] {
  return (args, call) => {
    const compute = prepare(call);
    let nulls: Uint32Array | null = null;
    for (const { nulls: own } of args) nulls = uniteBits(nulls, own);
    const readers = args.map((vector, i) => createReader(vector, call.types[i]!));
    const [first, second] = readers;
    const left = uniteBits(nulls, call.skipped);
    return buildVector(call.type, call.length, (row) => {
      if (left !== null && hasBit(left, row)) return null;
      if (readers.length === 1) return compute(first!(row));
      if (readers.length === 2) return compute(first!(row), second!(row));
      return compute(...readers.map((read) => read(row)));
    });
  };
}

/** Evaluates texts as bytes: NULL where an argument is. */
export function mapBytes(
  evaluate: (vectors: readonly Extract<Vector, { kind: "bytes" }>[], nulls: Uint32Array | null, call: Call) => Vector,
): FunctionSpec["evaluate"] {
  return (args, call) => {
    let nulls: Uint32Array | null = null;
    for (const { nulls: own } of args) nulls = uniteBits(nulls, own);
    const vectors = args.filter((vector) => vector.kind === "bytes");
    return vectors.length === args.length ? evaluate(vectors, nulls, call) : createNullVector(call.length);
  };
}

/** The argument as text of its own width; NULL as text. */
export function asText(type: ValueType | undefined): ValueType | undefined {
  if (type?.kind === "utf8") return type;
  return type?.kind === "null" ? { kind: "utf8", large: false } : undefined;
}

/** The float type a number is computed in: single floats stay, all else is double. */
export function asFloat(type: ValueType | undefined): ValueType | undefined {
  if (type?.kind === "float") return type.bits === 64 ? FLOAT64 : FLOAT32;
  return type?.kind === "int" || type?.kind === "decimal" || type?.kind === "null" ? FLOAT64 : undefined;
}

/** The type of each argument, for errors. */
export function describeArguments(types: readonly ValueType[]): string {
  return types.map(describeCastType).join(", ");
}
