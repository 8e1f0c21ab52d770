import { isLanceError, LanceError } from "../errors.ts";
import { isAnnounced } from "../store/identity.ts";
import { onAbort } from "../store/on-abort.ts";
import { listenToVersions } from "../table/commit/announce.ts";
import { findNewerVersion } from "../table/manifest/find-newer.ts";
import type { Snapshot } from "../table/snapshot.ts";

/** How new versions are heard of. */
export interface WatchOptions {
  /** Ends the iteration, without an error. */
  readonly signal?: AbortSignal | undefined;
  /**
   * Milliseconds between two questions to the store, two small reads each; 0 = never. Default: 0 where every commit is
   * announced (OPFS, IndexedDB, memory), 1,000 for a folder, which other programs write to, 10,000 where this host only
   * reads, as over HTTP, and 2,000 elsewhere.
   */
  readonly pollMs?: number | undefined;
}

const FOLDER_POLL_MS = 1000;
const REMOTE_POLL_MS = 10_000;
const OTHER_POLL_MS = 2000;

/**
 * Numbers of new versions, as they are committed by any tab, worker or process. Several that come while the caller is
 * busy are one: the newest. It starts at once, also with what was committed before, and ends with the signal, with
 * `closed`, or when the caller leaves its loop. A host that cannot be reached is asked again later.
 *
 * @param getSnapshot what the caller reads by now: its version and older ones are no news
 * @param closed fires when the dataset is closed
 * @throws INVALID_ARGUMENT for a `pollMs` that is none
 */
export function watchVersions(
  getSnapshot: () => Snapshot,
  closed: AbortSignal,
  options: WatchOptions = {},
): AsyncIterableIterator<number> {
  const { store } = getSnapshot();
  const pollMs = options.pollMs ?? choosePollMs(getSnapshot());
  if (typeof pollMs !== "number" || !(pollMs >= 0)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `pollMs: expected milliseconds of at least 0, received ${String(pollMs)}`,
      {
        pollMs,
      },
    );
  }
  const stop = new AbortController();
  let newest = 0;
  let given = 0;
  let failure: unknown;
  const waiting: { resolve(result: IteratorResult<number>): void; reject(error: unknown): void }[] = [];
  let timer: ReturnType<typeof setTimeout> | undefined;

  const hear = (version: number) => {
    newest = Math.max(newest, version);
    const first = isNews() ? waiting.shift() : undefined;
    first?.resolve(give());
  };
  const isNews = () => newest > Math.max(given, getSnapshot().version);
  const give = (): IteratorResult<number> => {
    given = newest;
    return { done: false, value: newest };
  };
  const end = () => {
    if (stop.signal.aborted) return;
    stop.abort();
    clearTimeout(timer);
    stopListening();
    for (const stopOne of signals) stopOne();
    for (const { resolve, reject } of waiting.splice(0)) {
      if (failure === undefined) resolve({ done: true, value: undefined });
      else reject(failure);
    }
  };
  const ask = async () => {
    const { version, naming } = getSnapshot();
    try {
      const known = { version: Math.max(version, newest), naming };
      const found = await findNewerVersion(store, known, { signal: stop.signal });
      if (found !== undefined) hear(found);
    } catch (error) {
      if (stop.signal.aborted) return;
      if (!isLanceError(error, "IO")) {
        failure = error;
        return end();
      }
    }
    if (pollMs > 0 && !stop.signal.aborted) timer = setTimeout(() => void ask(), pollMs);
  };

  const stopListening = listenToVersions(store, hear);
  const signals = [onAbort(closed, end), ...(options.signal ? [onAbort(options.signal, end)] : [])];
  if (closed.aborted || options.signal?.aborted) end();
  else void ask();

  return {
    async next() {
      if (failure !== undefined) throw failure;
      if (stop.signal.aborted) return { done: true, value: undefined };
      if (isNews()) return give();
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
      });
    },
    async return() {
      end();
      return { done: true, value: undefined };
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}

function choosePollMs({ store }: Snapshot): number {
  if (isAnnounced(store) && typeof BroadcastChannel !== "undefined") return 0;
  if (store.identity?.startsWith("file:")) return FOLDER_POLL_MS;
  return store.capabilities?.write === true ? OTHER_POLL_MS : REMOTE_POLL_MS;
}
