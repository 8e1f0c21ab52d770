import type { PageAccess } from "./page-access.ts";

/** Indexes, dictionaries and constants of one file's pages stay below about this. */
export const PAGE_CACHE_BYTES = 16 * 1024 * 1024;

/** Opened pages of one file, least recently used first. A page in use is never closed. */
export class PageCache {
  readonly #pages = new Map<string, { page: PageAccess; users: number }>();
  readonly #maxBytes: number;

  constructor(maxBytes = PAGE_CACHE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The page as it is, without using it: for planning. */
  peek(key: string): PageAccess | undefined {
    return this.#pages.get(key)?.page;
  }

  /** Takes a page into use. Pair with `release`. */
  acquire(key: string, create: () => PageAccess): PageAccess {
    const entry = this.#pages.get(key) ?? { page: create(), users: 0 };
    entry.users++;
    this.#pages.delete(key);
    this.#pages.set(key, entry);
    return entry.page;
  }

  /** Gives a page back, and closes what is over the budget. */
  release(key: string): void {
    const entry = this.#pages.get(key);
    if (entry) entry.users--;
    let total = 0;
    for (const { page } of this.#pages.values()) if (page.isOpen) total += page.cachedBytes;
    for (const [old, { page, users }] of this.#pages) {
      if (total <= this.#maxBytes) break;
      if (users > 0) continue;
      if (page.isOpen) total -= page.cachedBytes;
      page.close();
      this.#pages.delete(old);
    }
  }

  /** Closes every page that is not in use. */
  clear(): void {
    for (const [key, { page, users }] of this.#pages) {
      if (users > 0) continue;
      page.close();
      this.#pages.delete(key);
    }
  }
}
