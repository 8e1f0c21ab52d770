import type { WorkerEndpoint } from "../runtime.ts";
import { drawUuid } from "../store/uuid.ts";

/**
 * A web worker that ends itself or is killed fires no event. So it holds a Web Lock while it lives: when the lock is
 * free again, the worker is gone. Where the host has no locks, only `error` events tell.
 */
interface AliveMessage {
  readonly lancelet: "alive";
  readonly lock: string;
}

/** In a worker: takes a lock for life and names it to the other side. Settles when it holds it, or cannot. */
export async function holdLivenessLock(port: { postMessage(message: unknown): void }): Promise<void> {
  const locks = globalThis.navigator?.locks;
  if (!locks) return;
  const lock = `lancelet-worker-${drawUuid()}`;
  await new Promise<void>((resolve) => {
    locks
      .request(lock, () => {
        port.postMessage({ lancelet: "alive", lock } satisfies AliveMessage);
        resolve();
        return new Promise<never>(() => {});
      })
      // An opaque origin has no locks: the worker works, its silent death goes unseen.
      .catch(() => resolve());
  });
}

/** Dispatches an `error` event on `worker` when it is gone. */
export function watchLiveness(worker: WorkerEndpoint & EventTarget): void {
  worker.addEventListener("message", (event) => {
    const message = (event as MessageEvent).data as AliveMessage | undefined;
    if (message?.lancelet !== "alive") return;
    globalThis.navigator.locks
      .request(message.lock, () => {
        worker.dispatchEvent(Object.assign(new Event("error"), { message: "it was stopped or ended itself" }));
      })
      .catch(() => {});
  });
}
