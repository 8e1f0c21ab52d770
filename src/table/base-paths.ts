import { LanceError } from "../errors.ts";
import type { BasePath, Manifest } from "../proto/gen/lance/table_pb.ts";
import { isAbsoluteUri, relativeUri, trimUri } from "../store/relative-uri.ts";
import { formatElsewhere } from "../store/with-bases.ts";

/** What bases are resolved against. */
interface BasedTable {
  readonly manifest: Manifest;
  readonly uri: string;
}

/**
 * Path, for the snapshot's store, of a file that may belong to another base (`base_id`): shallow clones and branches
 * keep files elsewhere. Bases are stored as absolute paths; where the table was moved since, they are looked for beside
 * it (see {@link locateBase}).
 *
 * @param directory `data`, `_deletions` or `_indices`
 * @throws CORRUPT
 */
export function resolveBasePath(
  table: BasedTable,
  directory: string,
  file: string,
  baseId: number | undefined,
): string {
  checkRelative(file);
  if (baseId === undefined) return `${directory}/${file}`;
  const base = table.manifest.basePaths.find((candidate) => candidate.id === baseId);
  if (base === undefined) {
    throw new LanceError("CORRUPT", `${file} belongs to base ${baseId}, which the manifest does not list`, {
      baseId,
      known: table.manifest.basePaths.map((candidate) => candidate.id),
    });
  }
  const path = base.isDatasetRoot ? `${directory}/${file}` : file;
  const uri = locateBase(table, base);
  const own = relativeUri(table.uri, uri);
  if (own === undefined) return formatElsewhere(uri, path);
  return own === "" ? path : `${own}/${path}`;
}

/**
 * Where a base is now, as far as the paths tell. A branch lies below the table it was made from, so what lay below that
 * table then does so now. A local path in a table that is read from anywhere but a disk cannot be meant, and one
 * relative to where some program ran (native writes what it was given) says little: a folder of that name beside the
 * table is tried.
 */
function locateBase(table: BasedTable, base: BasePath): string {
  const { branch } = table.manifest;
  if (branch !== undefined && branch !== "") {
    const now = findRootUri(table.uri, branch);
    for (const then of now === undefined ? [] : listRecordedRoots(table.manifest, now)) {
      const below = relativeUri(then, base.path);
      if (below !== undefined) return below === "" ? now! : `${now}/${below}`;
    }
  }
  if (relativeUri(table.uri, base.path) !== undefined) return trimUri(base.path);
  if (/^(\.{1,2}|tree)(\/|$)/.test(base.path)) return joinUri(table.uri, base.path);
  const isLocal = /^(file:|\/|[a-z]:[\\/])/i;
  const moved = isLocal.test(base.path) && !isLocal.test(table.uri) && /^[a-z][a-z0-9+.-]+:/i.test(table.uri);
  if (!moved && isAbsoluteUri(base.path)) return trimUri(base.path);
  const name = trimUri(base.path.replaceAll("\\", "/")).split("/").at(-1) ?? "";
  return joinUri(table.uri, `../${name}`);
}

/** The table a branch at `uri` belongs to; `undefined` when the branch is not at its place below a table. */
export function findRootUri(uri: string, branch: string): string | undefined {
  const suffix = `/tree/${branch}`;
  const trimmed = trimUri(uri);
  return trimmed.endsWith(suffix) ? trimmed.slice(0, -suffix.length) : undefined;
}

/**
 * Where the table of a branch was when its bases were noted. The base that came last is what the branch was made from:
 * a version of the table itself (no name) or of another branch (which the base is named after). A relative path of the
 * table's own name is that table too.
 */
function listRecordedRoots(manifest: Manifest, now: string): string[] {
  const bases = manifest.basePaths.filter((base) => base.isDatasetRoot).sort((a, b) => b.id - a.id);
  const inPlace = bases.some((base) => relativeUri(now, base.path) !== undefined);
  const roots = bases.map(({ name, path }) => (name ? findRootUri(path, name) : trimUri(path)));
  const found = inPlace ? [now] : [roots.find((root) => root !== undefined) ?? now];
  for (const root of roots) {
    if (root !== undefined && !isAbsoluteUri(root) && root.split("/").at(-1) === now.split("/").at(-1))
      found.push(root);
  }
  return found;
}

/** `path` from `uri` on; `..` goes up. */
function joinUri(uri: string, path: string): string {
  const joined = trimUri(uri).split("/");
  for (const part of path.split("/")) {
    if (part === "..") joined.pop();
    else if (part !== "." && part !== "") joined.push(part);
  }
  return joined.join("/");
}

function checkRelative(file: string): void {
  if (
    file === "" ||
    file.startsWith("/") ||
    file.split("/").some((part) => part === ".." || part === "." || part === "")
  ) {
    throw new LanceError("CORRUPT", `the manifest names a file "${file}", which is no path inside the table`, { file });
  }
}
