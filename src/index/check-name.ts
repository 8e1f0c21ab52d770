import { LanceError } from "../errors.ts";

/** Names of the format's own bookkeeping (index page, section 1). */
const RESERVED_PREFIX = "__lance";

/** @throws INVALID_ARGUMENT for an empty name, and for those the format keeps for itself */
export function checkIndexName(name: string): void {
  if (typeof name === "string" && name !== "" && !name.startsWith(RESERVED_PREFIX)) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `name: expected a name for the index, not empty and not beginning with ${RESERVED_PREFIX}; received ${JSON.stringify(name)}`,
    { received: name },
  );
}
