import type { ValueType } from "./value-type.ts";

/** Comparison operators, `==` and `<>` already folded into `=` and `!=`. */
export type ComparisonOperator = "=" | "!=" | "<" | "<=" | ">" | ">=";

/** `<<` and `>>` shift integers. */
export type ArithmeticOperator = "+" | "-" | "*" | "/" | "%" | "<<" | ">>";

/** A parsed filter, before names and types are known. `position` is an offset into the text, for errors. */
export type Expression =
  | {
      readonly kind: "column";
      readonly path: readonly string[];
      /** Written in backticks: matched exactly; a bare name also matches without regard to case. */
      readonly quoted: boolean;
      readonly position: number;
    }
  | { readonly kind: "number"; readonly text: string; readonly position: number }
  | { readonly kind: "string"; readonly value: string; readonly position: number }
  | { readonly kind: "boolean"; readonly value: boolean; readonly position: number }
  | { readonly kind: "null"; readonly position: number }
  | { readonly kind: "and" | "or"; readonly operands: readonly Expression[]; readonly position: number }
  | { readonly kind: "not" | "negative"; readonly operand: Expression; readonly position: number }
  | {
      readonly kind: "compare";
      readonly operator: ComparisonOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly position: number;
    }
  | {
      readonly kind: "arithmetic";
      readonly operator: ArithmeticOperator;
      readonly left: Expression;
      readonly right: Expression;
      readonly position: number;
    }
  | { readonly kind: "concat"; readonly left: Expression; readonly right: Expression; readonly position: number }
  | {
      readonly kind: "distinct";
      readonly negated: boolean;
      readonly left: Expression;
      readonly right: Expression;
      readonly position: number;
    }
  | {
      readonly kind: "between";
      readonly negated: boolean;
      readonly operand: Expression;
      readonly low: Expression;
      readonly high: Expression;
      readonly position: number;
    }
  | {
      readonly kind: "inList";
      readonly negated: boolean;
      readonly operand: Expression;
      readonly list: readonly Expression[];
      readonly position: number;
    }
  | {
      readonly kind: "is";
      readonly what: "null" | "true" | "false" | "unknown";
      readonly negated: boolean;
      readonly operand: Expression;
      readonly position: number;
    }
  | {
      readonly kind: "like";
      readonly negated: boolean;
      readonly caseInsensitive: boolean;
      readonly operand: Expression;
      readonly pattern: Expression;
      readonly escape: string;
      readonly position: number;
    }
  | {
      readonly kind: "call";
      /** Lower case. */
      readonly name: string;
      readonly arguments: readonly Expression[];
      readonly position: number;
    }
  | {
      readonly kind: "cast";
      readonly operand: Expression;
      readonly type: ValueType;
      /** TRY_CAST: NULL where a value has no counterpart. */
      readonly safe: boolean;
      readonly position: number;
    }
  | {
      /** `operand.name`, `operand['name']`. */
      readonly kind: "access";
      readonly operand: Expression;
      readonly name: string;
      readonly position: number;
    }
  | {
      readonly kind: "case";
      /** What each WHEN is compared with; `null` where each is a condition. */
      readonly subject: Expression | null;
      readonly branches: readonly { readonly when: Expression; readonly value: Expression }[];
      readonly otherwise: Expression | null;
      readonly position: number;
    }
  | { readonly kind: "array"; readonly items: readonly Expression[]; readonly position: number }
  | { readonly kind: "bytes"; readonly value: Uint8Array; readonly position: number };
