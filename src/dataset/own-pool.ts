import { createPool } from "../pool/global-pool.ts";
import type { WorkerPool } from "../pool/pool.ts";
import { getRuntime } from "../runtime.ts";

/** Workers that searches of one handle use when nobody gave it a pool. */
const MAX_WORKERS = 4;

/**
 * The pool of a handle on a page's main thread, which must not decode index pages itself. Made when first asked for;
 * its workers start with their first job. Elsewhere there is none: searches run on the calling thread.
 */
export class OwnPool {
  #pool: WorkerPool | undefined;

  get(): WorkerPool | undefined {
    const { mainThread, spawnWorker, hardwareConcurrency } = getRuntime();
    if (!mainThread || spawnWorker === undefined) return undefined;
    this.#pool ??= createPool({ numWorkers: Math.min(MAX_WORKERS, hardwareConcurrency) });
    return this.#pool;
  }

  async close(): Promise<void> {
    const pool = this.#pool;
    this.#pool = undefined;
    await pool?.close();
  }
}
