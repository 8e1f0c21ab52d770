import { isLanceError, LanceError, type SerializedLanceError, serializeError } from "../errors.ts";
import { createPortClient } from "./port-client.ts";
import { servePort } from "./port-server.ts";
import type { Store, StoreDescription } from "./store.ts";

/** A store as another thread receives it. */
export interface SharedStore {
  /** Post it, with `transfer`, and give it to `reopenStore` there. */
  readonly handle: StoreDescription | MessagePort;
  readonly transfer: Transferable[];
  /** Stops serving. Harmless for a described store. */
  close(): void;
}

/** A store that describes itself is shared by its description; any other is served from this thread over a port. */
export function shareStore(store: Store): SharedStore {
  const description = store.describe();
  if (description) return { handle: description, transfer: [], close: () => {} };
  const { port1, port2 } = new MessageChannel();
  return { handle: port2, transfer: [port2], close: serveStore(store, port1) };
}

/**
 * Serves a store over a port until the returned function is called or the other end closes. Errors keep code and
 * details; aborts travel as messages. Bytes are copied once and then moved.
 */
export function serveStore(store: Store, port: MessagePort): () => void {
  return servePort(store, port, (error) => serializeStoreError(error));
}

/**
 * The store on the other end of a port.
 * @throws IO when the other end is closed, now or while a call runs
 */
export function createPortStore(port: MessagePort): Promise<Store> {
  return createPortClient(port);
}

/** By shape: ports of another realm or of `node:worker_threads` are no instance of this realm's class. */
export function isMessagePort(value: unknown): value is MessagePort {
  const port = value as Partial<MessagePort> | null;
  return typeof port === "object" && typeof port?.postMessage === "function" && typeof port.start === "function";
}

function serializeStoreError(error: unknown): SerializedLanceError {
  if (isLanceError(error)) return serializeError(error);
  const message = error instanceof Error ? error.message : String(error);
  return serializeError(new LanceError("IO", `the shared store failed: ${message}`, {}, { cause: error }));
}
