import { LanceError } from "../errors.ts";
import { drawUuid } from "./uuid.ts";

/** Names with this start belong to half-written objects: never listed, never accepted from a caller. */
const TEMP_NAME_START = ".lancelet-tmp-";

/** Debris of a crash older than this is swept by the next listing that meets it. */
const TEMP_LIFETIME_MS = 24 * 60 * 60 * 1000;

/**
 * Refuses what no store accepts: empty, absolute, `.` or `..` or empty segments, backslash, NUL, reserved temporary names.
 * @throws INVALID_ARGUMENT
 */
export function assertPath(path: string): void {
  const reason = findPathFault(path);
  if (reason) throw refusePath("path", path, reason);
}

/**
 * The same for the prefix of a listing, which may be empty and may end within a name or in `/`.
 * @throws INVALID_ARGUMENT
 */
export function assertPrefix(prefix: string): void {
  if (prefix === "") return;
  const reason = findPathFault(prefix.endsWith("/") ? prefix.slice(0, -1) : prefix);
  if (reason) throw refusePath("prefix", prefix, reason);
}

/** Ascending UTF-16 code unit order, the order of every listing. */
export function comparePaths(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** A fresh name for an object that is being written, in the directory it will stand in. */
export function createTempName(): string {
  return `${TEMP_NAME_START}${Date.now().toString(36)}-${drawUuid()}`;
}

/** Whether a name is one of {@link createTempName}. */
export function isTempName(name: string): boolean {
  return name.startsWith(TEMP_NAME_START);
}

/** Whether the writer of a temporary name must be long gone. */
export function isStaleTempName(name: string): boolean {
  if (!isTempName(name)) return false;
  const createdMs = Number.parseInt(name.slice(TEMP_NAME_START.length), 36);
  return !(Date.now() - createdMs < TEMP_LIFETIME_MS);
}

/** Whether something begun at `createdMs` is debris by now. */
export function isStaleTime(createdMs: number): boolean {
  return !(Date.now() - createdMs < TEMP_LIFETIME_MS);
}

function findPathFault(path: unknown): string | undefined {
  if (typeof path !== "string") return `expected a string, received ${typeof path}`;
  if (path === "") return "it is empty";
  if (path.startsWith("/")) return "it is absolute";
  if (path.includes("\\")) return "it holds a backslash";
  if (path.includes("\0")) return "it holds a NUL";
  for (const segment of path.split("/")) {
    if (segment === "") return "it has an empty segment";
    if (segment === "." || segment === "..") return `it has a "${segment}" segment`;
    if (isTempName(segment)) return `names that start with "${TEMP_NAME_START}" are reserved`;
  }
  return undefined;
}

function refusePath(what: "path" | "prefix", value: unknown, reason: string): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `not a store ${what}: ${JSON.stringify(value)}, since ${reason}; expected a relative path such as "data/a.lance"`,
    { [what]: value, reason },
  );
}
