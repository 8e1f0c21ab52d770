import { getRuntime } from "../runtime.ts";
import { createInlinePool } from "./inline-pool.ts";
import type { WorkerPool } from "./pool.ts";
import { createWorkerPool, type WorkerPoolOptions } from "./worker-pool.ts";

let current: WorkerPool | undefined;

/** Workers where the host has them, else the calling thread. @throws INVALID_ARGUMENT for a bad size */
export function createPool(options: WorkerPoolOptions = {}): WorkerPool {
  const canSpawn = options.spawn !== undefined || getRuntime().spawnWorker !== undefined;
  return canSpawn ? createWorkerPool(options) : createInlinePool();
}

/** Makes the pool every call without one of its own uses. Idempotent: gives the pool that exists, whatever the options. */
export function initGlobalPool(options: WorkerPoolOptions = {}): WorkerPool {
  current ??= createPool(options);
  return current;
}

/** Uses a pool of the caller's own as the global one. The former one is left to its owner, who closes it. */
export function setGlobalPool(pool: WorkerPool): void {
  current = pool;
}

/** The global pool, if any. */
export function getGlobalPool(): WorkerPool | undefined {
  return current;
}

/** Forgets the global pool. `close: false` leaves its workers running, for an owner who will close it. */
export async function clearGlobalPool(options: { close?: boolean } = {}): Promise<void> {
  const pool = current;
  current = undefined;
  if (options.close ?? true) await pool?.close();
}

/** A pool for one call. When `owned`, the call closes it. */
export interface ResolvedPool {
  readonly pool: WorkerPool;
  readonly owned: boolean;
}

/** A call's own pool, else the global one, else a new one for this call. The size of a pool that exists wins. */
export function resolvePool(
  options: {
    pool?: WorkerPool | undefined;
    /** As the caller asked. A global pool of another size wins, with a warning. */
    numWorkers?: number | undefined;
    /** Size of a pool made for this call. Default `numWorkers`. */
    ownedWorkers?: number | undefined;
    memoryBudgetBytes?: number | undefined;
  } = {},
): ResolvedPool {
  const { pool, numWorkers, ownedWorkers = numWorkers, memoryBudgetBytes } = options;
  if (pool) return { pool, owned: false };
  if (current) {
    if (numWorkers !== undefined && numWorkers !== current.numWorkers) {
      console.warn(
        `lancelet: numWorkers ${numWorkers} is ignored: the global pool has ${current.numWorkers}. ` +
          "Pass `pool` to use another, or clearGlobalPool() first.",
      );
    }
    return { pool: current, owned: false };
  }
  return { pool: createPool({ numWorkers: ownedWorkers, memoryBudgetBytes }), owned: true };
}
