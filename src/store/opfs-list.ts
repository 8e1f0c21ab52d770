import { throwIfAborted } from "../errors.ts";
import { isStaleFile, type OpfsDirectories, splitPath } from "./opfs-directories.ts";
import { comparePaths, isStaleTempName, isTempName } from "./paths.ts";
import type { ListedObject } from "./store.ts";
import { toStoreError } from "./store-errors.ts";

/** All objects below a prefix. Sizes cost one call each, made together; old debris that is met is removed. */
export async function listOpfs(
  directories: OpfsDirectories,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<ListedObject[]> {
  const { folder } = splitPath(prefix);
  try {
    const start = await directories.find(folder);
    const found = start ? await collect(start, { folder, prefix, signal }) : [];
    return found.sort((a, b) => comparePaths(a.path, b.path));
  } catch (error) {
    throw toStoreError(error, "list", prefix);
  }
}

async function collect(
  directory: FileSystemDirectoryHandle,
  state: { folder: string; prefix: string; signal: AbortSignal | undefined },
): Promise<ListedObject[]> {
  const pending: Promise<ListedObject[]>[] = [];
  try {
    for await (const [name, handle] of directory.entries()) {
      throwIfAborted(state.signal);
      const path = state.folder + name;
      if (isTempName(name)) {
        if (isStaleTempName(name)) await directory.removeEntry(name).catch(() => {});
      } else if (!path.startsWith(state.prefix) && !state.prefix.startsWith(`${path}/`)) {
      } else if (handle.kind === "directory") {
        pending.push(collect(handle as FileSystemDirectoryHandle, { ...state, folder: `${path}/` }));
      } else {
        pending.push(measure(handle as FileSystemFileHandle, path));
      }
    }
  } catch (error) {
    await Promise.allSettled(pending);
    // The folder was removed meanwhile.
    if (!isStaleFile(error)) throw error;
  }
  return (await Promise.all(pending)).flat();
}

async function measure(handle: FileSystemFileHandle, path: string): Promise<ListedObject[]> {
  try {
    const file = await handle.getFile();
    return [{ path, sizeBytes: file.size, modifiedMs: file.lastModified }];
  } catch (error) {
    // Deleted since it was listed.
    if (isStaleFile(error)) return [];
    throw error;
  }
}
