import { isLanceError } from "../../src/errors.ts";
import { jobHandlers } from "../../src/index/jobs.ts";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { createInlinePool } from "../../src/pool/inline-pool.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import type { MemoryObjects } from "../../src/store/memory.ts";
import type { Store } from "../../src/store/store.ts";
import { useTestRuntime } from "../support/test-runtime.ts";

export * from "./rows.ts";

useTestRuntime();
registerJobHandlers(jobHandlers);

/** Runs the jobs on this thread. */
export const inlinePool: WorkerPool = createInlinePool(jobHandlers);

/** Another store's data at this moment: objects are never changed in place. */
export const copyObjects = (objects: MemoryObjects): MemoryObjects => new Map(objects);

export async function listPaths(store: Store, prefix = ""): Promise<string[]> {
  const paths: string[] = [];
  for await (const { path } of store.list(prefix)) paths.push(path);
  return paths;
}

/** The code a call rejects with; `null` when it answers. @throws anything that is not a LanceError */
export async function codeOf(call: Promise<unknown>): Promise<string | null> {
  try {
    await call;
    return null;
  } catch (error) {
    if (isLanceError(error)) return error.code;
    throw new Error(`not a LanceError: ${error}`, { cause: error });
  }
}
