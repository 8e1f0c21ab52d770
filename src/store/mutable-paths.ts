/**
 * Whether a path of a Lance table may change its content: the version hint and the refs (tags, branches). Everything
 * else is written once. A table may stand below the store's root, as in a database directory.
 */
export function isMutablePath(path: string): boolean {
  return /(^|\/)(_versions\/latest_version_hint\.json$|_refs\/)/.test(path);
}
