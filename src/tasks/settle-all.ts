/**
 * `Promise.all` that waits for every promise before it throws the first error: nothing goes on in the background when
 * the caller hears of a failure.
 * @throws what the first rejected promise, in the order given, was rejected with
 */
export async function settleAll<const T extends readonly unknown[]>(
  promises: T,
): Promise<{ -readonly [K in keyof T]: Awaited<T[K]> }> {
  const settled = await Promise.allSettled(promises);
  const values = settled.map((one) => {
    if (one.status === "rejected") throw one.reason;
    return one.value;
  });
  return values as { -readonly [K in keyof T]: Awaited<T[K]> };
}

/**
 * Runs `work` on every item, at most `concurrency` at once. After the first failure no further item is started, and
 * those under way settle before it is thrown.
 * @returns results in the order of the items
 */
export async function mapBounded<T, R>(
  items: readonly T[],
  concurrency: number,
  work: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const results: R[] = new Array(items.length);
  let next = 0;
  let failed = false;
  const runner = async (): Promise<void> => {
    while (!failed && next < items.length) {
      const index = next++;
      try {
        results[index] = await work(items[index]!, index);
      } catch (error) {
        failed = true;
        throw error;
      }
    }
  };
  await settleAll(Array.from({ length: Math.min(concurrency, items.length) }, runner));
  return results;
}
