import { LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { deleteQuietly, requireWritable } from "../commit/publish.ts";
import type { Snapshot } from "../snapshot.ts";
import { findRoot } from "./branch-root.ts";
import { describeMissingBranch } from "./missing-branch.ts";
import { listTags } from "./read-tags.ts";
import {
  BRANCHES_PREFIX,
  formatRefPath,
  type RefJson,
  readManifestSize,
  readRef,
  readRefMetadata,
  readRefs,
  readVersionNumber,
} from "./ref-file.ts";
import { checkBranchName } from "./ref-names.ts";

/** A line of versions of its own, which starts at a version of another one. */
export interface Branch {
  /** `null` is the main branch. */
  readonly parentBranch: string | null;
  readonly parentVersion: number;
  /** Versions at which this line left others, the oldest first, each with the id of the branch that left there. */
  readonly identifier: readonly (readonly [version: number, id: string])[];
  /** Milliseconds since the epoch, to the second. */
  readonly createdAtMs: number;
  readonly manifestSizeBytes: number;
  readonly metadata: Readonly<Record<string, string>>;
}

/** All branches by name, but for the main one. @throws UNSUPPORTED when the store cannot list, CORRUPT, IO, ABORTED */
export async function listBranches(
  store: ReadableStore,
  options: StoreCallOptions = {},
): Promise<Record<string, Branch>> {
  const refs = await readRefs(store, BRANCHES_PREFIX, options);
  return Object.fromEntries(refs.map(([name, json]) => [name, toBranch(json, formatRefPath(BRANCHES_PREFIX, name))]));
}

/** @throws INVALID_ARGUMENT, NOT_FOUND naming the branches there are, CORRUPT, IO, ABORTED */
export async function getBranch(store: ReadableStore, name: string, options: StoreCallOptions = {}): Promise<Branch> {
  checkBranchName(name);
  const path = formatRefPath(BRANCHES_PREFIX, name);
  const json = await readRef(store, path, options);
  if (json === undefined) throw await describeMissingBranch(store, name, options);
  return toBranch(json, path);
}

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
  const root = await findRoot(snapshot);
  const store = requireWritable(root.store, root.uri);
  const branches = await listBranches(store, options);
  const branch = branches[name];
  if (branch === undefined && options.force !== true) throw await describeMissingBranch(store, name, options);
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

function toBranch(json: RefJson, path: string): Branch {
  const mapping = (json.identifier as { version_mapping?: unknown } | null | undefined)?.version_mapping;
  return {
    parentBranch: typeof json.parentBranch === "string" ? json.parentBranch : null,
    parentVersion: readVersionNumber(json.parentVersion, path),
    identifier: Array.isArray(mapping) ? mapping.map((ancestor) => readAncestor(ancestor, path)) : [],
    createdAtMs: Number.isSafeInteger(json.createAt) ? (json.createAt as number) * 1000 : 0,
    manifestSizeBytes: readManifestSize(json.manifestSize),
    metadata: readRefMetadata(json.metadata, path),
  };
}

/** A version of an ancestor, and the branch that leaves it. @throws CORRUPT */
function readAncestor(value: unknown, path: string): [number, string] {
  const [version, id] = Array.isArray(value) ? (value as unknown[]) : [];
  if (typeof id === "string") return [readVersionNumber(version, path), id];
  throw new LanceError("CORRUPT", `${path} names an ancestor that is no version and id`, { path });
}
