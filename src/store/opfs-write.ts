import { LanceError } from "../errors.ts";
import { callWriteWorker } from "./opfs-write-worker.ts";

/** How bytes reach a file: a sync handle in this worker, a writable stream, or a sync handle in a worker of our own. */
export type OpfsWriteMethod = "sync-handle" | "writable" | "worker";

/** A temporary file being written. */
export interface OpfsFileSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Everything is on the device, and nothing holds the file any more. */
  finish(): Promise<void>;
  /** Lets the file go; what it holds does not matter. */
  release(): Promise<void>;
}

/** The best this thread has. Sync handles exist in dedicated workers only; older Safari has no writable streams. */
export function chooseWriteMethod(): OpfsWriteMethod {
  const file: object = typeof FileSystemFileHandle === "undefined" ? {} : FileSystemFileHandle.prototype;
  if ("createSyncAccessHandle" in file) return "sync-handle";
  return "createWritable" in file ? "writable" : "worker";
}

/**
 * Opens a file for writing from its start.
 * @param fullPath from the origin's root, for a worker that has to find it by itself
 */
export async function openOpfsSink(
  file: FileSystemFileHandle,
  options: { fullPath: string; method: OpfsWriteMethod },
): Promise<OpfsFileSink> {
  if (options.method === "sync-handle") return openSyncSink(file, options.fullPath);
  return options.method === "writable" ? openWritableSink(file) : openWorkerSink(options.fullPath);
}

async function openSyncSink(file: FileSystemFileHandle, path: string): Promise<OpfsFileSink> {
  const handle = await file.createSyncAccessHandle();
  let offset = 0;
  return {
    async write(bytes) {
      for (let done = 0; done < bytes.byteLength; ) {
        const written = handle.write(viewBytes(bytes, done), { at: offset });
        if (written === 0) throw new LanceError("QUOTA_EXCEEDED", `no space left to write "${path}"`, { path });
        done += written;
        offset += written;
      }
    },
    async finish() {
      handle.flush();
      handle.close();
    },
    release: async () => handle.close(),
  };
}

async function openWritableSink(file: FileSystemFileHandle): Promise<OpfsFileSink> {
  const writable = await file.createWritable();
  return {
    write: (bytes) => writable.write(viewBytes(bytes, 0)),
    finish: () => writable.close(),
    release: () => writable.abort(),
  };
}

async function openWorkerSink(fullPath: string): Promise<OpfsFileSink> {
  const file = (await callWriteWorker({ op: "open", path: fullPath })) as number;
  return {
    async write(bytes) {
      const copy = bytes.slice();
      await callWriteWorker({ op: "write", file, bytes: copy }, [copy.buffer]);
    },
    async finish() {
      await callWriteWorker({ op: "finish", file });
    },
    async release() {
      await callWriteWorker({ op: "release", file });
    },
  };
}

/** The DOM types exclude views of shared memory, which no caller has. */
function viewBytes(bytes: Uint8Array, start: number): Uint8Array<ArrayBuffer> {
  return (start === 0 ? bytes : bytes.subarray(start)) as Uint8Array<ArrayBuffer>;
}
