import { LanceError } from "../../errors.ts";
import { openVersion, type Snapshot } from "../snapshot.ts";
import { findRoot, openBranch } from "./branch-root.ts";
import { getTag } from "./read-tags.ts";
import { checkBranchName, MAIN_BRANCH } from "./ref-names.ts";

/** A version: its number on the branch at hand, a tag, or a version of a branch (default: its newest). */
export type VersionReference =
  | number
  | string
  | { readonly branch?: string | null | undefined; readonly version?: number | undefined };

/** @throws INVALID_ARGUMENT */
function checkVersionNumber(version: unknown): asserts version is number {
  if (Number.isSafeInteger(version) && (version as number) >= 1) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `version: expected a whole number of at least 1, a tag or { branch, version }, received ${JSON.stringify(version)}`,
    { version },
  );
}

/**
 * Opens what a reference names. A tag costs one read more.
 * @throws INVALID_ARGUMENT, NOT_FOUND (tag, branch or version), UNSUPPORTED, CORRUPT, IO, ABORTED
 */
export async function openReference(
  snapshot: Snapshot,
  reference: VersionReference,
  signal?: AbortSignal,
): Promise<Snapshot> {
  if (typeof reference === "object" && reference !== null) {
    const { branch, version } = reference;
    if (version !== undefined) checkVersionNumber(version);
    return openOnBranch(snapshot, branch ?? undefined, { version, signal });
  }
  if (typeof reference === "string") {
    const { store } = await findRoot(snapshot);
    const { branch, version } = await getTag(store, reference, { signal });
    return openOnBranch(snapshot, branch ?? undefined, { version, signal });
  }
  checkVersionNumber(reference);
  return openVersion(snapshot, { version: reference, signal });
}

async function openOnBranch(
  snapshot: Snapshot,
  named: string | undefined,
  options: { readonly version?: number | undefined; readonly signal?: AbortSignal | undefined },
): Promise<Snapshot> {
  const branch = named === MAIN_BRANCH ? undefined : named;
  if (branch !== undefined) checkBranchName(branch);
  if ((snapshot.manifest.branch || undefined) === branch) return openVersion(snapshot, options);
  return openBranch(await findRoot(snapshot), branch, options);
}
