import { LanceError } from "../errors.ts";
import type { LanceSchema } from "../format/schema.ts";
import type { Expression } from "./ast.ts";
import { bindArithmetic, bindNegative } from "./bind-arithmetic.ts";
import { bindArray } from "./bind-array.ts";
import { bindCall } from "./bind-call.ts";
import { bindCast } from "./bind-cast.ts";
import { bindColumn, bindField } from "./bind-column.ts";
import { bindComparison, bindDistinct, bindInList } from "./bind-compare.ts";
import { makeCase } from "./bind-conditional.ts";
import { bindLike } from "./bind-like.ts";
import { type BoundExpression, makeAnd, makeOr, negate, typeOf } from "./bound.ts";
import { coerceOperands } from "./coerce-operands.ts";
import { NULL_LITERAL, readNumber } from "./literal.ts";
import { BOOLEAN, describeCastType, UTF8 } from "./value-type.ts";

/**
 * Resolves names and types of a filter against a schema and brings it into normal form.
 *
 * A literal takes its column's type: integers must be in range and have no fraction, numbers round to the column's float
 * type, text reads as a date or a timestamp, a finer timestamp literal is cut to the column's unit. An integer column
 * against a number with a fraction is an error, as in native; write `CAST(1.5 AS double)` to compare as doubles.
 *
 * @param schema its top-level fields; append `_rowid` (`uint64`) to let filters name it
 * @throws INVALID_ARGUMENT on an unknown column (naming those that exist), a value that does not parse
 * @throws SCHEMA_MISMATCH when types do not go together, or the filter is not a boolean
 * @throws UNSUPPORTED on nested fields, types without comparison, unknown functions
 */
export function bindExpression(expression: Expression, schema: LanceSchema): BoundExpression {
  return new Binder(schema).bindPredicate(expression);
}

/**
 * Resolves names and types of an expression of any type, as native does for the values of an update and the columns of
 * a scan: in `column operator literal` at the top, the literal takes the column's type (`i + 1` is an int32 like `i`).
 *
 * @throws as {@link bindExpression}
 */
export function bindValue(expression: Expression, schema: LanceSchema): BoundExpression {
  const binder = new Binder(schema);
  if (expression.kind !== "arithmetic") return binder.bindValue(expression);
  const [left, right] = [binder.bindValue(expression.left), binder.bindValue(expression.right)];
  return bindArithmetic(expression.operator, ...coerceOperands(left, right));
}

/** Binds one expression; the helpers that bind an operator or a function call back into it. */
class Binder {
  readonly #schema: LanceSchema;

  constructor(schema: LanceSchema) {
    this.#schema = schema;
  }

  /** A boolean expression. */
  bindPredicate(node: Expression): BoundExpression {
    switch (node.kind) {
      case "and":
        return makeAnd(node.operands.map((operand) => this.bindPredicate(operand)));
      case "or":
        return makeOr(node.operands.map((operand) => this.bindPredicate(operand)));
      case "not":
        return negate(this.bindPredicate(node.operand));
      case "compare":
        return bindComparison(node.operator, this.bindValue(node.left), this.bindValue(node.right));
      case "distinct":
        return bindDistinct(this.bindValue(node.left), this.bindValue(node.right), node.negated);
      case "inList": {
        const operand = this.bindValue(node.operand);
        return bindInList(
          operand,
          node.list.map((item) => this.bindValue(item)),
          node.negated,
        );
      }
      case "between": {
        const operand = this.bindValue(node.operand);
        const range = makeAnd([
          bindComparison(">=", operand, this.bindValue(node.low)),
          bindComparison("<=", operand, this.bindValue(node.high)),
        ]);
        return node.negated ? negate(range) : range;
      }
      case "is":
        return this.#bindIs(node.what, node.negated, node.operand);
      case "like":
        return bindLike(this.bindValue(node.operand), this.bindValue(node.pattern), node);
      default:
        return asPredicate(this.bindValue(node));
    }
  }

  /** An expression of any type. */
  bindValue(node: Expression): BoundExpression {
    switch (node.kind) {
      case "column":
        return bindColumn(this.#schema, node.path, node.quoted);
      case "access":
        return bindField(this.bindValue(node.operand), node.name);
      case "number":
        return readNumber(node.text);
      case "string":
        return { kind: "literal", type: UTF8, value: node.value };
      case "boolean":
        return { kind: "literal", type: BOOLEAN, value: node.value };
      case "null":
        return NULL_LITERAL;
      case "negative":
        return bindNegative(this.bindValue(node.operand));
      case "arithmetic":
        return bindArithmetic(node.operator, this.bindValue(node.left), this.bindValue(node.right));
      case "concat":
        return bindCall("||", [this.bindValue(node.left), this.bindValue(node.right)]);
      case "call":
        return bindCall(
          node.name,
          node.arguments.map((argument) => this.bindValue(argument)),
        );
      case "cast":
        return bindCast(this.bindValue(node.operand), node.type, node.safe);
      case "case":
        return this.#bindCase(node);
      case "array":
        return bindArray(node.items.map((item) => this.bindValue(item)));
      case "bytes":
        return { kind: "literal", type: { kind: "binary", large: false }, value: node.value };
      default:
        return this.bindPredicate(node);
    }
  }

  #bindIs(what: "null" | "true" | "false" | "unknown", negated: boolean, operand: Expression): BoundExpression {
    if (what === "null" || what === "unknown") {
      const value = this.bindValue(operand);
      if (value.kind === "literal") return { kind: "constant", value: (value.value === null) !== negated };
      return { kind: "isNull", operand: value, negated };
    }
    const value = this.bindPredicate(operand);
    if (value.kind === "constant") return { kind: "constant", value: (value.value === (what === "true")) !== negated };
    return { kind: "isBoolean", operand: value, value: what === "true", negated };
  }

  #bindCase(node: Extract<Expression, { kind: "case" }>): BoundExpression {
    const subject = node.subject === null ? null : this.bindValue(node.subject);
    const branches = node.branches.map(({ when, value }) => ({
      when: subject === null ? this.bindPredicate(when) : bindComparison("=", subject, this.bindValue(when)),
      value: this.bindValue(value),
    }));
    return makeCase(branches, node.otherwise === null ? NULL_LITERAL : this.bindValue(node.otherwise), "CASE");
  }
}

function asPredicate(value: BoundExpression): BoundExpression {
  if (value.kind === "literal" && value.value === null) return { kind: "constant", value: null };
  const type = typeOf(value);
  if (type.kind === "null") return { kind: "constant", value: null };
  if (type.kind !== "boolean") {
    const received = describeCastType(type);
    const column = value.kind === "column" ? ` of column ${JSON.stringify(value.name)}` : "";
    throw new LanceError(
      "SCHEMA_MISMATCH",
      `expression: expected a condition (Boolean), received ${received}${column}`,
      {
        expected: "Boolean",
        received,
        ...(value.kind === "column" ? { column: value.name } : {}),
      },
    );
  }
  return value.kind === "literal" ? { kind: "constant", value: value.value as boolean | null } : value;
}
