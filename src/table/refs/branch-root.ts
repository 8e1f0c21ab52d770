import { isLanceError, LanceError } from "../../errors.ts";
import { openStore } from "../../store/open-store.ts";
import { trimUri } from "../../store/relative-uri.ts";
import type { ReadableStore, Store } from "../../store/store.ts";
import { type StoreRoot, withBases } from "../../store/with-bases.ts";
import { PREFIX_KIND, withPrefix } from "../../store/with-prefix.ts";
import { findRootUri } from "../base-paths.ts";
import { requireWritable } from "../commit/publish.ts";
import { findLatestManifest, noTable } from "../manifest/find-version.ts";
import { openSnapshot, type Snapshot } from "../snapshot.ts";
import { describeMissingRef } from "./named-refs.ts";
import { BRANCHES } from "./read-branches.ts";
import { BRANCHES_PREFIX, formatRefPath, readRef } from "./ref-file.ts";

/** The root of each store that was opened for a branch, or found for one. */
const roots = new WeakMap<ReadableStore, StoreRoot>();

/**
 * The table a snapshot's refs are kept in: itself, or the one its branch belongs to.
 * @throws UNSUPPORTED when a branch was copied away from its table
 */
export async function findRoot(snapshot: Snapshot): Promise<StoreRoot> {
  const { store, uri, manifest } = snapshot;
  const known = roots.get(store);
  if (known) return known;
  if (manifest.branch === undefined || manifest.branch === "") return { store: store as Store, uri };
  const rootUri = findRootUri(uri, manifest.branch);
  if (rootUri === undefined) {
    throw new LanceError(
      "UNSUPPORTED",
      `${uri} is branch "${manifest.branch}" away from its table, where tags and branches are noted; open it as that table's branch`,
      { uri, branch: manifest.branch },
    );
  }
  const root = { store: await openStore(rootUri), uri: rootUri };
  roots.set(store, root);
  return root;
}

/** The store a snapshot's refs are written to. @throws as {@link findRoot}, and UNSUPPORTED when it is read-only */
export async function findWritableRoot(snapshot: Snapshot): Promise<Store> {
  const root = await findRoot(snapshot);
  return requireWritable(root.store, root.uri);
}

/** A branch of a table: its store is the folder of the branch, through which files of the table are found too. */
export function openBranchStore(root: StoreRoot, branch: string | undefined): StoreRoot {
  if (branch === undefined) return root;
  const uri = `${trimUri(root.uri)}/tree/${branch}`;
  const store = withBases(withPrefix(root.store, `tree/${branch}`), { uri, root });
  roots.set(store, root);
  return { store, uri };
}

/** @throws NOT_FOUND (the branch, naming those there are; the version), CORRUPT, UNSUPPORTED, IO, ABORTED */
export async function openBranch(
  root: StoreRoot,
  branch: string | undefined,
  options: { readonly version?: number | undefined; readonly signal?: AbortSignal | undefined } = {},
): Promise<Snapshot> {
  const { store, uri } = openBranchStore(root, branch);
  try {
    return await openSnapshot(store, { uri, ...options });
  } catch (error) {
    if (branch === undefined || !isLanceError(error, "NOT_FOUND")) throw error;
    // Without its table, that is what is missing; a listed branch lacks the version.
    const table = await findLatestManifest(root.store, { signal: options.signal });
    if (table === undefined) throw noTable(root.store, root.uri);
    if ((await readRef(root.store, formatRefPath(BRANCHES_PREFIX, branch), options)) !== undefined) throw error;
    throw await describeMissingRef(root.store, BRANCHES, { ...options, name: branch });
  }
}

/** Where a store is, as other programs must name it: an absolute path on a disk, the URI elsewhere. */
export function getAbsoluteUri({ store, uri }: StoreRoot): string {
  let description = store.describe();
  let below = "";
  while (description?.kind === PREFIX_KIND) {
    below = `/${String(description.prefix)}${below}`;
    description = description.store as typeof description;
  }
  if (description?.kind !== "file") return trimUri(uri);
  return trimUri(`${trimUri(String(description.directory))}${below}`).replaceAll(/\/{2,}/g, "/");
}
