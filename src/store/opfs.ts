import { LanceError, throwIfAborted } from "../errors.ts";
import { createGuardedWriter, type WriteSink } from "./guarded-writer.ts";
import { joinIdentity } from "./identity.ts";
import type { StoreKind } from "./open-store.ts";
import { createOpfsDirectories, isAbsence, isStaleFile, retryWhileLocked, splitPath } from "./opfs-directories.ts";
import { listOpfs } from "./opfs-list.ts";
import { chooseWriteMethod, type OpfsWriteMethod, openOpfsSink } from "./opfs-write.ts";
import { assertPath, assertPrefix, createTempName } from "./paths.ts";
import { assertRange, resolveRange } from "./ranges.ts";
import type { ByteRange, GetResult, Store, StoreCallOptions, StoreWriter } from "./store.ts";
import { pathExistsError, toStoreError } from "./store-errors.ts";

/** How a store writes. */
export interface OpfsStoreOptions {
  /** Default: the best this thread has. */
  readonly writeMethod?: OpfsWriteMethod;
}

/** `move()` is in every browser with OPFS, not in the DOM types. */
interface MovableFileHandle extends FileSystemFileHandle {
  move(name: string): Promise<void>;
}

/** An overwritten object's snapshot dies under its readers; a few fresh ones always suffice. */
const READ_ATTEMPTS = 5;

/**
 * A store in the origin's private file system. Reads take snapshots and hold no handle. Everything is written to a
 * hidden temporary file and moved into place; since `move()` overwrites in silence, `create` checks and moves under a
 * Web Lock that all tabs and workers of the origin share.
 *
 * @param path folder below the origin's root, made when first written to
 */
export function createOpfsStore(path: string, options: OpfsStoreOptions = {}): Store {
  const root = path.split("/").filter(Boolean).join("/");
  if (root !== "") assertPath(root);
  const directories = createOpfsDirectories(root);
  const method = options.writeMethod ?? chooseWriteMethod();
  const locks = typeof navigator === "undefined" ? undefined : navigator.locks;

  const openWriter = async (
    target: string,
    call: StoreCallOptions & { mode: "create" | "overwrite" },
  ): Promise<StoreWriter> => {
    assertPath(target);
    throwIfAborted(call.signal);
    try {
      const sink = await openTempSink(target, call.mode);
      return createGuardedWriter({ path: target, sink, signal: call.signal });
    } catch (error) {
      throw toStoreError(error, "write", target);
    }
  };

  const openTempSink = async (target: string, mode: "create" | "overwrite"): Promise<WriteSink> => {
    const { folder, name } = splitPath(target);
    const temp = createTempName();
    const openTemp = async () => {
      const directory = await directories.create(folder);
      return { directory, file: (await directory.getFileHandle(temp, { create: true })) as MovableFileHandle };
    };
    const { directory, file } = await openTemp().catch((error: unknown) => {
      // The folder was removed since its handle was kept.
      directories.forget();
      if (isAbsence(error)) return openTemp();
      throw error;
    });
    const fullPath = [root, folder + temp].filter(Boolean).join("/");
    const sink = await openOpfsSink(file, { fullPath, method });
    const move = () => retryWhileLocked(() => file.move(name), { path: target, action: "replace" });
    return {
      write: (bytes) => sink.write(bytes),
      async publish() {
        await sink.finish();
        if (mode === "overwrite") return move();
        await requireLocks(locks).request(`lancelet:opfs:${root}/${target}`, async () => {
          if (await isTaken(directory, name)) throw pathExistsError(target);
          await move();
        });
      },
      async discard() {
        await sink.release().catch(() => {});
        await retryWhileLocked(() => directory.removeEntry(temp), { path: target, action: "discard" });
      },
    };
  };

  return {
    capabilities: { write: true, list: true, ranges: true, atomicCreate: locks !== undefined, durable: true },
    identity: joinIdentity("opfs:", root),
    describe: () => ({ kind: "opfs", path: root }),
    async get(target, range = {}, call) {
      assertPath(target);
      assertRange(range);
      throwIfAborted(call?.signal);
      const { folder, name } = splitPath(target);
      const directory = await directories.find(folder).catch((error: unknown) => {
        throw toStoreError(error, "read", target);
      });
      return directory && readSnapshot(directory, name, { path: target, range, signal: call?.signal });
    },
    async put(target, bytes, call) {
      const writer = await openWriter(target, call);
      // Both are awaited through `close`, which gives the first failure.
      writer.write(bytes).catch(() => {});
      await writer.close();
    },
    createWriter: (target, call) => openWriter(target, { ...call, mode: "overwrite" }),
    async *list(prefix, call) {
      assertPrefix(prefix);
      throwIfAborted(call?.signal);
      for (const object of await listOpfs(directories, prefix, call?.signal)) {
        throwIfAborted(call?.signal);
        yield object;
      }
    },
    async delete(target, call) {
      assertPath(target);
      throwIfAborted(call?.signal);
      const { folder, name } = splitPath(target);
      try {
        const directory = await directories.find(folder);
        // A folder of this name is no object.
        if (!directory || !(await directory.getFileHandle(name))) return;
        const remove = () => directory.removeEntry(name);
        await retryWhileLocked(remove, { path: target, action: "delete", signal: call?.signal });
      } catch (error) {
        if (!isAbsence(error)) throw toStoreError(error, "delete", target);
      }
    },
  };
}

/** `opfs://folder/of/the/table` */
export const opfsStoreKind: StoreKind = {
  kind: "opfs",
  schemes: ["opfs"],
  openUri: (uri, { storageOptions }) =>
    createOpfsStore(decodeURI(uri.slice("opfs://".length)), storageOptions as OpfsStoreOptions | undefined),
  reopen: (description) => createOpfsStore(String(description.path)),
};

async function readSnapshot(
  directory: FileSystemDirectoryHandle,
  name: string,
  call: { path: string; range: ByteRange; signal: AbortSignal | undefined },
): Promise<GetResult | undefined> {
  for (let attempt = 1; ; attempt++) {
    let file: File;
    try {
      file = await (await directory.getFileHandle(name)).getFile();
    } catch (error) {
      if (isAbsence(error)) return undefined;
      if (isStaleFile(error) && attempt < READ_ATTEMPTS) continue;
      throw toStoreError(error, "read", call.path);
    }
    throwIfAborted(call.signal);
    try {
      const { start, end } = resolveRange(call.range, file.size);
      const bytes = new Uint8Array(await file.slice(start, end).arrayBuffer());
      throwIfAborted(call.signal);
      if (bytes.byteLength === end - start) return { bytes, totalBytes: file.size };
      if (attempt >= READ_ATTEMPTS) throw new Error(`received ${bytes.byteLength} of ${end - start} bytes`);
    } catch (error) {
      if (!isStaleFile(error) || attempt >= READ_ATTEMPTS) throw toStoreError(error, "read", call.path);
    }
  }
}

async function isTaken(directory: FileSystemDirectoryHandle, name: string): Promise<boolean> {
  try {
    await directory.getFileHandle(name);
    return true;
  } catch (error) {
    if ((error as { name?: string }).name === "NotFoundError") return false;
    // A folder stands there.
    if (isAbsence(error)) return true;
    throw error;
  }
}

function requireLocks(locks: LockManager | undefined): LockManager {
  if (locks) return locks;
  throw new LanceError(
    "UNSUPPORTED",
    "creating a file atomically needs Web Locks, which this host lacks; writers without mode create work",
  );
}
