import { LanceError } from "../errors.ts";

/** ABORTED, with the signal's reason as cause. */
export function describeAbort(signal: AbortSignal | undefined): LanceError {
  return new LanceError("ABORTED", "the operation was cancelled", {}, { cause: signal?.reason });
}

/** What a job that still waited is told when its pool closes. */
export function describeClosed(kind: string): LanceError {
  return new LanceError("ABORTED", `the pool was closed before this job of kind "${kind}" started`, { kind });
}
