/** Anything that waits in a {@link FairQueue}. */
export interface Queued {
  readonly job: { readonly kind: string };
}

/**
 * First in, first out within a kind; round robin between kinds. So two searches do not wait behind a hundred builds.
 */
export class FairQueue<T extends Queued> {
  // Insertion order of the map is the turn order: the kind that was served goes to the back.
  readonly #kinds = new Map<string, Set<T>>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  push(item: T): void {
    const queue = this.#kinds.get(item.job.kind);
    if (queue) queue.add(item);
    else this.#kinds.set(item.job.kind, new Set([item]));
    this.#size++;
  }

  take(): T | undefined {
    for (const [kind, queue] of this.#kinds) {
      for (const item of queue) {
        this.delete(item);
        if (this.#kinds.delete(kind)) this.#kinds.set(kind, queue);
        return item;
      }
    }
    return undefined;
  }

  /** @returns whether `item` was waiting */
  delete(item: T): boolean {
    const queue = this.#kinds.get(item.job.kind);
    if (!queue?.delete(item)) return false;
    if (queue.size === 0) this.#kinds.delete(item.job.kind);
    this.#size--;
    return true;
  }

  /** Empties the queue. @returns what was waiting */
  drain(): T[] {
    const items = [...this.#kinds.values()].flatMap((queue) => [...queue]);
    this.#kinds.clear();
    this.#size = 0;
    return items;
  }
}
