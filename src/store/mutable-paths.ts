/**
 * Whether a path of a Lance table may change its content: the version hint and the refs (tags, branches). Everything
 * else is written once. A table may stand below the store's root, as in a database directory.
 */
export function isMutablePath(path: string): boolean {
  return isVersionHint(path) || /(^|\/)_refs\//.test(path);
}

/** The file that names the newest version. */
export function isVersionHint(path: string): boolean {
  return /(^|\/)_versions\/latest_version_hint\.json$/.test(path);
}

/** Manifests are written once, but their names are numbers: a table made anew in a table's place has the same ones. */
export function isManifestPath(path: string): boolean {
  return /(^|\/)_versions\/[^/]+\.manifest$/.test(path);
}
