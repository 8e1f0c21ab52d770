import { LanceError, throwIfAborted } from "../errors.ts";
import { onAbort } from "./on-abort.ts";
import type { StoreWriter } from "./store.ts";
import { toStoreError } from "./store-errors.ts";

/** What a back end does for one streamed object. Calls never overlap; `discard` is called at most once, last. */
export interface WriteSink {
  write(bytes: Uint8Array): Promise<void>;
  /** Makes the object visible and durable. */
  publish(): Promise<void>;
  /** Removes what was written. Errors are dropped: what stays is hidden debris. */
  discard(): Promise<void>;
}

/**
 * The rules every writer shares: calls run one after another, the first failure discards the object and is what later
 * calls give, `signal` discards too, `abort` is safe at any time.
 */
export function createGuardedWriter(options: {
  path: string;
  sink: WriteSink;
  signal?: AbortSignal | undefined;
}): StoreWriter {
  const { path, sink, signal } = options;
  let tail: Promise<unknown> = Promise.resolve();
  let failure: LanceError | undefined;
  let sizeBytes = 0;
  let closed: Promise<number> | undefined;
  let published = false;
  let discarded: Promise<void> | undefined;

  const discard = () => {
    stopListening();
    discarded ??= sink.discard().catch(() => {});
    return discarded;
  };
  const enqueue = <T>(step: () => Promise<T>): Promise<T> => {
    const run = tail.then(async () => {
      try {
        if (failure) throw failure;
        throwIfAborted(signal);
        return await step();
      } catch (error) {
        failure ??= toStoreError(error, "write", path);
        await discard();
        throw failure;
      }
    });
    tail = run.catch(() => {});
    return run;
  };
  const stopListening = onAbort(signal, () => {
    tail = tail.then(async () => {
      if (published) return;
      failure ??= new LanceError("ABORTED", "the operation was cancelled", { path }, { cause: signal?.reason });
      await discard();
    });
  });

  return {
    write(bytes) {
      if (closed) return Promise.reject(refuseAfterClose(path));
      return enqueue(async () => {
        await sink.write(bytes);
        sizeBytes += bytes.byteLength;
      });
    },
    close() {
      closed ??= enqueue(async () => {
        await sink.publish();
        published = true;
        stopListening();
        return sizeBytes;
      });
      return closed;
    },
    abort() {
      const run = tail.then(async () => {
        if (published) return;
        failure ??= new LanceError("ABORTED", `the writer of "${path}" was aborted`, { path });
        await discard();
      });
      tail = run;
      return run;
    },
  };
}

function refuseAfterClose(path: string): LanceError {
  return new LanceError("INVALID_ARGUMENT", `write to "${path}" after its writer was closed`, { path });
}
