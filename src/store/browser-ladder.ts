import { isLanceError, throwIfAborted } from "../errors.ts";
import { createIndexedDbStore } from "./indexeddb.ts";
import { createMemoryStore } from "./memory.ts";
import { createOpfsStore } from "./opfs.ts";
import type { Store } from "./store.ts";
import { drawUuid } from "./uuid.ts";

/** One back end to try. */
export interface LadderRung {
  readonly name: string;
  open(name: string): Store | Promise<Store>;
}

/** Which back end it became, and why not a better one. */
export interface BrowserStore {
  readonly store: Store;
  /** `opfs`, `indexeddb` or `memory`, unless other rungs were given. */
  readonly rung: string;
  /** One row per better rung that failed. */
  readonly refused: readonly { readonly rung: string; readonly reason: string }[];
  /** Whether the browser promised not to evict the data; `undefined` where it does not say. */
  readonly persisted: boolean | undefined;
  /** All of this as one sentence for a person. */
  readonly message: string;
}

const PROBE_NAME = "_lancelet_probe-";

/** The browser's ladder: OPFS, IndexedDB, memory. */
const browserRungs: readonly LadderRung[] = [
  { name: "opfs", open: (name) => createOpfsStore(name) },
  { name: "indexeddb", open: (name) => createIndexedDbStore(name) },
  { name: "memory", open: () => createMemoryStore() },
];

/**
 * Opens the best store this browser can write to. Each rung is probed by really writing, reading back and deleting:
 * private windows offer APIs that then refuse.
 * @throws the last rung's error when even that fails; ABORTED
 */
export async function openBrowserStore(
  name: string,
  options: { rungs?: readonly LadderRung[]; signal?: AbortSignal | undefined } = {},
): Promise<BrowserStore> {
  const rungs = options.rungs ?? browserRungs;
  const refused: { rung: string; reason: string }[] = [];
  for (const [i, rung] of rungs.entries()) {
    throwIfAborted(options.signal);
    try {
      const store = await rung.open(name);
      await probeStore(store, options.signal);
      const persisted = await readPersisted();
      return { store, rung: rung.name, refused, persisted, message: describeRung(store, rung.name, refused) };
    } catch (error) {
      if (isLanceError(error, "ABORTED") || i === rungs.length - 1) throw error;
      refused.push({ rung: rung.name, reason: error instanceof Error ? error.message : String(error) });
    }
  }
  throw new RangeError("a ladder needs at least one rung");
}

async function probeStore(store: Store, signal: AbortSignal | undefined): Promise<void> {
  const path = PROBE_NAME + drawUuid();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  try {
    await store.put(path, bytes, { mode: "create", signal });
    const back = await store.get(path, {}, { signal });
    if (back?.bytes.join() !== bytes.join()) throw new Error("what was written does not read back");
  } finally {
    await store.delete(path).catch(() => {});
  }
}

function describeRung(store: Store, rung: string, refused: BrowserStore["refused"]): string {
  const fate = store.capabilities.durable ? "data stays on this device" : "data is gone when this tab closes";
  const why = refused.map((each) => `; ${each.rung} was refused: ${each.reason}`).join("");
  return `stored in ${rung}, ${fate}${why}`;
}

async function readPersisted(): Promise<boolean | undefined> {
  if (typeof navigator === "undefined" || typeof navigator.storage?.persisted !== "function") return undefined;
  return navigator.storage.persisted().catch(() => undefined);
}
