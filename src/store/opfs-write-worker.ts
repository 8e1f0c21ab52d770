/** A call to the worker that writes where this thread cannot. */
export type WriteWorkerCall =
  | { readonly op: "open"; readonly path: string }
  | { readonly op: "write"; readonly file: number; readonly bytes: Uint8Array }
  | { readonly op: "finish" | "release"; readonly file: number };

interface WriteWorkerReply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

/** Text, not a module: no bundler has to know of it, and a policy needs to allow `blob:` workers only where it is used. */
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
onmessage = async ({ data }) => {
  try {
    postMessage({ id: data.id, value: await run[data.op](data) });
  } catch (error) {
    postMessage({ id: data.id, error: { name: error.name, message: error.message } });
  }
};
`;

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

let worker: Worker | undefined;
const pending = new Map<number, Pending>();
let lastId = 0;

/** Starts the worker when first needed; there is one per thread. */
export function callWriteWorker(call: WriteWorkerCall, transfer: Transferable[] = []): Promise<unknown> {
  worker ??= startWorker();
  const id = ++lastId;
  return new Promise((resolve, reject) => {
    pending.set(id, { resolve, reject });
    worker!.postMessage({ ...call, id }, transfer);
  });
}

function startWorker(): Worker {
  const url = URL.createObjectURL(new Blob([SOURCE], { type: "text/javascript" }));
  const started = new Worker(url);
  started.onmessage = ({ data }: MessageEvent<WriteWorkerReply>) => {
    const call = pending.get(data.id);
    pending.delete(data.id);
    if (data.error) call?.reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    else call?.resolve(data.value);
  };
  started.onerror = (event) => {
    worker = undefined;
    const error = new Error(`the worker that writes files failed: ${event.message ?? "it could not start"}`);
    for (const call of pending.values()) call.reject(error);
    pending.clear();
  };
  return started;
}
