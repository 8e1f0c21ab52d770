import { MATH_FUNCTIONS } from "./math.ts";
import type { FunctionSpec } from "./spec.ts";
import { TEXT_FUNCTIONS } from "./text.ts";

const FUNCTIONS: Readonly<Record<string, FunctionSpec>> = { ...TEXT_FUNCTIONS, ...MATH_FUNCTIONS };

/** The function of this name, in lower case. */
export function findFunction(name: string): FunctionSpec | undefined {
  return Object.hasOwn(FUNCTIONS, name) ? FUNCTIONS[name] : undefined;
}

/** Names of all functions, sorted. */
export function listFunctions(): string[] {
  return Object.keys(FUNCTIONS).sort();
}
