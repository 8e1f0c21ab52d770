import type { ReadableStore } from "./store.ts";

/** A name for the data of one folder of a back end, the same for every handle on it. */
export function joinIdentity(identity: string, folder: string): string {
  return [identity, ...folder.split("/").filter(Boolean)].join("/");
}

const named = new WeakMap<object, string>();

/** A name for data that only handles in this process share. */
export function identifyObject(data: object, drawName: () => string): string {
  const known = named.get(data) ?? drawName();
  named.set(data, known);
  return known;
}

/**
 * Whether every writer of the data is this library on this origin or in this process, so that all commits are
 * announced; any other store has to be asked.
 */
export function isAnnounced(store: ReadableStore): boolean {
  return /^(opfs|idb|memory):/.test(store.identity ?? "");
}
