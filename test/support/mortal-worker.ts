import type { WorkerEndpoint } from "../../src/runtime.ts";

/**
 * A worker whose death is sudden: what it had posted when it was ended never arrives. Else a task that was nearly done
 * would end after its worker's death, where this thread is slow to hear of it.
 */
export function makeMortal<W extends WorkerEndpoint>(worker: W): W {
  const events = worker as unknown as EventTarget;
  const dispatch = events.dispatchEvent.bind(events);
  const { terminate } = worker;
  let dead = false;
  return Object.assign(worker, {
    terminate(): void {
      dead = true;
      terminate();
    },
    dispatchEvent: (event: Event): boolean => (dead && event.type === "message") || dispatch(event),
  });
}
