import { LanceError } from "../../errors.ts";
import type { StoreCallOptions } from "../../store/store.ts";
import { deleteQuietly } from "../commit/publish.ts";
import type { Snapshot } from "../snapshot.ts";
import { findWritableRoot } from "./branch-root.ts";
import { describeMissingRef } from "./named-refs.ts";
import { BRANCHES, type Branch, listBranches } from "./read-branches.ts";
import { listTags } from "./read-tags.ts";
import { BRANCHES_PREFIX, formatRefPath } from "./ref-file.ts";
import { checkBranchName } from "./ref-names.ts";

/**
 * Takes a branch off the list and removes what it alone has: its versions and files. A branch that others left from,
 * or that a tag names, stays.
 * @param options.force also removes what is left of a branch that is not on the list: one whose making or deletion
 *   stopped midway
 * @throws NOT_FOUND, INVALID_ARGUMENT (in use, or checked out by this handle), UNSUPPORTED, IO, ABORTED
 */
export async function deleteBranch(
  snapshot: Snapshot,
  name: string,
  options: StoreCallOptions & { readonly force?: boolean | undefined } = {},
): Promise<void> {
  checkBranchName(name);
  const store = await findWritableRoot(snapshot);
  const branches = await listBranches(store, options);
  const branch = branches[name];
  if (branch === undefined && options.force !== true)
    throw await describeMissingRef(store, BRANCHES, { ...options, name });
  // What a branch that is not on the list was is not known; its children name it still.
  const isChild = (one: Branch) => (branch ? startsWith(one.identifier, branch.identifier) : one.parentBranch === name);
  const children = Object.entries(branches).filter(([, one]) => isChild(one));
  const tags = Object.entries(await listTags(store, options)).filter(([, tag]) => tag.branch === name);
  const users = [...children.map(([child]) => `branch "${child}"`), ...tags.map(([tag]) => `tag "${tag}"`)];
  if (snapshot.manifest.branch === name) users.push("this handle");
  if (users.length > 0) {
    throw new LanceError("INVALID_ARGUMENT", `branch "${name}" is in use by ${users.join(", ")}; delete those first`, {
      branch: name,
      users,
    });
  }
  if (branch !== undefined) await store.delete(formatRefPath(BRANCHES_PREFIX, name), { signal: options.signal });
  const folder = `tree/${name}/`;
  const nested = Object.keys(branches).filter((other) => other.startsWith(`${name}/`));
  const paths: string[] = [];
  for await (const { path } of store.list(folder, { signal: options.signal })) {
    if (!nested.some((other) => path.startsWith(`tree/${other}/`))) paths.push(path);
  }
  await deleteQuietly(store, paths);
}

function startsWith(identifier: Branch["identifier"], start: Branch["identifier"]): boolean {
  return (
    identifier.length > start.length &&
    start.every(([version, id], i) => identifier[i]![0] === version && identifier[i]![1] === id)
  );
}
