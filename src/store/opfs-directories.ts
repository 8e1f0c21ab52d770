import { isLanceError, LanceError, throwIfAborted } from "../errors.ts";

/** Attempts and pause while another handle, of this tab or another, holds a file. Together about a second and a half. */
const LOCK_ATTEMPTS = 16;
const LOCK_PAUSE_MS = 12;

/** Directories below a folder of the origin's private file system. Handles are kept; they are paths, not locks. */
export interface OpfsDirectories {
  /** @returns `undefined` when it, or one above, is not there or is a file (only without `create`) */
  find(path: string): Promise<FileSystemDirectoryHandle | undefined>;
  create(path: string): Promise<FileSystemDirectoryHandle>;
  /** After a handle turned out to be stale: its folder was removed. */
  forget(): void;
}

/** @param root `/`-separated folder names */
export function createOpfsDirectories(root: string): OpfsDirectories {
  const kept = new Map<string, FileSystemDirectoryHandle>();

  const walk = async (path: string, create: boolean): Promise<FileSystemDirectoryHandle> => {
    const full = [...root.split("/"), ...path.split("/")].filter((name) => name !== "");
    const found = kept.get(full.join("/"));
    if (found) return found;
    let directory = await openOrigin();
    for (const [i, name] of full.entries()) {
      const key = full.slice(0, i + 1).join("/");
      directory = kept.get(key) ?? (await directory.getDirectoryHandle(name, { create }));
      kept.set(key, directory);
    }
    return directory;
  };
  return {
    async find(path) {
      try {
        return await walk(path, false);
      } catch (error) {
        if (isAbsence(error)) return undefined;
        throw error;
      }
    },
    create: (path) => walk(path, true),
    forget: () => kept.clear(),
  };
}

/** What names a path that is not there: nothing, a folder in a file's place, or a file in a folder's. */
export function isAbsence(error: unknown): boolean {
  const name = nameOf(error);
  return name === "NotFoundError" || name === "TypeMismatchError";
}

/** The file changed or moved between `getFile()` and the read of its bytes. */
export function isStaleFile(error: unknown): boolean {
  const name = nameOf(error);
  return name === "NotReadableError" || name === "NotFoundError";
}

/**
 * Tries again for a moment while a file is held by an open handle.
 * @param what.onLocked called each time, before the pause
 * @throws IO when it stays held
 */
export async function retryWhileLocked<T>(
  action: () => Promise<T>,
  what: { path: string; action: string; signal?: AbortSignal | undefined; onLocked?: () => void },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    throwIfAborted(what.signal);
    try {
      return await action();
    } catch (error) {
      if (isLanceError(error) || nameOf(error) !== "NoModificationAllowedError") throw error;
      if (attempt < LOCK_ATTEMPTS) {
        what.onLocked?.();
        await new Promise((resolve) => setTimeout(resolve, LOCK_PAUSE_MS * attempt));
        continue;
      }
      throw new LanceError(
        "IO",
        `could not ${what.action} "${what.path}": an open handle holds it, in this tab or another; close what writes it`,
        { path: what.path, action: what.action, locked: true },
        { cause: error },
      );
    }
  }
}

/** Splits a path into its folder and its name. */
export function splitPath(path: string): { folder: string; name: string } {
  const slash = path.lastIndexOf("/");
  return { folder: path.slice(0, slash + 1), name: path.slice(slash + 1) };
}

async function openOrigin(): Promise<FileSystemDirectoryHandle> {
  if (typeof navigator === "undefined" || typeof navigator.storage?.getDirectory !== "function") {
    throw new LanceError(
      "UNSUPPORTED",
      "this host has no origin private file system: it needs a browser and a secure context (https or localhost)",
    );
  }
  return navigator.storage.getDirectory();
}

function nameOf(error: unknown): unknown {
  return (error as { name?: unknown } | null)?.name;
}
