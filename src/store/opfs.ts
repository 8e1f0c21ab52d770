import { LanceError, throwIfAborted } from "../errors.ts";
import { createGuardedWriter, type WriteSink } from "./guarded-writer.ts";
import { joinIdentity } from "./identity.ts";
import type { StoreKind } from "./open-store.ts";
import { createOpfsDirectories, isAbsence, retryWhileLocked, splitPath } from "./opfs-directories.ts";
import { listOpfs } from "./opfs-list.ts";
import { createOpfsReader } from "./opfs-read.ts";
import { releaseHandles } from "./opfs-read-worker.ts";
import { chooseWriteMethod, type OpfsWriteMethod, openOpfsSink } from "./opfs-write.ts";
import { assertPath, assertPrefix, createTempName } from "./paths.ts";
import { assertRange } from "./ranges.ts";
import type { Store, StoreCallOptions, StoreWriter } from "./store.ts";
import { pathExistsError, toStoreError } from "./store-errors.ts";

/** How a store writes and reads. */
export interface OpfsStoreOptions {
  /** Default: the best this thread has. */
  readonly writeMethod?: OpfsWriteMethod;
  /** Whether objects that are read often may be held open for a moment, by a worker of this thread's. Default true. */
  readonly holdsHandles?: boolean;
}

/** `move()` is in every browser with OPFS, not in the DOM types. */
interface MovableFileHandle extends FileSystemFileHandle {
  move(name: string): Promise<void>;
}

/**
 * A store in the origin's private file system. Reads take snapshots, or a handle that lets go when asked; `close()`
 * before you remove the folder yourself. Everything is written to a hidden temporary file and moved into place; since
 * `move()` overwrites in silence, `create` checks and moves under a Web Lock that all tabs and workers of the origin share.
 *
 * @param path folder below the origin's root, made when first written to
 */
export function createOpfsStore(path: string, options: OpfsStoreOptions = {}): Store {
  const root = path.split("/").filter(Boolean).join("/");
  if (root !== "") assertPath(root);
  const directories = createOpfsDirectories(root);
  const method = options.writeMethod ?? chooseWriteMethod();
  const toFullPath = (target: string) => (root === "" ? target : `${root}/${target}`);
  const reader = createOpfsReader({ directories, toFullPath, holdsHandles: options.holdsHandles ?? true });
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
    const sink = await openOpfsSink(file, { fullPath: toFullPath(folder + temp), method });
    const onLocked = () => releaseHandles(toFullPath(target));
    const move = () => retryWhileLocked(() => file.move(name), { path: target, action: "replace", onLocked });
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
      return reader.read(target, range, call?.signal);
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
        const onLocked = () => releaseHandles(toFullPath(target));
        await retryWhileLocked(remove, { path: target, action: "delete", signal: call?.signal, onLocked });
      } catch (error) {
        if (!isAbsence(error)) throw toStoreError(error, "delete", target);
      }
    },
    close: () => reader.close(),
  };
}

/** `opfs://folder/of/the/table` */
export const opfsStoreKind: StoreKind = {
  kind: "opfs",
  schemes: ["opfs"],
  openUri: (uri, { storageOptions }) =>
    createOpfsStore(decodeURI(uri.slice("opfs://".length)), storageOptions as OpfsStoreOptions | undefined),
  // A worker of the pool reads few large slices, which gain nothing by a worker more.
  reopen: (description) => createOpfsStore(String(description.path), { holdsHandles: false }),
};

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
