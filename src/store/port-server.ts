import { LanceError, type SerializedLanceError } from "../errors.ts";
import { type PortReply, type PortRequest, unrefPort } from "./port-protocol.ts";
import type { ListedObject, Store, StoreCapabilities, StoreWriter } from "./store.ts";

const LIST_BATCH = 500;

/** Answers the calls of {@link PortRequest} from `store`. @returns a function that stops and aborts what runs */
export function servePort(
  store: Store,
  port: MessagePort,
  toErrorData: (error: unknown) => SerializedLanceError,
): () => void {
  const running = new Map<number, AbortController>();
  /** Ended by their own calls, not by `cancel` of the call that made them. */
  const writers = new Map<number, { writer: StoreWriter; abort: AbortController }>();

  const stop = () => {
    port.removeEventListener("message", onMessage);
    for (const abort of running.values()) abort.abort();
    for (const { writer } of writers.values()) void writer.abort();
    writers.clear();
    port.close();
  };
  const reply = (message: PortReply, transfer: Transferable[] = []) => port.postMessage(message, transfer);

  const answer = async (request: PortRequest, abort: AbortController): Promise<void> => {
    const { id } = request;
    const { signal } = abort;
    switch (request.op) {
      case "hello":
        return reply({ id, value: { capabilities: describeHere(store), identity: store.identity } });
      case "get": {
        const result = await store.get(request.path, request.range, { signal });
        if (!result) return reply({ id, value: undefined });
        // A view may be shared with a cache, and its whole buffer would be cloned.
        const bytes = result.bytes.slice();
        return reply({ id, value: { ...result, bytes } }, [bytes.buffer]);
      }
      case "put":
        await store.put(request.path, request.bytes, { mode: request.mode, signal });
        return reply({ id, value: undefined });
      case "createWriter": {
        const writer = await store.createWriter(request.path, { signal });
        writers.set(id, { writer, abort });
        return reply({ id, value: undefined });
      }
      case "write":
        await findWriter(request.writer).writer.write(request.bytes);
        return reply({ id, value: undefined });
      case "closeWriter": {
        const { writer } = findWriter(request.writer);
        const sizeBytes = await writer.close().finally(() => writers.delete(request.writer));
        return reply({ id, value: sizeBytes });
      }
      case "abortWriter":
        await writers.get(request.writer)?.writer.abort();
        writers.delete(request.writer);
        return reply({ id, value: undefined });
      case "list": {
        let batch: ListedObject[] = [];
        for await (const object of store.list(request.prefix, { signal })) {
          if (batch.push(object) < LIST_BATCH) continue;
          reply({ id, batch });
          batch = [];
        }
        reply({ id, batch });
        return reply({ id, value: undefined });
      }
      case "delete":
        await store.delete(request.path, { signal });
        return reply({ id, value: undefined });
    }
  };
  const findWriter = (id: number) => {
    const found = writers.get(id);
    if (!found) throw new LanceError("ABORTED", "this writer was closed or aborted", { writer: id });
    return found;
  };
  const onMessage = ({ data }: MessageEvent<PortRequest>) => {
    if (data.op === "cancel") {
      running.get(data.id)?.abort();
      writers.get(data.id)?.abort.abort();
      return;
    }
    if (data.op === "bye") return stop();
    const abort = new AbortController();
    running.set(data.id, abort);
    answer(data, abort)
      .catch((error: unknown) => reply({ id: data.id, error: toErrorData(error) }))
      .finally(() => running.delete(data.id));
  };
  port.addEventListener("message", onMessage);
  port.addEventListener("close", stop);
  port.start();
  unrefPort(port);
  return stop;
}

/** Memory of the other end's is not reached from here. */
function describeHere({ capabilities }: Store): StoreCapabilities {
  const { readsInto: _, ...others } = capabilities;
  return others;
}
