import { LanceError } from "../errors.ts";
import { bindStartsWith, checkText } from "./bind-like.ts";
import { type BoundExpression, type FunctionName, typeOf } from "./bound.ts";
import { BOOLEAN, describeCastType, INT32, type ValueType } from "./value-type.ts";

interface Signature {
  readonly name: FunctionName | "is_valid";
  readonly parameters: number;
  readonly result: ValueType | "same";
}

const FUNCTIONS: Readonly<Record<string, Signature>> = {
  isnan: { name: "isnan", parameters: 1, result: BOOLEAN },
  is_valid: { name: "is_valid", parameters: 1, result: BOOLEAN },
  starts_with: { name: "starts_with", parameters: 2, result: BOOLEAN },
  ends_with: { name: "ends_with", parameters: 2, result: BOOLEAN },
  contains: { name: "contains", parameters: 2, result: BOOLEAN },
  lower: { name: "lower", parameters: 1, result: "same" },
  upper: { name: "upper", parameters: 1, result: "same" },
  length: { name: "character_length", parameters: 1, result: INT32 },
  char_length: { name: "character_length", parameters: 1, result: INT32 },
  character_length: { name: "character_length", parameters: 1, result: INT32 },
  octet_length: { name: "octet_length", parameters: 1, result: INT32 },
};

/**
 * A function call.
 *
 * @throws UNSUPPORTED on a function this library does not have; INVALID_ARGUMENT on a wrong number of arguments;
 * SCHEMA_MISMATCH on a wrong type
 */
export function bindCall(name: string, args: readonly BoundExpression[]): BoundExpression {
  const signature = Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
  if (signature === undefined) {
    const expected = Object.keys(FUNCTIONS);
    throw new LanceError("UNSUPPORTED", `filter: function ${name}(); the functions are ${expected.join(", ")}`, {
      expected,
      received: name,
    });
  }
  if (args.length !== signature.parameters) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `filter: ${name}() expects ${signature.parameters} argument${signature.parameters === 1 ? "" : "s"}, received ${args.length}`,
      { expected: signature.parameters, received: args.length },
    );
  }
  const operand = args[0]!;
  if (signature.name === "is_valid") {
    if (operand.kind === "literal") return { kind: "constant", value: operand.value !== null };
    return { kind: "isNull", operand, negated: true };
  }
  if (signature.name === "isnan") checkNumber(operand);
  else for (const argument of args) checkText(argument, `${name}()`);
  if (
    args.some(
      (argument) => typeOf(argument).kind === "null" || (argument.kind === "literal" && argument.value === null),
    )
  ) {
    return { kind: "literal", type: signature.result === "same" ? typeOf(operand) : signature.result, value: null };
  }
  const second = args[1];
  if (signature.name === "starts_with" && second?.kind === "literal" && operand.kind !== "literal") {
    return bindStartsWith(operand, second.value as string);
  }
  const type = signature.result === "same" ? typeOf(operand) : signature.result;
  return { kind: "call", name: signature.name, arguments: args, type };
}

function checkNumber(operand: BoundExpression): void {
  const type = typeOf(operand);
  if (type.kind === "float" || type.kind === "int" || type.kind === "null") return;
  const received = describeCastType(type);
  const column = operand.kind === "column" ? ` of column ${JSON.stringify(operand.name)}` : "";
  throw new LanceError("SCHEMA_MISMATCH", `filter: isnan() expects a number, received ${received}${column}`, {
    expected: "a number",
    received,
  });
}
