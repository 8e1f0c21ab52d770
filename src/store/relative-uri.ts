/**
 * A URI or path below another, as a relative path; empty for the same one, `undefined` when it lies elsewhere.
 * `file://` and a plain path are the same.
 */
export function relativeUri(root: string, uri: string): string | undefined {
  const base = trimUri(root);
  const full = trimUri(uri);
  if (full === base) return "";
  return base !== "" && full.startsWith(`${base}/`) ? full.slice(base.length + 1) : undefined;
}

/** Without `file://` and without slashes at the end. */
export function trimUri(uri: string): string {
  return uri.replace(/^file:\/\/(?=\/)/, "").replace(/\/+$/, "");
}

/** Whether a path is absolute: with a scheme, or from a file system's root. */
export function isAbsoluteUri(path: string): boolean {
  return path.startsWith("/") || /^[a-z][a-z0-9+.-]*:/i.test(path);
}
