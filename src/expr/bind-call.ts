import { LanceError } from "../errors.ts";
import { makeCast } from "./bind-cast.ts";
import { bindConditional, CONDITIONAL_FUNCTIONS } from "./bind-conditional.ts";
import { bindStartsWith, checkText } from "./bind-like.ts";
import { type BoundExpression, typeOf } from "./bound.ts";
import { describeArguments, type FunctionSpec } from "./functions/spec.ts";
import { findFunction, listFunctions } from "./functions/table.ts";

/**
 * A function call. Arguments are cast to what the function takes.
 *
 * @throws INVALID_ARGUMENT on a function this library does not have, or a wrong number of arguments; SCHEMA_MISMATCH on a
 * wrong type
 */
export function bindCall(name: string, given: readonly BoundExpression[]): BoundExpression {
  const args = given.map((argument): BoundExpression => {
    if (argument.kind !== "constant") return argument;
    return { kind: "literal", type: { kind: "boolean" }, value: argument.value };
  });
  if (name === "is_valid") {
    checkCount(name, args.length, 1, 1);
    const operand = args[0]!;
    if (operand.kind === "literal") return { kind: "constant", value: operand.value !== null };
    return { kind: "isNull", operand, negated: true };
  }
  const conditional = CONDITIONAL_FUNCTIONS.get(name);
  if (conditional !== undefined) {
    checkCount(name, args.length, ...conditional);
    return bindConditional(name, args);
  }
  const spec = findFunction(name);
  if (spec === undefined) throw unknownFunction(name);
  checkCount(name, args.length, spec.minimum, spec.maximum);
  if (name === "starts_with") {
    const [operand, prefix] = args as [BoundExpression, BoundExpression];
    checkText(operand, `${name}()`);
    if (prefix.kind === "literal" && typeof prefix.value === "string" && operand.kind !== "literal") {
      return bindStartsWith(operand, prefix.value);
    }
  }
  return callFunction(name, spec, args);
}

function callFunction(name: string, spec: FunctionSpec, args: readonly BoundExpression[]): BoundExpression {
  const types = args.map(typeOf);
  const [, wanted] = args;
  if (
    name.includes("_has_a") &&
    wanted?.kind === "literal" &&
    Array.isArray(wanted.value) &&
    wanted.value.length === 0
  ) {
    // Of an empty array in brackets native says so for NULL lists too.
    return { kind: "constant", value: name.endsWith("_all") };
  }
  const signature = spec.resolve(types, args);
  if (signature === undefined) throw wrongArguments(name, spec, args);
  const cast = args.map((argument, i) => makeCast(argument, signature.parameters[i]!));
  return { kind: "call", name, arguments: cast, type: signature.result };
}

function checkCount(name: string, received: number, minimum: number, maximum: number): void {
  if (received >= minimum && received <= maximum) return;
  const expected = minimum === maximum ? String(minimum) : `${minimum} to ${maximum}`;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `expression: ${name}() expects ${expected} argument${expected === "1" ? "" : "s"}, received ${received}`,
    { expected, received },
  );
}

function unknownFunction(name: string): LanceError {
  const expected = ["is_valid", ...CONDITIONAL_FUNCTIONS.keys(), ...listFunctions()].sort();
  return new LanceError(
    "INVALID_ARGUMENT",
    `expression: no function ${name}(); the functions are ${expected.join(", ")}`,
    {
      expected,
      received: name,
    },
  );
}

function wrongArguments(name: string, spec: FunctionSpec, args: readonly BoundExpression[]): LanceError {
  const received = describeArguments(args.map(typeOf));
  const column = args.find((argument) => argument.kind === "column");
  return new LanceError(
    "SCHEMA_MISMATCH",
    `expression: ${name}() expects ${spec.expects}, received ${received}${column === undefined ? "" : ` (column ${JSON.stringify(column.name)})`}`,
    { ...(column === undefined ? {} : { column: column.name }), expected: spec.expects, received },
  );
}
