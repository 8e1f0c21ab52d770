/** Waits, or until `signal` aborts; never rejects, so that the caller says what an abort means. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener("abort", done);
  });
}

/**
 * Waits a random while before another try, longer on average each time, so that writers who met once part.
 *
 * @param attempt tries made before, from 0
 */
export function backOff(
  attempt: number,
  {
    firstMs,
    maxMs,
    signal,
  }: { readonly firstMs: number; readonly maxMs: number; readonly signal?: AbortSignal | undefined },
): Promise<void> {
  return sleep(Math.random() * Math.min(maxMs, firstMs * 2 ** attempt), signal);
}
