import { throwIfAborted } from "../errors.ts";

/** A least-recently-used cache of promises, bounded by the sum of its values' costs. */
export interface BoundedCache<V> {
  /** The cached value, or what `load` gives. Concurrent calls for one key load once; a failed load is forgotten. */
  get(key: string, load: () => Promise<V>, signal?: AbortSignal): Promise<V>;
  /** Sum of the costs held now. */
  readonly cost: number;
  clear(): void;
}

/**
 * @param options.maxCost what is held stays at or below this (a single dearer value is returned but not kept)
 * @param options.costOf cost of one value, in the unit of `maxCost`
 * @param options.release called for each value that leaves; whoever still holds it must be able to go on
 */
export function createBoundedCache<V>(options: {
  maxCost: number;
  costOf: (value: V) => number;
  release?: (value: V) => void;
}): BoundedCache<V> {
  const entries = new Map<string, { promise: Promise<V>; cost: number }>();
  let total = 0;

  const forget = (key: string) => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    entries.delete(key);
    total -= entry.cost;
    entry.promise.then(options.release, () => undefined);
  };
  const settle = (key: string, promise: Promise<V>, value: V) => {
    const entry = entries.get(key);
    if (entry?.promise !== promise) return;
    entry.cost = options.costOf(value);
    total += entry.cost;
    for (const oldest of entries.keys()) {
      if (total <= options.maxCost) break;
      forget(oldest);
    }
  };

  return {
    async get(key, load, signal) {
      throwIfAborted(signal);
      let entry = entries.get(key);
      if (entry === undefined) {
        const promise = load();
        entry = { promise, cost: 0 };
        entries.set(key, entry);
        promise.then(
          (value) => settle(key, promise, value),
          () => {
            if (entries.get(key)?.promise === promise) forget(key);
          },
        );
      } else {
        entries.delete(key);
        entries.set(key, entry);
      }
      const value = await entry.promise;
      throwIfAborted(signal);
      return value;
    },
    get cost() {
      return total;
    },
    clear() {
      for (const key of [...entries.keys()]) forget(key);
    },
  };
}
