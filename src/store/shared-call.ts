import { LanceError } from "../errors.ts";
import { onAbort } from "./on-abort.ts";

/** One piece of work that several callers wait for; each may leave by its own signal. */
export interface SharedCall<T> {
  /** @throws ABORTED as soon as this caller's signal fires; the work goes on for the others */
  join(signal: AbortSignal | undefined): Promise<T>;
  /** Starts the work, once. Its signal fires when every caller that joined has left. */
  start(): void;
}

/** @param run the work; it starts with `start`, after the first callers joined */
export function createSharedCall<T>(run: (signal: AbortSignal) => Promise<T>): SharedCall<T> {
  const abandon = new AbortController();
  const { promise, resolve, reject } = createDeferred<T>();
  // A failure nobody waits for any more is no unhandled rejection.
  promise.catch(() => {});
  let waiting = 0;
  let started = false;
  let settled = false;
  const settle = () => {
    settled = true;
  };
  promise.then(settle, settle);

  return {
    join(signal) {
      waiting++;
      if (!signal) return promise;
      return new Promise<T>((resolveOne, rejectOne) => {
        const leave = () => {
          rejectOne(new LanceError("ABORTED", "the operation was cancelled", {}, { cause: signal.reason }));
          if (--waiting === 0 && !settled) abandon.abort(signal.reason);
        };
        if (signal.aborted) return leave();
        const stop = onAbort(signal, leave);
        promise.then(
          (value) => {
            stop();
            resolveOne(value);
          },
          (error: unknown) => {
            stop();
            rejectOne(error);
          },
        );
      });
    },
    start() {
      if (started) return;
      started = true;
      if (abandon.signal.aborted) reject(new LanceError("ABORTED", "every caller has left"));
      else run(abandon.signal).then(resolve, reject);
    },
  };
}

function createDeferred<T>() {
  let resolve!: (value: T) => void;
  let reject!: (error: unknown) => void;
  const promise = new Promise<T>((onResolve, onReject) => {
    resolve = onResolve;
    reject = onReject;
  });
  return { promise, resolve, reject };
}
