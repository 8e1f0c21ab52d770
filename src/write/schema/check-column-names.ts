import { LanceError } from "../../errors.ts";
import type { LanceField } from "../../format/schema.ts";

/** Names of the columns Lance makes itself; native refuses a table that stores one. */
const RESERVED: ReadonlySet<string> = new Set([
  "_rowid",
  "_rowaddr",
  "_rowoffset",
  "_row_created_at_version",
  "_row_last_updated_at_version",
]);

/**
 * Refuses column names under which native Lance can not make, open or read a table. Upper and lower case are told apart.
 * @throws INVALID_ARGUMENT naming the column
 */
export function checkColumnNames(fields: readonly LanceField[]): void {
  checkDistinct(fields, "");
  for (const { name } of fields) {
    if (name === "") refuse(name, "an empty name", "name the column");
    if (RESERVED.has(name)) refuse(name, "a name that Lance keeps for a column of its own", "choose another name");
    if (name.includes(".")) {
      refuse(name, "a dot, which names a field inside of a struct", `write it as "${name.replaceAll(".", "_")}"`);
    }
    if (name.includes("`")) refuse(name, "a backtick, which quotes names in filters", "leave it out");
  }
}

function checkDistinct(fields: readonly LanceField[], parent: string): void {
  const seen = new Set<string>();
  for (const { name, children } of fields) {
    const path = parent === "" ? name : `${parent}.${name}`;
    if (seen.has(name)) refuse(path, "a name that another column beside it has", "give each column its own name");
    seen.add(name);
    checkDistinct(children, path);
  }
}

function refuse(column: string, reason: string, remedy: string): never {
  throw new LanceError("INVALID_ARGUMENT", `column "${column}" has ${reason}; ${remedy}`, { column });
}
