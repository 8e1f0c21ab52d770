import type { JobProgress } from "./pool.ts";

const MIN_INTERVAL_MS = 16;

/**
 * Lets through about one report per frame, always the first and the last of a phase: a kernel may report per page
 * without flooding the port.
 */
export function createProgressGate(
  send: (progress: JobProgress) => void,
  now: () => number,
): { report(progress: JobProgress): void; flush(): void } {
  let held: JobProgress | undefined;
  let sentPhase: string | undefined;
  let sentAtMs = Number.NEGATIVE_INFINITY;
  const emit = (progress: JobProgress): void => {
    held = undefined;
    sentPhase = progress.phase;
    sentAtMs = now();
    send(progress);
  };
  const flush = (): void => {
    if (held) emit(held);
  };
  return {
    report(progress) {
      if (held && held.phase !== progress.phase) flush();
      const complete = progress.total !== undefined && progress.done >= progress.total;
      if (complete || progress.phase !== sentPhase || now() - sentAtMs >= MIN_INTERVAL_MS) emit(progress);
      else held = progress;
    },
    flush,
  };
}
