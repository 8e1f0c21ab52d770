import { LanceError } from "../../errors.ts";
import type { ReadableStore, StoreCallOptions } from "../../store/store.ts";
import { getRef, listRefs, type RefKind } from "./named-refs.ts";
import { BRANCHES_PREFIX, type RefJson, readManifestSize, readRefMetadata, readVersionNumber } from "./ref-file.ts";
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

/** Branches among the refs. */
export const BRANCHES: RefKind<Branch> = {
  noun: "branch",
  prefix: BRANCHES_PREFIX,
  none: "none but main",
  checkName: checkBranchName,
  read: toBranch,
};

/** All branches by name, but for the main one. @throws UNSUPPORTED when the store cannot list, CORRUPT, IO, ABORTED */
export function listBranches(store: ReadableStore, options: StoreCallOptions = {}): Promise<Record<string, Branch>> {
  return listRefs(store, BRANCHES, options);
}

/** @throws INVALID_ARGUMENT, NOT_FOUND naming the branches there are, CORRUPT, IO, ABORTED */
export function getBranch(store: ReadableStore, name: string, options: StoreCallOptions = {}): Promise<Branch> {
  return getRef(store, BRANCHES, { ...options, name });
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
