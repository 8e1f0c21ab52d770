import { makeCast } from "./bind-cast.ts";
import { bindComparison } from "./bind-compare.ts";
import { type BoundExpression, makeAnd, makeOr, negate, typeOf } from "./bound.ts";
import { uniteTypes } from "./common-type.ts";
import type { ValueType } from "./value-type.ts";

/** Functions that choose among their arguments, with the least and the largest number of them. */
export const CONDITIONAL_FUNCTIONS: ReadonlyMap<string, readonly [minimum: number, maximum: number]> = new Map([
  ["coalesce", [1, 64]],
  ["nvl", [2, 2]],
  ["ifnull", [2, 2]],
  ["nvl2", [3, 3]],
  ["nullif", [2, 2]],
  ["greatest", [1, 64]],
  ["least", [1, 64]],
]);

/** A function of {@link CONDITIONAL_FUNCTIONS} as the CASE it means. @throws SCHEMA_MISMATCH when types do not go together */
export function bindConditional(name: string, args: readonly BoundExpression[]): BoundExpression {
  const what = `${name}()`;
  switch (name) {
    case "nvl2":
      return makeCase([{ when: isNotNull(args[0]!), value: args[1]! }], args[2]!, what);
    case "nullif": {
      const type = uniteTypes(args.map(typeOf), what);
      const [first, second] = args.map((argument) => makeCast(argument, type)) as [BoundExpression, BoundExpression];
      return makeCase([{ when: bindComparison("=", first, second), value: nullOf(type) }], first, what);
    }
    case "greatest":
    case "least":
      return bindExtreme(name === "greatest" ? ">=" : "<=", args, what);
    default: {
      const present = args.filter((argument) => argument.kind !== "literal" || argument.value !== null);
      const last = present.at(-1) ?? args.at(-1)!;
      const branches = present.slice(0, -1).map((argument) => ({ when: isNotNull(argument), value: argument }));
      return makeCase(branches, last, what, uniteTypes(args.map(typeOf), what));
    }
  }
}

/** A CASE whose values are cast to one type. */
export function makeCase(
  branches: readonly { readonly when: BoundExpression; readonly value: BoundExpression }[],
  otherwise: BoundExpression,
  what: string,
  given?: ValueType,
): BoundExpression {
  const type = given ?? uniteTypes([...branches.map(({ value }) => typeOf(value)), typeOf(otherwise)], what);
  const kept = branches.filter(({ when }) => when.kind !== "constant" || when.value === true);
  const certain = kept.findIndex(({ when }) => when.kind === "constant");
  const live = certain < 0 ? kept : kept.slice(0, certain);
  const rest = makeCast(certain < 0 ? otherwise : kept[certain]!.value, type);
  if (live.length === 0) return rest;
  return {
    kind: "case",
    branches: live.map(({ when, value }) => ({ when, value: makeCast(value, type) })),
    otherwise: rest,
    type,
  };
}

/** Each argument that is at least (or at most) every later one, NULLs aside. */
function bindExtreme(operator: ">=" | "<=", args: readonly BoundExpression[], what: string): BoundExpression {
  const type = uniteTypes(args.map(typeOf), what);
  const cast = args.map((argument) => makeCast(argument, type));
  const branches = cast.slice(0, -1).map((argument, i) => {
    const beats = cast.slice(i + 1).map((other): BoundExpression => {
      return makeOr([negate(isNotNull(other)), bindComparison(operator, argument, other)]);
    });
    return { when: makeAnd([isNotNull(argument), ...beats]), value: argument };
  });
  return makeCase(branches, cast.at(-1)!, what, type);
}

function isNotNull(operand: BoundExpression): BoundExpression {
  if (operand.kind === "literal") return { kind: "constant", value: operand.value !== null };
  return { kind: "isNull", operand, negated: true };
}

function nullOf(type: ValueType): BoundExpression {
  return { kind: "literal", type, value: null };
}
