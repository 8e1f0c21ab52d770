const transfers = new WeakMap<object, readonly Transferable[]>();

/**
 * Marks a job's result so that its buffers move to the caller instead of being copied. Inline it changes nothing.
 *
 * @example
 * return withTransfer({ distances }, [distances.buffer]);
 */
export function withTransfer<T extends object>(result: T, transfer: readonly Transferable[]): T {
  transfers.set(result, transfer);
  return result;
}

/** The buffers given to {@link withTransfer} for `result`; empty where there were none. */
export function takeTransfer(result: unknown): Transferable[] {
  if (typeof result !== "object" || result === null) return [];
  const transfer = transfers.get(result);
  transfers.delete(result);
  return transfer ? [...transfer] : [];
}
