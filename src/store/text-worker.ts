/** A worker whose source is text: no bundler has to know of it, and a policy needs to allow `blob:` workers only for it. */
export interface TextWorker {
  /** @throws what the call threw there, or why the worker is gone */
  call(message: object, transfer?: Transferable[]): Promise<unknown>;
  end(): void;
}

interface Reply {
  readonly id: number;
  readonly value?: unknown;
  readonly error?: { readonly name: string; readonly message: string };
}

interface Pending {
  resolve(value: unknown): void;
  reject(error: unknown): void;
}

/** Answers each message by the method of `run` that its `op` names. A reply's `transfer` is handed over, not copied. */
const ANSWER = `
onmessage = async ({ data }) => {
  try {
    const value = await run[data.op](data);
    postMessage({ id: data.id, value }, value?.transfer ?? []);
  } catch (error) {
    postMessage({ id: data.id, error: { name: error.name, message: error.message } });
  }
};
`;

/**
 * Starts a worker.
 * @param source defines `run`, an object of functions of a message
 * @param options.onGone the worker failed: its calls were rejected, and it answers no more
 * @throws what the host throws where it has no workers, or none of this kind
 */
export function startTextWorker(source: string, options: { readonly onGone: () => void }): TextWorker {
  const pending = new Map<number, Pending>();
  let lastId = 0;
  const url = URL.createObjectURL(new Blob([source, ANSWER], { type: "text/javascript" }));
  const worker = new Worker(url);
  const end = (reason: string) => {
    worker.terminate();
    URL.revokeObjectURL(url);
    for (const call of pending.values()) call.reject(new Error(reason));
    pending.clear();
  };
  worker.onmessage = ({ data }: MessageEvent<Reply>) => {
    const call = pending.get(data.id);
    pending.delete(data.id);
    if (data.error) call?.reject(Object.assign(new Error(data.error.message), { name: data.error.name }));
    else call?.resolve(data.value);
  };
  worker.onerror = (event) => {
    // Told to those who called, not to the console.
    event.preventDefault();
    options.onGone();
    end(`the worker for files failed: ${event.message ?? "it could not start"}`);
  };
  return {
    call: (message, transfer = []) =>
      new Promise((resolve, reject) => {
        const id = ++lastId;
        pending.set(id, { resolve, reject });
        worker.postMessage({ ...message, id }, transfer);
      }),
    end: () => end("the worker for files was ended"),
  };
}
