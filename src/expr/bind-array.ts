import { LanceError } from "../errors.ts";
import { type BoundExpression, typeOf, type Value } from "./bound.ts";
import { formatLiteral } from "./format-literal.ts";
import { coerceLiteral } from "./literal.ts";
import { describeCastType, type ValueType } from "./value-type.ts";

/** `[1, 2]`: a list of literals, all in the type of the first that is not NULL. @throws INVALID_ARGUMENT */
export function bindArray(items: readonly BoundExpression[]): BoundExpression {
  const item: ValueType = items.map(typeOf).find((type) => type.kind !== "null") ?? { kind: "null" };
  const value = items.map((node): Value | null => {
    if (node.kind !== "literal") {
      throw new LanceError(
        "INVALID_ARGUMENT",
        "expression: an array in brackets expects literals; make_array() takes columns",
        {
          expected: "a literal",
        },
      );
    }
    const coerced = coerceLiteral(node, item);
    if (coerced !== undefined) return coerced;
    const [expected, received] = [describeCastType(item), formatLiteral(node)];
    throw new LanceError("INVALID_ARGUMENT", `expression: an array of ${expected}, received ${received} in it`, {
      expected,
      received,
    });
  });
  return { kind: "literal", type: { kind: "list", item, form: "list" }, value };
}
