/** How far {@link readAhead} goes. */
export interface ReadAheadOptions<T> {
  /** Items under way at most, the one consumed among them. */
  readonly width: number;
  /** Bytes under way at most; one item is always taken, however large. */
  readonly maxBytes: number;
  /** Bytes an item holds while it is under way. */
  sizeOf(item: T): number;
}

/**
 * Runs `work` on items as they come and gives the results in their order; the next items are under way while one is
 * consumed. After a failure, and when the consumer stops, nothing further is started and what is under way settles.
 */
export async function* readAhead<T, R>(
  items: AsyncIterable<T> | Iterable<T>,
  work: (item: T) => Promise<R>,
  options: ReadAheadOptions<T>,
): AsyncGenerator<R> {
  const source = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const queue: { readonly result: Promise<R>; readonly size: number }[] = [];
  let held = 0;
  let next: T | undefined;
  let isDone = false;
  let pulling: Promise<void> | null = null;
  let failure: { readonly error: unknown } | null = null;
  let hasRoom = true;

  const start = (item: T): boolean => {
    const size = options.sizeOf(item);
    if (queue.length > 0 && (queue.length >= options.width || held + size > options.maxBytes)) return false;
    const result = work(item);
    result.catch(() => {});
    queue.push({ result, size });
    held += size;
    return true;
  };
  const fill = async (): Promise<void> => {
    while (!isDone && failure === null) {
      if (next === undefined) {
        const pulled = await source.next();
        if (pulled.done === true) {
          isDone = true;
          return;
        }
        next = pulled.value;
      }
      if (!start(next)) {
        hasRoom = false;
        return;
      }
      next = undefined;
    }
  };
  const pull = (): void => {
    if (pulling !== null || isDone || failure !== null || !hasRoom) return;
    pulling = fill()
      .catch((error: unknown) => {
        failure = { error };
      })
      .then(() => {
        pulling = null;
      });
  };

  try {
    for (;;) {
      pull();
      while (queue.length === 0 && pulling !== null) await pulling;
      const first = queue[0];
      if (first === undefined) {
        if (failure !== null) throw (failure as { error: unknown }).error;
        if (isDone) return;
        hasRoom = true;
        continue;
      }
      const result = await first.result;
      yield result;
      queue.shift();
      held -= first.size;
      hasRoom = true;
    }
  } finally {
    isDone = true;
    await Promise.allSettled(queue.map(({ result }) => result));
    await pulling;
    await source.return?.();
  }
}
