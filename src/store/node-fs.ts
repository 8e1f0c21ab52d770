import type { Dirent } from "node:fs";
import { type FileHandle, link, mkdir, open, readdir, realpath, rename, rmdir, stat, unlink } from "node:fs/promises";
import { dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { LanceError, throwIfAborted } from "../errors.ts";
import { createGuardedWriter } from "./guarded-writer.ts";
import { joinIdentity } from "./identity.ts";
import type { StoreKind } from "./open-store.ts";
import { assertPath, assertPrefix, comparePaths, createTempName, isStaleTempName, isTempName } from "./paths.ts";
import { assertRange, resolveRange } from "./ranges.ts";
import { SharedFiles } from "./shared-files.ts";
import type { GetResult, ListedObject, Store } from "./store.ts";
import { pathExistsError, toStoreError } from "./store-errors.ts";

/** An open file, and its length when it was opened. */
interface OpenFile {
  readonly handle: FileHandle;
  readonly size: number;
}

/** One read call: small enough that an abort is seen soon, large enough to cost nothing. */
const READ_STEP_BYTES = 16 * 1024 * 1024;

/**
 * A store over a directory, in Node or Deno. `create` links a synced temporary file into place, which the file system
 * refuses atomically when the path exists; `overwrite` and writers rename one. Temporary files are hidden. A directory
 * below `directory` is removed with its last file.
 * @param directory a path or `file://` URL; made when first written to
 */
export function createNodeFsStore(directory: string): Store {
  const root = resolve(directory.startsWith("file:") ? fileURLToPath(directory) : directory);
  const locate = (path: string) => join(root, ...path.split("/"));
  const files = new SharedFiles<OpenFile>();
  return {
    capabilities: { write: true, list: true, ranges: true, atomicCreate: true, durable: true, readsInto: true },
    identity: joinIdentity("file:", root),
    describe: () => ({ kind: "file", directory: root }),
    async get(path, range = {}, options) {
      assertPath(path);
      assertRange(range);
      throwIfAborted(options?.signal);
      const target = locate(path);
      const open = () => openForRead(target, path);
      const read = async (file: OpenFile | undefined): Promise<GetResult | undefined> => {
        if (!file) return undefined;
        const { start, end } = resolveRange(range, file.size);
        const into = options?.transient ? options.into : undefined;
        const bytes = await readSpan(file.handle, { start, end, path, into, signal: options?.signal });
        return { bytes, totalBytes: file.size };
      };
      try {
        // The names of these files are never used again; another process may put a new file in the place of others.
        return await (isNamedOnce(path) ? files : new SharedFiles<OpenFile>()).withFile(target, open, read);
      } catch (error) {
        throw toStoreError(error, "read", path);
      }
    },
    async put(path, bytes, options) {
      assertPath(path);
      throwIfAborted(options.signal);
      const target = locate(path);
      const temp = await createTempFile(target, path);
      const writer = createGuardedWriter({
        path,
        signal: options.signal,
        sink: createTempFileSink({ ...temp, files, root, target, path, mode: options.mode }),
      });
      await writer.write(bytes);
      await writer.close();
    },
    async createWriter(path, options) {
      assertPath(path);
      throwIfAborted(options?.signal);
      const target = locate(path);
      const temp = await createTempFile(target, path);
      return createGuardedWriter({
        path,
        signal: options?.signal,
        sink: createTempFileSink({ ...temp, files, root, target, path, mode: "overwrite" }),
      });
    },
    async *list(prefix, options) {
      assertPrefix(prefix);
      throwIfAborted(options?.signal);
      const folder = prefix.slice(0, prefix.lastIndexOf("/") + 1);
      const found: ListedObject[] = [];
      await collectFiles(join(root, folder), { folder, prefix, found, above: [], signal: options?.signal });
      found.sort((a, b) => comparePaths(a.path, b.path));
      for (const object of found) {
        throwIfAborted(options?.signal);
        yield object;
      }
    },
    async delete(path, options) {
      assertPath(path);
      throwIfAborted(options?.signal);
      const target = locate(path);
      try {
        await unlink(target);
        files.forget(target);
      } catch (error) {
        if (isMissing(error)) return;
        throw toStoreError(error, "delete", path);
      }
      await pruneDirectories(root, dirname(target));
    },
  };
}

/** Data files and those of indexes: their names are drawn once, and never used again. */
function isNamedOnce(path: string): boolean {
  return /(^|\/)(data|_indices)\//.test(path);
}

/** `file://` URLs and plain paths. */
export const nodeFsStoreKind: StoreKind = {
  kind: "file",
  schemes: ["file", ""],
  openUri: (uri) => createNodeFsStore(uri),
  reopen: (description) => createNodeFsStore(String(description.directory)),
};

async function openForRead(target: string, path: string): Promise<OpenFile | undefined> {
  let handle: FileHandle | undefined;
  try {
    handle = await open(target, "r");
    const facts = await handle.stat();
    if (facts.isFile()) return { handle, size: facts.size };
    await handle.close();
    return undefined;
  } catch (error) {
    await handle?.close();
    // On Windows opening a directory fails; elsewhere it opens and is no file.
    if (isMissing(error) || codeOf(error) === "EISDIR") return undefined;
    throw toStoreError(error, "read", path);
  }
}

async function readSpan(
  handle: FileHandle,
  span: {
    start: number;
    end: number;
    path: string;
    into: Uint8Array<ArrayBuffer> | undefined;
    signal: AbortSignal | undefined;
  },
): Promise<Uint8Array> {
  const length = span.end - span.start;
  const bytes = span.into && length <= span.into.byteLength ? span.into.subarray(0, length) : new Uint8Array(length);
  let done = 0;
  while (done < bytes.byteLength) {
    throwIfAborted(span.signal);
    const step = Math.min(READ_STEP_BYTES, bytes.byteLength - done);
    const { bytesRead } = await handle.read(bytes, done, step, span.start + done);
    if (bytesRead === 0) {
      throw new LanceError("IO", `"${span.path}" became shorter while it was read`, { path: span.path });
    }
    done += bytesRead;
  }
  throwIfAborted(span.signal);
  return bytes;
}

interface TempFile {
  readonly handle: FileHandle;
  readonly temp: string;
}

/** A directory just made may be pruned before its first file is there. */
const MAX_DIRECTORY_ATTEMPTS = 20;

async function createTempFile(target: string, path: string): Promise<TempFile> {
  const directory = dirname(target);
  for (let attempt = 1; ; attempt++) {
    try {
      const firstMade = await mkdir(directory, { recursive: true });
      if (firstMade) await syncDirectoriesAbove(directory, dirname(firstMade));
      const temp = join(directory, createTempName());
      return { handle: await open(temp, "wx"), temp };
    } catch (error) {
      if (codeOf(error) !== "ENOENT" || attempt === MAX_DIRECTORY_ATTEMPTS) throw toStoreError(error, "write", path);
    }
  }
}

/** Removes a directory and those above it that are empty, up to the store's root, which stays. */
async function pruneDirectories(root: string, directory: string): Promise<void> {
  for (let at = directory; at.startsWith(root + sep); at = dirname(at)) {
    try {
      await rmdir(at);
    } catch {
      // It holds something, or another delete was faster: what stays is of no harm.
      return;
    }
  }
}

function createTempFileSink(
  file: TempFile & {
    files: SharedFiles<OpenFile>;
    root: string;
    target: string;
    path: string;
    mode: "create" | "overwrite";
  },
) {
  const { handle, temp, files, root, target, path, mode } = file;
  return {
    async write(bytes: Uint8Array) {
      let done = 0;
      while (done < bytes.byteLength) done += (await handle.write(bytes, done)).bytesWritten;
    },
    async publish() {
      await handle.sync();
      await handle.close();
      if (mode === "create") await linkNew(temp, target, path);
      else await rename(temp, target);
      files.forget(target);
      await syncDirectory(dirname(target));
    },
    async discard() {
      await handle.close().catch(() => {});
      await unlink(temp);
      await pruneDirectories(root, dirname(target));
    },
  };
}

async function linkNew(temp: string, target: string, path: string): Promise<void> {
  try {
    await link(temp, target);
  } catch (error) {
    const code = codeOf(error);
    if (code === "EEXIST") throw pathExistsError(path, error);
    if (code === "EPERM" || code === "ENOTSUP" || code === "EOPNOTSUPP" || code === "ENOSYS") {
      throw new LanceError(
        "UNSUPPORTED",
        `cannot create "${path}" atomically: its file system has no hard links (${code}); keep the table on one that has`,
        { path },
        { cause: error },
      );
    }
    throw error;
  }
  await unlink(temp).catch(() => {});
}

interface CollectState {
  readonly folder: string;
  readonly prefix: string;
  readonly found: ListedObject[];
  /** Real paths of the directories above, to stop at a circle of links. */
  readonly above: readonly string[];
  readonly signal: AbortSignal | undefined;
}

async function collectFiles(directory: string, state: CollectState): Promise<void> {
  throwIfAborted(state.signal);
  let entries: Dirent[];
  let real: string;
  try {
    real = await realpath(directory);
    entries = await readdir(directory, { withFileTypes: true });
  } catch (error) {
    if (isMissing(error)) return;
    throw toStoreError(error, "list", state.folder);
  }
  if (state.above.includes(real)) return;
  for (const entry of entries) {
    const path = state.folder + entry.name;
    const full = join(directory, entry.name);
    if (isTempName(entry.name)) {
      if (isStaleTempName(entry.name)) await unlink(full).catch(() => {});
      continue;
    }
    // A file that vanished since, or a link to nothing, is not there.
    if (!path.startsWith(state.prefix) && !state.prefix.startsWith(`${path}/`)) continue;
    const facts = await stat(full).catch(() => undefined);
    if (facts?.isDirectory()) {
      await collectFiles(full, { ...state, folder: `${path}/`, above: [...state.above, real] });
    } else if (facts?.isFile() && path.startsWith(state.prefix)) {
      state.found.push({ path, sizeBytes: facts.size, modifiedMs: facts.mtimeMs });
    }
  }
}

/** Makes a rename or link survive a power cut. Windows cannot open directories and does not need it. */
async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, "r").catch(() => undefined);
  if (!handle) return;
  try {
    await handle.sync();
  } catch (error) {
    if (!["EPERM", "EINVAL", "EISDIR", "EBADF"].includes(codeOf(error) ?? "")) throw error;
  } finally {
    await handle.close();
  }
}

async function syncDirectoriesAbove(directory: string, last: string): Promise<void> {
  for (let at = dirname(directory); at.length >= last.length; at = dirname(at)) {
    await syncDirectory(at);
    if (at === dirname(at)) return;
  }
}

function codeOf(error: unknown): string | undefined {
  return (error as { code?: string } | null)?.code;
}

function isMissing(error: unknown): boolean {
  const code = codeOf(error);
  return code === "ENOENT" || code === "ENOTDIR";
}
