import { startTextWorker, type TextWorker } from "./text-worker.ts";

/** A call to the worker that writes where this thread cannot. */
export type WriteWorkerCall =
  | { readonly op: "open"; readonly path: string }
  | { readonly op: "write"; readonly file: number; readonly bytes: Uint8Array }
  | { readonly op: "finish" | "release"; readonly file: number };

const SOURCE = `
const files = new Map();
let lastFile = 0;
const run = {
  async open({ path }) {
    const names = path.split("/");
    let directory = await navigator.storage.getDirectory();
    for (const name of names.slice(0, -1)) directory = await directory.getDirectoryHandle(name);
    const file = await directory.getFileHandle(names.at(-1), { create: true });
    const handle = await file.createSyncAccessHandle();
    const id = ++lastFile;
    files.set(id, { handle, offset: 0 });
    return id;
  },
  write({ file, bytes }) {
    const open = files.get(file);
    for (let done = 0; done < bytes.byteLength; ) {
      const written = open.handle.write(bytes.subarray(done), { at: open.offset });
      if (written === 0) throw Object.assign(new Error("no space left"), { name: "QuotaExceededError" });
      done += written;
      open.offset += written;
    }
  },
  finish({ file }) {
    const { handle } = files.get(file);
    handle.flush();
    run.release({ file });
  },
  release({ file }) {
    files.get(file)?.handle.close();
    files.delete(file);
  },
};
`;

let worker: TextWorker | undefined;

/** Starts the worker when first needed; there is one per thread. */
export async function callWriteWorker(call: WriteWorkerCall, transfer: Transferable[] = []): Promise<unknown> {
  worker ??= startTextWorker(SOURCE, {
    onGone: () => {
      worker = undefined;
    },
  });
  return worker.call(call, transfer);
}
