import { LanceError } from "../errors.ts";
import type { Manifest } from "../proto/gen/lance/table_pb.ts";

/**
 * Path, inside the table's own store, of a file that may belong to another base (`base_id`): shallow clones and
 * branches keep files elsewhere. Bases are stored as absolute paths; one that lies inside this table, or is written
 * relative to it, can be read here, any other is named and refused.
 *
 * @param directory `data`, `_deletions` or `_indices`
 * @throws UNSUPPORTED naming the base, CORRUPT
 */
export function resolveBasePath(
  table: { readonly manifest: Manifest; readonly uri: string },
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
  const root = relativeTo(table.uri, base.path);
  if (root === undefined) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file} belongs to base ${baseId}${base.name ? ` ("${base.name}")` : ""} at ${base.path}, outside of this table at ${table.uri}; open the table where that base lies`,
      { baseId, basePath: base.path, uri: table.uri },
    );
  }
  const prefix = root === "" ? "" : `${root}/`;
  return base.isDatasetRoot ? `${prefix}${directory}/${file}` : `${prefix}${file}`;
}

/** `path` relative to `uri`, or `undefined` when it lies elsewhere. */
function relativeTo(uri: string, path: string): string | undefined {
  const base = trim(path);
  if (!base.startsWith("/") && !/^[a-z][a-z0-9+.-]*:/i.test(base)) {
    return base.split("/").includes("..") ? undefined : base === "." ? "" : base.replace(/^\.\//, "");
  }
  const root = trim(uri);
  if (base === root) return "";
  return root !== "" && base.startsWith(`${root}/`) ? base.slice(root.length + 1) : undefined;
}

function trim(path: string): string {
  return path.replace(/^file:\/\/(?=\/)/, "").replace(/\/+$/, "");
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
