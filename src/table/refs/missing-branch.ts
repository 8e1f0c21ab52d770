import { isLanceError, LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { BRANCHES_PREFIX, readRefs } from "./ref-file.ts";

/** The NOT_FOUND of a branch that is not listed, naming those that are, where the store can list. One listing. */
export async function describeMissingBranch(
  store: ReadableStore,
  name: string,
  options: StoreCallOptions,
): Promise<LanceError> {
  const known = await readRefs(store, BRANCHES_PREFIX, options).then(
    (refs) => refs.map(([branch]) => branch),
    (error) => (isLanceError(error, "UNSUPPORTED") ? undefined : []),
  );
  const there =
    known === undefined ? "" : `; there ${known.length === 0 ? "is none but main" : `are ${known.join(", ")}`}`;
  return new LanceError("NOT_FOUND", `there is no branch "${name}"${there}`, { branch: name, known: known ?? null });
}
