import { LanceError } from "../errors.ts";
import type { JobHandler, JobHandlers } from "./pool.ts";

/** Handlers, or a function that imports them when the first job runs. */
export type JobHandlersSource = JobHandlers | (() => Promise<JobHandlers>);

let registered: JobHandlersSource | undefined;

/** Says what jobs this thread can run inline. Entries call it once; a later call replaces. */
export function registerJobHandlers(handlers: JobHandlersSource): void {
  registered = handlers;
}

/** The handlers of this thread. @throws UNSUPPORTED when none were registered */
export async function getJobHandlers(): Promise<JobHandlers> {
  if (!registered) {
    throw new LanceError(
      "UNSUPPORTED",
      'no job handlers on this thread: import "lancelet", not one of its inner files',
    );
  }
  return loadHandlers(registered);
}

/** Imports the handlers where `source` is lazy. */
export async function loadHandlers(source: JobHandlersSource): Promise<JobHandlers> {
  return typeof source === "function" ? source() : source;
}

/** @throws INVALID_ARGUMENT naming the kinds there are */
export function findHandler(handlers: JobHandlers, kind: string): JobHandler {
  const handler = Object.hasOwn(handlers, kind) ? handlers[kind] : undefined;
  if (!handler) {
    const kinds = Object.keys(handlers).sort();
    throw new LanceError(
      "INVALID_ARGUMENT",
      `no handler for jobs of kind "${kind}": expected one of ${kinds.join(", ")}`,
      {
        received: kind,
        expected: kinds,
      },
    );
  }
  return handler;
}
