import { LanceError } from "../../errors.ts";

/** The branch a table starts with; it has no file of its own. */
export const MAIN_BRANCH = "main";

const CHARACTERS = /^[\p{L}\p{N}._-]+$/u;

/**
 * What native takes for a tag: letters, digits, `.`, `-`, `_`; no dot first, last or twice; no `.lock` at the end.
 * @throws INVALID_ARGUMENT
 */
export function checkTagName(name: unknown): asserts name is string {
  if (typeof name === "string" && CHARACTERS.test(name) && !/^\.|\.$|\.\.|\.lock$/.test(name)) {
    return;
  }
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is no name of a tag: expected letters, digits, ".", "-" and "_", no dot first, last or twice in a row, and no ".lock" at the end`,
    { name: String(name) },
  );
}

/**
 * What native takes for a branch: as a tag, in parts between `/`; `main` is taken.
 * @throws INVALID_ARGUMENT
 */
export function checkBranchName(name: unknown): asserts name is string {
  if (
    typeof name === "string" &&
    name.split("/").every((part) => CHARACTERS.test(part) && part !== ".") &&
    !/\.\.|\.lock$/.test(name) &&
    name !== MAIN_BRANCH
  ) {
    return;
  }
  throw new LanceError(
    "INVALID_ARGUMENT",
    `${JSON.stringify(name)} is no name of a branch: expected parts of letters, digits, ".", "-" and "_" with "/" between them, no "..", no ".lock" at the end, and not "${MAIN_BRANCH}"`,
    { name: String(name) },
  );
}
