import { deserializeError, LanceError, throwIfAborted } from "../errors.ts";
import { onAbort } from "./on-abort.ts";
import { assertPath, assertPrefix } from "./paths.ts";
import {
  type PortGreeting,
  type PortReply,
  type PortRequest,
  type PortValue,
  refPort,
  unrefPort,
} from "./port-protocol.ts";
import { assertRange } from "./ranges.ts";
import type { GetResult, ListedObject, Store, StoreWriter } from "./store.ts";

interface PendingCall {
  resolve(value: PortValue): void;
  reject(error: unknown): void;
  onBatch?(batch: readonly ListedObject[]): void;
}

type WithoutId<T> = T extends { readonly id: number } ? Omit<T, "id"> : never;
interface CallOptions {
  readonly signal?: AbortSignal | undefined;
  readonly transfer?: Transferable[];
  readonly onBatch?: (batch: readonly ListedObject[]) => void;
  readonly id?: number;
}

/** The client half of {@link servePort}. Validation happens on this side, before a message is sent. */
export async function createPortClient(port: MessagePort): Promise<Store> {
  const call = createCaller(port);
  const { capabilities, identity } = (await call.send({ op: "hello" })) as PortGreeting;
  return {
    capabilities,
    identity,
    describe: () => undefined,
    async get(path, range = {}, options) {
      assertPath(path);
      assertRange(range);
      return (await call.send({ op: "get", path, range }, { signal: options?.signal })) as GetResult | undefined;
    },
    async put(path, bytes, { mode, signal }) {
      assertPath(path);
      const copy = bytes.slice();
      await call.send({ op: "put", path, bytes: copy, mode }, { signal, transfer: [copy.buffer] });
    },
    async createWriter(path, options) {
      assertPath(path);
      return openWriter(call, path, options?.signal);
    },
    async *list(prefix, options) {
      assertPrefix(prefix);
      const objects: ListedObject[] = [];
      const onBatch = (batch: readonly ListedObject[]) => objects.push(...batch);
      await call.send({ op: "list", prefix }, { signal: options?.signal, onBatch });
      for (const object of objects) {
        throwIfAborted(options?.signal);
        yield object;
      }
    },
    async delete(path, options) {
      assertPath(path);
      await call.send({ op: "delete", path }, { signal: options?.signal });
    },
    async close() {
      call.close();
    },
  };
}

async function openWriter(
  call: ReturnType<typeof createCaller>,
  path: string,
  signal: AbortSignal | undefined,
): Promise<StoreWriter> {
  const writer = call.nextId();
  await call.send({ op: "createWriter", path }, { signal, id: writer });
  const forget = onAbort(signal, () => call.cancel(writer));
  let closed: Promise<number> | undefined;
  let ended = false;
  return {
    async write(bytes) {
      const copy = bytes.slice();
      if (closed) throw new LanceError("INVALID_ARGUMENT", `write to "${path}" after its writer was closed`, { path });
      await call.send({ op: "write", writer, bytes: copy }, { transfer: [copy.buffer], signal });
    },
    close() {
      closed ??= (call.send({ op: "closeWriter", writer }, { signal }) as Promise<number>).finally(() => {
        ended = true;
        forget();
      });
      return closed;
    },
    async abort() {
      if (ended) return;
      await closed?.catch(() => {});
      forget();
      // With the other end gone there is nothing left to abort: it discards what its clients left open.
      if (!ended) await call.send({ op: "abortWriter", writer }).catch(() => {});
    },
  };
}

function createCaller(port: MessagePort) {
  const pending = new Map<number, PendingCall>();
  let lastId = 0;
  let closedBy: string | undefined;

  const closedError = () => new LanceError("IO", `the shared store is gone: ${closedBy}`, { reason: closedBy });
  const shut = (reason: string) => {
    if (closedBy) return;
    closedBy = reason;
    for (const each of pending.values()) each.reject(closedError());
    pending.clear();
    port.close();
  };
  const take = (id: number) => {
    const found = pending.get(id);
    pending.delete(id);
    if (pending.size === 0) unrefPort(port);
    return found;
  };
  port.addEventListener("message", ({ data }: MessageEvent<PortReply>) => {
    if ("batch" in data) pending.get(data.id)?.onBatch?.(data.batch);
    else if ("error" in data) take(data.id)?.reject(deserializeError(data.error));
    else take(data.id)?.resolve(data.value);
  });
  port.addEventListener("close", () => shut("its thread ended or stopped serving it"));
  port.start();
  unrefPort(port);

  const post = (message: PortRequest, transfer: Transferable[] = []) => port.postMessage(message, transfer);
  return {
    nextId: () => ++lastId,
    cancel(id: number) {
      if (!closedBy) post({ id, op: "cancel" });
    },
    close() {
      if (closedBy) return;
      post({ id: 0, op: "bye" });
      shut("this end closed it");
    },
    async send(request: WithoutId<PortRequest>, options: CallOptions = {}): Promise<PortValue> {
      const { signal } = options;
      throwIfAborted(signal);
      if (closedBy) throw closedError();
      const id = options.id ?? ++lastId;
      return new Promise<PortValue>((resolve, reject) => {
        const leave = () => {
          take(id);
          post({ id, op: "cancel" });
          reject(new LanceError("ABORTED", "the operation was cancelled", {}, { cause: signal?.reason }));
        };
        const settle =
          <T>(then: (value: T) => void) =>
          (value: T) => {
            stopListening();
            then(value);
          };
        const { onBatch } = options;
        pending.set(id, { resolve: settle(resolve), reject: settle(reject), ...(onBatch ? { onBatch } : {}) });
        const stopListening = onAbort(signal, leave);
        refPort(port);
        post({ ...request, id } as PortRequest, options.transfer);
      });
    },
  };
}
