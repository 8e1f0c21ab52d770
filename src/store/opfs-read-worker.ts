import { startTextWorker, type TextWorker } from "./text-worker.ts";

/** A slice of a file to read. */
export interface FileSlice {
  /** From the origin's root. */
  readonly path: string;
  readonly offset: number;
  readonly length: number;
}

/** What lies in a slice, clipped to its file. */
export interface FileBytes {
  readonly bytes: Uint8Array;
  readonly totalBytes: number;
}

/**
 * Holds files open by sync handles that only read: any number of threads may hold one at once, but none may then remove
 * or replace the file. So a handle goes after a moment without use, at once when someone asks for the file over the
 * channel, and then is not taken again for a while.
 */
const SOURCE = `
const IDLE_MS = 250, MAX_HANDLES = 64, YIELD_MS = 1000;
const held = new Map(), yielded = new Map(), folders = new Map();
let sweeping;
const channel = new BroadcastChannel("CHANNEL");
channel.onmessage = ({ data }) => {
  yielded.set(data, performance.now() + YIELD_MS);
  close(data);
  sweeping ??= setTimeout(sweep, IDLE_MS);
};
const close = (path) => {
  held.get(path)?.file.close();
  held.delete(path);
};
const sweep = () => {
  const now = performance.now();
  for (const [path, { usedMs }] of held) if (now - usedMs >= IDLE_MS) close(path);
  for (const [path, untilMs] of yielded) if (now >= untilMs) yielded.delete(path);
  sweeping = held.size + yielded.size > 0 ? setTimeout(sweep, IDLE_MS) : undefined;
};
const findFolder = (path) => {
  if (path === "") return navigator.storage.getDirectory();
  let folder = folders.get(path);
  if (!folder) {
    const slash = path.lastIndexOf("/");
    folder = findFolder(path.slice(0, Math.max(slash, 0))).then((parent) => parent.getDirectoryHandle(path.slice(slash + 1)));
    folders.set(path, folder);
    folder.catch(() => folders.delete(path));
  }
  return folder;
};
const open = async (path) => {
  const slash = path.lastIndexOf("/");
  try {
    const folder = await findFolder(path.slice(0, Math.max(slash, 0)));
    const file = await (await folder.getFileHandle(path.slice(slash + 1))).createSyncAccessHandle({ mode: "read-only" });
    if (yielded.has(path) || held.has(path)) return file.close();
    held.set(path, { file, totalBytes: file.getSize(), usedMs: 0 });
  } catch {
    // The folder may be another by now. Who asked reads in another way, and learns what is wrong.
    folders.clear();
  }
};
const run = {
  probe: () => typeof FileSystemSyncAccessHandle === "function" && "mode" in FileSystemSyncAccessHandle.prototype,
  release: ({ paths }) => paths.forEach(close),
  async read({ paths, spans }) {
    sweeping ??= setTimeout(sweep, IDLE_MS);
    await Promise.all(paths.map((path) => held.has(path) || yielded.has(path) ? undefined : open(path)));
    let size = 0;
    for (let i = 2; i < spans.length; i += 3) size += spans[i];
    const bytes = new Uint8Array(size);
    const totals = new Float64Array(spans.length / 3).fill(-1);
    for (let i = 0, at = 0; i < totals.length; i++) {
      const [which, offset, length] = spans.subarray(3 * i, 3 * i + 3);
      const one = held.get(paths[which]);
      if (one) {
        const end = Math.min(offset + length, one.totalBytes);
        one.usedMs = performance.now();
        let from = offset;
        for (let got = 1; from < end && got > 0; from += got) {
          got = one.file.read(bytes.subarray(at + from - offset, at + end - offset), { at: from });
        }
        if (from >= end) totals[i] = one.totalBytes;
      }
      at += length;
    }
    const oldest = [...held].sort(([, a], [, b]) => a.usedMs - b.usedMs);
    for (const [path] of oldest.slice(0, Math.max(0, held.size - MAX_HANDLES))) close(path);
    return { bytes, totals, transfer: [bytes.buffer] };
  },
};
`;

const CHANNEL = "lancelet:opfs:release";

/** Reads slices of files by sync handles. */
export interface HandleReader {
  /**
   * Reads many slices in one message to a worker and one back.
   * @returns a slice each; `undefined` for those that cannot be read like this, because of the host, the file, or someone
   * who wants it: whoever asks has to read them in another way
   */
  read(slices: readonly FileSlice[]): Promise<(FileBytes | undefined)[]>;
  /** Lets go of files; the next read holds them again. */
  release(paths: readonly string[]): Promise<void>;
}

/**
 * Reads with a worker of its own, started when first needed: much faster than by blobs, which take several messages
 * between processes for every slice.
 */
export function createHandleReader(): HandleReader {
  let worker: Promise<TextWorker | undefined> | undefined;
  const onGone = () => {
    worker = Promise.resolve(undefined);
  };
  return {
    async read(slices) {
      worker ??= startReader(onGone);
      const started = await worker;
      if (!started) return slices.map(() => undefined);
      const paths = [...new Set(slices.map(({ path }) => path))];
      const numbers = new Map(paths.map((path, i) => [path, i]));
      const spans = new Float64Array(slices.length * 3);
      for (const [i, { path, offset, length }] of slices.entries()) {
        spans.set([numbers.get(path)!, offset, length], 3 * i);
      }
      const call = started.call({ op: "read", paths, spans }, [spans.buffer]);
      const reply = (await call.catch(() => undefined)) as Reply | undefined;
      let at = 0;
      return slices.map(({ offset, length }, i) => {
        const start = at;
        at += length;
        const totalBytes = reply?.totals[i] ?? -1;
        if (totalBytes < 0) return undefined;
        const clipped = Math.max(0, Math.min(length, totalBytes - offset));
        return { bytes: reply!.bytes.subarray(start, start + clipped), totalBytes };
      });
    },
    async release(paths) {
      const started = await worker;
      await started?.call({ op: "release", paths }).catch(() => {});
    },
  };
}

/** What was read of all slices, one after another, and how large their files are; −1 where a slice was not read. */
interface Reply {
  readonly bytes: Uint8Array;
  readonly totals: Float64Array;
}

/** Asks all threads of all tabs that hold a file open for reading to let it go. They do soon, not at once. */
export function releaseHandles(path: string): void {
  if (typeof BroadcastChannel === "undefined") return;
  const channel = new BroadcastChannel(CHANNEL);
  channel.postMessage(path);
  channel.close();
}

/** @returns `undefined` where there is no worker, or handles that read only: others would shut out all who read too */
async function startReader(onGone: () => void): Promise<TextWorker | undefined> {
  try {
    const started = startTextWorker(SOURCE.replace("CHANNEL", CHANNEL), { onGone });
    if (await started.call({ op: "probe" })) return started;
    started.end();
  } catch {
    // A policy refuses it, or the host has no such thing.
  }
  return undefined;
}
