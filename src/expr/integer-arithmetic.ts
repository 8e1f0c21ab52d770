import { LanceError } from "../errors.ts";
import type { ArithmeticOperator } from "./ast.ts";

/**
 * Integer arithmetic before it wraps to its width. Division truncates towards zero.
 *
 * @param minimum the type's smallest value: dividing it by -1 overflows
 * @throws INVALID_ARGUMENT on a division by zero, or one that overflows
 */
export function combine(operator: ArithmeticOperator, a: bigint, b: bigint, minimum: bigint): bigint {
  switch (operator) {
    case "+":
      return a + b;
    case "-":
      return a - b;
    case "*":
      return a * b;
    case "<<":
      return a << b;
    case ">>":
      return a >> b;
    case "/":
    case "%":
      if (b === 0n) throw new LanceError("INVALID_ARGUMENT", `expression: division by zero in ${a} ${operator} 0`, {});
      if (operator === "%") return a % b;
      if (b === -1n && minimum < 0n && a === minimum) {
        throw new LanceError("INVALID_ARGUMENT", `expression: ${a} / -1 is beyond its integer type`, {});
      }
      return a / b;
  }
}
