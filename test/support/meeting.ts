/** Far longer than anything takes on a slow machine: one who waits so long waits for nobody. */
const PATIENCE_MS = 60_000;

/**
 * Holds its callers until so many of them wait at once; after that nobody waits. Shows that work runs side by side on
 * a machine however slow, where a short wait would show it only on a fast one.
 * @returns settles when they have met, or when the others do not come
 */
export function createMeeting(callers: number): () => Promise<void> {
  let present = 0;
  let open = (): void => {};
  const met = new Promise<void>((resolve) => {
    open = resolve;
  });
  return async () => {
    if (++present >= callers) open();
    const timer = setTimeout(open, PATIENCE_MS);
    await met;
    clearTimeout(timer);
  };
}
