import type { ReadableStore } from "../../store/store.ts";

/** A version that was committed, as other threads and tabs hear of it. */
interface Announcement {
  /** Of the store, see `ReadableStore.identity`. */
  readonly table: string;
  readonly version: number;
}

const CHANNEL = "lancelet:versions";

/** Tells other tabs, workers and handles of a version just committed. Best effort: nothing depends on it. */
export function announceVersion(store: ReadableStore, version: number): void {
  const { identity } = store;
  if (identity === undefined || typeof BroadcastChannel === "undefined") return;
  try {
    // Closed at once: an open channel keeps pages out of the back-forward cache, and processes alive.
    const channel = new BroadcastChannel(CHANNEL);
    channel.postMessage({ table: identity, version } satisfies Announcement);
    channel.close();
  } catch {
    // An opaque origin has no channels.
  }
}

/** Calls `onVersion` for every version of a store's table that is announced from now on. @returns stops listening */
export function listenToVersions(store: ReadableStore, onVersion: (version: number) => void): () => void {
  const { identity } = store;
  if (identity === undefined || typeof BroadcastChannel === "undefined") return () => {};
  let channel: BroadcastChannel;
  try {
    channel = new BroadcastChannel(CHANNEL);
  } catch {
    return () => {};
  }
  channel.onmessage = ({ data }: MessageEvent) => {
    const { table, version } = (data ?? {}) as Partial<Announcement>;
    if (table === identity && Number.isSafeInteger(version)) onVersion(version!);
  };
  return () => channel.close();
}
