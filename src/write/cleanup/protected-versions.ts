import type { Store } from "../../store/store.ts";
import { findRoot } from "../../table/refs/branch-root.ts";
import { listBranches } from "../../table/refs/read-branches.ts";
import { listTags } from "../../table/refs/read-tags.ts";
import type { Snapshot } from "../../table/snapshot.ts";

/** Versions of one line, the main one or a branch, that others depend on. */
export interface ProtectedVersions {
  readonly tags: ReadonlyMap<string, number>;
  /** Versions that branches were made from. */
  readonly branchedFrom: ReadonlySet<number>;
  /** Where tags and branches are kept, and below `tree/` the branches' own manifests. */
  readonly root: Store;
  /** Folder of the line in there, with its slash; empty for the main one. */
  readonly folder: string;
}

/** Reads every tag and branch. @throws CORRUPT (one that cannot be read may protect anything), UNSUPPORTED, IO, ABORTED */
export async function listProtectedVersions(snapshot: Snapshot, signal?: AbortSignal): Promise<ProtectedVersions> {
  const { store: root } = await findRoot(snapshot);
  const branch = snapshot.manifest.branch || null;
  const tags = Object.entries(await listTags(root, { signal })).filter(([, tag]) => tag.branch === branch);
  const branches = Object.values(await listBranches(root, { signal })).filter((each) => each.parentBranch === branch);
  return {
    tags: new Map(tags.map(([name, { version }]) => [name, version])),
    branchedFrom: new Set(branches.map(({ parentVersion }) => parentVersion)),
    root,
    folder: branch === null ? "" : `tree/${branch}/`,
  };
}
