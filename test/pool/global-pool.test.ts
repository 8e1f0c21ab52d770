import { afterEach, beforeEach, expect, test, vi } from "vitest";
import {
  clearGlobalPool,
  getGlobalPool,
  initGlobalPool,
  resolvePool,
  setGlobalPool,
} from "../../src/pool/global-pool.ts";
import { createInlinePool } from "../../src/pool/inline-pool.ts";
import { createWorkerPool } from "../../src/pool/worker-pool.ts";
import { type Runtime, setRuntime } from "../../src/runtime.ts";
import { testHandlers } from "./worker/handlers.ts";
import { nodeHost } from "./worker-threads.ts";

const runtime: Runtime = {
  name: "node",
  loadKernelModule: () => Promise.reject(new Error("not used")),
  spawnWorker: nodeHost.spawn,
  hardwareConcurrency: 3,
  mainThread: true,
  now: () => performance.now(),
};

beforeEach(() => setRuntime(runtime));
afterEach(async () => {
  vi.restoreAllMocks();
  await clearGlobalPool({ close: true });
});

test("initGlobalPool gives the pool that exists", () => {
  const pool = initGlobalPool({ numWorkers: 2 });
  expect(initGlobalPool({ numWorkers: 5 })).toBe(pool);
  expect(getGlobalPool()).toBe(pool);
  expect(pool.numWorkers).toBe(2);
});

test("a pool without a size takes the host's cores", () => {
  expect(initGlobalPool().numWorkers).toBe(3);
});

test("the global pool's size wins over a call's, with a warning", () => {
  const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
  const pool = initGlobalPool({ numWorkers: 2 });
  expect(resolvePool({ numWorkers: 2 })).toEqual({ pool, owned: false });
  expect(resolvePool()).toEqual({ pool, owned: false });
  // A size the caller did not ask for is nobody's to be warned about.
  expect(resolvePool({ ownedWorkers: 1 })).toEqual({ pool, owned: false });
  expect(warn).not.toHaveBeenCalled();
  expect(resolvePool({ numWorkers: 4 })).toEqual({ pool, owned: false });
  expect(warn).toHaveBeenCalledOnce();
  expect(warn.mock.calls[0]?.[0]).toMatch(/numWorkers 4 is ignored: the global pool has 2/);
});

test("a call's own pool wins over the global one", async () => {
  initGlobalPool({ numWorkers: 2 });
  const own = createWorkerPool({ numWorkers: 1 });
  expect(resolvePool({ pool: own })).toEqual({ pool: own, owned: false });
  await own.close();
});

test("a call without any pool makes one of its own", async () => {
  const { pool, owned } = resolvePool({ numWorkers: 2 });
  expect(owned).toBe(true);
  expect(pool.numWorkers).toBe(2);
  expect(getGlobalPool()).toBeUndefined();
  expect(await pool.run({ kind: "echo", payload: "x" })).toBe("x");
  await pool.close();
});

test("a host without workers runs jobs inline", () => {
  const { spawnWorker: _, ...edge } = runtime;
  setRuntime(edge);
  expect(resolvePool({ numWorkers: 4 }).pool.inline).toBe(true);
});

test("clearGlobalPool closes, or only forgets", async () => {
  const pool = initGlobalPool({ numWorkers: 1 });
  await clearGlobalPool({ close: false });
  expect(getGlobalPool()).toBeUndefined();
  expect(await pool.run({ kind: "echo", payload: 1 })).toBe(1);
  setGlobalPool(pool);
  expect(getGlobalPool()).toBe(pool);
  await clearGlobalPool();
  await expect(pool.run({ kind: "echo", payload: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("setGlobalPool replaces, and leaves the former one to its owner", async () => {
  const former = initGlobalPool({ numWorkers: 1 });
  const mine = createInlinePool(testHandlers);
  setGlobalPool(mine);
  expect(initGlobalPool()).toBe(mine);
  expect(await former.run({ kind: "echo", payload: 1 })).toBe(1);
  await former.close();
});
