import { afterEach, expect, test } from "vitest";
import { registerJobHandlers } from "../../src/pool/handlers.ts";
import { createInlinePool } from "../../src/pool/inline-pool.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { testHandlers } from "./worker/handlers.ts";

const pools: WorkerPool[] = [];
const make = (): WorkerPool => {
  const pool = createInlinePool(testHandlers);
  pools.push(pool);
  return pool;
};
afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

test("answers as a pool of workers does", async () => {
  const pool = make();
  expect(pool).toMatchObject({ inline: true, numWorkers: 1 });
  const jobs = Array.from({ length: 1000 }, (_, i) => pool.run<number>({ kind: "echo", payload: i }));
  expect(await Promise.all(jobs)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
  await expect(pool.run({ kind: "nonsense", payload: 0 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  await expect(pool.run({ kind: "failPlainly", payload: 0 })).rejects.toMatchObject({ code: "WORKER_FAILED" });
  const { result } = await pool.run<{ result: Float32Array }>({ kind: "double", payload: Float32Array.of(3) });
  expect([...result]).toEqual([6]);
});

test("runs long jobs one after another, keyed ones at once", async () => {
  const pool = make();
  const controller = new AbortController();
  let waitingRan = false;
  const long = pool.run({ kind: "untilCancelled", payload: "long" }, { signal: controller.signal });
  const waiting = pool.run({ kind: "echo", payload: 1 }).then(() => {
    waitingRan = true;
  });
  expect(await pool.run({ kind: "echo", payload: 2 }, { affinity: "segment" })).toBe(2);
  expect(waitingRan).toBe(false);
  controller.abort();
  await expect(long).rejects.toMatchObject({ code: "ABORTED" });
  await waiting;
});

test("cancels running and waiting jobs, and reports progress", async () => {
  const pool = make();
  const seen: number[] = [];
  await pool.run({ kind: "steps", payload: 3 }, { onProgress: ({ done }) => seen.push(done) });
  expect(seen).toEqual([1, 2, 3]);
  const controller = new AbortController();
  const started = new Promise<void>((resolve) => {
    void pool
      .run({ kind: "untilCancelled", payload: "running" }, { signal: controller.signal, onProgress: () => resolve() })
      .catch(() => {});
  });
  const jobs = [pool.run({ kind: "untilCancelled", payload: "waiting" }, { signal: controller.signal })];
  const settled = Promise.allSettled(jobs);
  await started;
  controller.abort();
  for (const result of await settled) expect(result).toMatchObject({ reason: { code: "ABORTED" } });
  expect(await pool.run({ kind: "listCancelled", payload: 0 })).toEqual(expect.arrayContaining(["running"]));
});

test("closing lets the running job end and refuses the rest", async () => {
  const pool = make();
  const running = pool.run({ kind: "sleep", payload: 30 });
  const waiting = pool.run({ kind: "echo", payload: 1 });
  waiting.catch(() => {});
  const closed = pool.close();
  await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
  expect(await running).toBe(30);
  await closed;
  await expect(pool.run({ kind: "echo", payload: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
});

test("uses the registered handlers when none are given, and says when there are none", async () => {
  await expect(createInlinePool().run({ kind: "hello", payload: 0 })).rejects.toMatchObject({ code: "UNSUPPORTED" });
  registerJobHandlers(async () => ({ hello: async () => "world" }));
  expect(await createInlinePool().run({ kind: "hello", payload: 0 })).toBe("world");
});
