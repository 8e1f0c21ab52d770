import type { PageAccess } from "./page-access.ts";

/** Indexes, dictionaries and constants of one file's pages stay below about this. */
const PAGE_CACHE_BYTES = 16 * 1024 * 1024;

interface CachedPage {
  readonly page: PageAccess;
  users: number;
  /** Of the page as it was when it was last given back. */
  bytes: number;
}

/** Opened pages of one file, least recently used first. A page in use is never closed. */
export class PageCache {
  readonly #pages = new Map<string, CachedPage>();
  readonly #maxBytes: number;
  /** A sum kept up: a file may have thousands of columns. */
  #totalBytes = 0;

  constructor(maxBytes = PAGE_CACHE_BYTES) {
    this.#maxBytes = maxBytes;
  }

  /** The page as it is, without using it: for planning. */
  peek(key: string): PageAccess | undefined {
    return this.#pages.get(key)?.page;
  }

  /** Takes a page into use. Pair with `release`. */
  acquire(key: string, create: () => PageAccess): PageAccess {
    const entry = this.#pages.get(key) ?? { page: create(), users: 0, bytes: 0 };
    entry.users++;
    this.#pages.delete(key);
    this.#pages.set(key, entry);
    return entry.page;
  }

  /** Gives a page back, and closes what is over the budget. */
  release(key: string): void {
    const entry = this.#pages.get(key);
    if (entry) {
      const { page } = entry;
      const bytes = page.isOpen ? page.cachedBytes : 0;
      this.#totalBytes += bytes - entry.bytes;
      entry.bytes = bytes;
      entry.users--;
    }
    for (const [old, entry] of this.#pages) {
      if (this.#totalBytes <= this.#maxBytes) break;
      if (entry.users === 0) this.#close(old, entry);
    }
  }

  /** Closes every page that is not in use. */
  clear(): void {
    for (const [key, entry] of this.#pages) if (entry.users === 0) this.#close(key, entry);
  }

  #close(key: string, { page, bytes }: CachedPage): void {
    page.close();
    this.#totalBytes -= bytes;
    this.#pages.delete(key);
  }
}
