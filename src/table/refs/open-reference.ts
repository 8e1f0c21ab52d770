import { LanceError } from "../../errors.ts";
import type { StoreRoot } from "../../store/with-bases.ts";
import { openSnapshot, type Snapshot } from "../snapshot.ts";
import { openBranch } from "./branch-root.ts";
import { getTag } from "./read-tags.ts";
import { MAIN_BRANCH } from "./ref-names.ts";

/**
 * Opens a table at its newest version, a pinned one, a tag or on a branch. A tag costs one read more.
 * @throws NOT_FOUND, INVALID_ARGUMENT (a tag of another branch than was asked for), CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function openReferenceAt(
  table: StoreRoot,
  options: {
    readonly version?: number | string | undefined;
    readonly branch?: string | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Snapshot> {
  const { version, signal } = options;
  const branch = options.branch === MAIN_BRANCH ? undefined : options.branch;
  if (typeof version !== "string") {
    if (branch !== undefined) return openBranch(table, branch, { version, signal });
    return openSnapshot(table.store, { uri: table.uri, version, signal });
  }
  const tag = await getTag(table.store, version, { signal });
  if (options.branch !== undefined && tag.branch !== (branch ?? null)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `tag "${version}" names a version of branch "${tag.branch ?? MAIN_BRANCH}", not of "${options.branch}"; leave the branch out`,
      { tag: version, branch: tag.branch },
    );
  }
  const { branch: tagged } = tag;
  if (tagged !== null) return openBranch(table, tagged, { version: tag.version, signal });
  return openSnapshot(table.store, { uri: table.uri, version: tag.version, signal });
}
