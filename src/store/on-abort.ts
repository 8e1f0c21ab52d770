/** Everything that waits for one signal, behind its one event listener. */
interface Hub {
  readonly waiting: Set<() => void>;
  readonly fire: () => void;
}

const hubs = new WeakMap<AbortSignal, Hub>();

/**
 * Calls `listener` once when the signal fires. However many wait for one signal, it carries one event listener: hosts
 * report many as a leak.
 *
 * @param signal one that has not fired; absent = never called
 * @returns stops waiting; once nobody waits, the signal carries no listener
 */
export function onAbort(signal: AbortSignal | undefined, listener: () => void): () => void {
  if (!signal) return () => {};
  const hub = hubs.get(signal) ?? openHub(signal);
  // The same function may wait twice.
  const entry = () => listener();
  hub.waiting.add(entry);
  return () => {
    if (!hub.waiting.delete(entry) || hub.waiting.size > 0 || hubs.get(signal) !== hub) return;
    hubs.delete(signal);
    signal.removeEventListener("abort", hub.fire);
  };
}

function openHub(signal: AbortSignal): Hub {
  const waiting = new Set<() => void>();
  const fire = () => {
    hubs.delete(signal);
    for (const entry of waiting) if (waiting.delete(entry)) entry();
  };
  const hub = { waiting, fire };
  hubs.set(signal, hub);
  signal.addEventListener("abort", fire, { once: true });
  return hub;
}
