import { DATE_FUNCTIONS } from "./date.ts";
import { LIST_FUNCTIONS } from "./list.ts";
import { MATH_FUNCTIONS } from "./math.ts";
import { REGEXP_FUNCTIONS } from "./regexp.ts";
import type { FunctionSpec } from "./spec.ts";
import { TEXT_FUNCTIONS } from "./text.ts";

const FUNCTIONS: Readonly<Record<string, FunctionSpec>> = {
  ...TEXT_FUNCTIONS,
  ...REGEXP_FUNCTIONS,
  ...MATH_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...LIST_FUNCTIONS,
};

/** The function of this name, in lower case. */
export function findFunction(name: string): FunctionSpec | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
}

/** Names of all functions, sorted. */
export function listFunctions(): string[] {
  return Object.keys(FUNCTIONS).sort();
}
