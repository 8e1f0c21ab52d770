/** What is to be closed after use. */
interface Closable {
  readonly handle: { close(): Promise<void> };
}

interface Entry<F> {
  readonly opening: Promise<F | undefined>;
  users: number;
}

/**
 * Reads of one file that are under way at once share a handle: many small ones cost one open. The last one closes it, so
 * nothing stays open between reads.
 */
export class SharedFiles<F extends Closable> {
  readonly #entries = new Map<string, Entry<F>>();

  /** Runs `use` with the file that `open` gives, or with the one that is open at the moment. What `open` throws. */
  async withFile<T>(
    target: string,
    open: () => Promise<F | undefined>,
    use: (file: F | undefined) => Promise<T>,
  ): Promise<T> {
    const entry = this.#entries.get(target) ?? { opening: open(), users: 0 };
    this.#entries.set(target, entry);
    entry.users++;
    try {
      return await use(await entry.opening);
    } finally {
      entry.users--;
      if (entry.users === 0) {
        if (this.#entries.get(target) === entry) this.#entries.delete(target);
        const file = await entry.opening.catch(() => undefined);
        await file?.handle.close();
      }
    }
  }

  /** Reads that begin from now on open the path anew: another file has its place, or none. */
  forget(target: string): void {
    this.#entries.delete(target);
  }
}
