import { LoadGate } from "./load-gate.ts";

/** A decoded piece of an index: a page, or the vectors of a partition. */
export interface CachedPart {
  readonly byteLength: number;
  /** Called once, when the part left the cache and nobody uses it. */
  free(): void;
}

interface Entry {
  readonly key: string;
  readonly part: CachedPart;
  users: number;
  evicted: boolean;
}

/** A part while it is used: it is not freed before `release`. */
export interface PartLease<T extends CachedPart> {
  readonly part: T;
  readonly fromCache: boolean;
  release(): void;
  /**
   * The part for as long as `use` runs, which is at once: also after `release`, while the cache holds it. Much less work
   * than a lease.
   * @returns what `use` gives; `undefined` where the part is no longer held: it is to be taken out on loan again
   */
  visit<R>(use: (part: T) => R): R | undefined;
}

/** What a reader keeps its decoded parts in. */
export interface Parts {
  /** Bytes of the parts held now, those of other readers too. */
  readonly bytes: number;
  has(key: string): boolean;
  /** Takes a part out on loan, loading it where it is not held. Concurrent callers of one key share one load. */
  lease<T extends CachedPart>(key: string, load: () => Promise<T>): Promise<PartLease<T>>;
  /** Evicts the parts whose key starts with `prefix`. */
  drop(prefix: string): void;
  /** See {@link LoadGate}: to be entered before parts of so many bytes are taken on loan, and left before the next. */
  readonly gate: LoadGate;
}

/**
 * Parts of open segments, bounded by bytes, least recently used first out. A part in use may be evicted, and is then
 * freed when its last user releases it: the budget holds at rest, and searches under way have as much again.
 */
export class PartCache implements Parts {
  readonly gate: LoadGate;
  readonly #maxBytes: number;
  readonly #onGrowth: (() => void) | undefined;
  readonly #entries = new Map<string, Entry>();
  readonly #loading = new Map<string, Promise<Entry>>();
  #bytes = 0;

  /** @param onGrowth called when a part was added and the bound holds again */
  constructor(maxBytes: number, onGrowth?: () => void) {
    this.#maxBytes = Math.max(0, maxBytes);
    this.gate = new LoadGate(this.#maxBytes);
    this.#onGrowth = onGrowth;
  }

  /** Bytes of the parts held now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Evicts parts, least recently used first, until at most `maxBytes` are held. */
  trim(maxBytes: number): void {
    for (const [key, entry] of this.#entries) {
      if (this.#bytes <= maxBytes) return;
      this.#evict(key, entry);
    }
  }

  has(key: string): boolean {
    return this.#entries.has(key);
  }

  async lease<T extends CachedPart>(key: string, load: () => Promise<T>): Promise<PartLease<T>> {
    const held = this.#entries.get(key);
    if (held) {
      this.#touch(held);
      return this.#lend(held, true);
    }
    const loading = this.#loading.get(key);
    if (loading) {
      const entry = await loading;
      // Whoever loaded it may be done with it by now, and it gone.
      const isGone = entry.evicted && entry.users === 0;
      return isGone ? this.lease(key, load) : this.#lend(entry, true);
    }
    const started = load().then((part) => this.#add(key, part));
    this.#loading.set(key, started);
    try {
      const entry = await started;
      const lease = this.#lend<T>(entry, false);
      entry.users--;
      return lease;
    } finally {
      this.#loading.delete(key);
    }
  }

  drop(prefix: string): void {
    for (const [key, entry] of this.#entries) if (key.startsWith(prefix)) this.#evict(key, entry);
  }

  /** The entry has one user, its loader, so that others that arrive meanwhile do not evict it unseen. */
  #add(key: string, part: CachedPart): Entry {
    const entry: Entry = { key, part, users: 1, evicted: false };
    this.#entries.set(key, entry);
    this.#bytes += part.byteLength;
    return entry;
  }

  /** Now the one used last. */
  #touch(entry: Entry): void {
    this.#entries.delete(entry.key);
    this.#entries.set(entry.key, entry);
  }

  #lend<T extends CachedPart>(entry: Entry, fromCache: boolean): PartLease<T> {
    entry.users++;
    let released = false;
    const release = () => {
      entry.users--;
      if (entry.evicted && entry.users === 0) entry.part.free();
    };
    this.trim(this.#maxBytes);
    if (!fromCache) this.#onGrowth?.();
    return {
      part: entry.part as T,
      fromCache,
      release: () => {
        if (!released) release();
        released = true;
      },
      visit: (use) => {
        if (entry.evicted) return undefined;
        this.#touch(entry);
        entry.users++;
        try {
          return use(entry.part as T);
        } finally {
          release();
        }
      },
    };
  }

  #evict(key: string, entry: Entry): void {
    if (entry.evicted) return;
    entry.evicted = true;
    this.#entries.delete(key);
    this.#bytes -= entry.part.byteLength;
    if (entry.users === 0) entry.part.free();
  }
}
