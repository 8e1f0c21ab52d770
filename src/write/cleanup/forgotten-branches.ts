import type { ListedObject, Store } from "../../store/store.ts";
import { listBranches } from "../../table/refs/read-branches.ts";
import { listTags } from "../../table/refs/read-tags.ts";
import { classifyFile, type FileKind } from "./references.ts";

/** A file of a branch that no list names. */
export interface ForgottenFile extends ListedObject {
  readonly kind: FileKind;
}

/** `tree/{branch}/{path in it}`; parts of a branch's name that are called as a directory are taken for one. */
const BRANCH_FILE = /^tree\/(.+?)\/((?:_versions|_transactions|_deletions|_indices|data)\/.+)$/;

/**
 * Files of branches that are on no list: a process died while it made one, or while it deleted one. A branch stays when
 * a tag names it, when any version has files of it, and when any of its files is not `isOld`: it may be in the making.
 *
 * @param root where branches are kept
 * @param options.bases base paths that manifests name
 * @throws CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function listForgottenFiles(
  root: Store,
  options: {
    readonly bases: ReadonlySet<string>;
    readonly isOld: (file: ListedObject) => boolean;
    readonly signal: AbortSignal | undefined;
  },
): Promise<ForgottenFile[]> {
  const { bases, isOld, signal } = options;
  const found = new Map<string, ForgottenFile[]>();
  const young = new Set<string>();
  for await (const object of root.list("tree/", { signal })) {
    const [, branch, path] = BRANCH_FILE.exec(object.path) ?? [];
    if (branch === undefined || path === undefined) continue;
    const kind = path.startsWith("_versions/") ? "temporary" : classifyFile(path);
    if (kind === undefined) continue;
    if (!isOld(object)) young.add(branch);
    const files = found.get(branch) ?? [];
    files.push({ ...object, kind });
    found.set(branch, files);
  }
  if (found.size === 0) return [];
  // Listed last: a branch whose files were seen is on the list by now, or is young.
  const named = Object.keys(await listBranches(root, { signal }));
  for (const { branch } of Object.values(await listTags(root, { signal }))) if (branch !== null) named.push(branch);
  const used = [...bases].map((path) => path.replace(/\/+$/, ""));
  const isKept = (branch: string) =>
    young.has(branch) ||
    used.some((path) => path.endsWith(`/tree/${branch}`)) ||
    // A name such as "a/data/b" was read as "a".
    named.some((name) => name === branch || BRANCH_FILE.exec(`tree/${name}/data/_`)?.[1] === branch);
  return [...found].flatMap(([branch, files]) => (isKept(branch) ? [] : files));
}
