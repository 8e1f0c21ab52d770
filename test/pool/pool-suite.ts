import { afterEach, describe, expect, test } from "vitest";
import { isLanceError } from "../../src/errors.ts";
import type { WorkerPool } from "../../src/pool/pool.ts";
import { createWorkerPool, type WorkerPoolOptions } from "../../src/pool/worker-pool.ts";
import type { WorkerEndpoint } from "../../src/runtime.ts";

interface Identity {
  readonly workerId: string;
  readonly workerIndex: number;
  readonly jobsRun: number;
}

/** So long that a slow machine never comes near: a worker is given up only where a test wants that. */
const PATIENT = { startTimeoutMs: 600_000, cancelGraceMs: 600_000 };

/** What any pool of real workers must do, over Node's worker threads or a browser's. */
export function describeWorkerPool(
  name: string,
  host: { spawn(): WorkerEndpoint; spawnMissing(): WorkerEndpoint },
): void {
  describe(`worker pool: ${name}`, () => {
    const pools: WorkerPool[] = [];
    const endpoints: WorkerEndpoint[] = [];
    const make = (options: WorkerPoolOptions = {}): WorkerPool => {
      const spawn = (): WorkerEndpoint => {
        const endpoint = host.spawn();
        endpoints.push(endpoint);
        return endpoint;
      };
      const pool = createWorkerPool({ numWorkers: 2, spawn, ...PATIENT, ...options });
      pools.push(pool);
      return pool;
    };
    const whoami = (pool: WorkerPool, affinity?: string): Promise<Identity> =>
      pool.run<Identity>({ kind: "whoami", payload: null }, { affinity });

    afterEach(async () => {
      for (const endpoint of endpoints.splice(0)) endpoint.terminate();
      await Promise.all(pools.splice(0).map((pool) => pool.close()));
    });

    test("runs 1000 small jobs, each answered with its own result", async () => {
      const pool = make();
      const jobs = Array.from({ length: 1000 }, (_, i) => pool.run<number>({ kind: "echo", payload: i }));
      expect(await Promise.all(jobs)).toEqual(Array.from({ length: 1000 }, (_, i) => i));
      expect(endpoints).toHaveLength(2);
    });

    test("starts workers only as jobs need them", async () => {
      const pool = make({ numWorkers: 4 });
      expect(endpoints).toHaveLength(0);
      for (let i = 0; i < 3; i++) await pool.run({ kind: "echo", payload: i });
      expect(endpoints).toHaveLength(1);
    });

    test("runs long jobs on all workers at once", async () => {
      const pool = make();
      const controller = new AbortController();
      const started = [0, 1].map(
        () =>
          new Promise<number>((resolve) => {
            const job = { kind: "untilCancelled", payload: "long" };
            const onProgress = ({ workerIndex }: { workerIndex: number }): void => resolve(workerIndex);
            pool.run(job, { signal: controller.signal, onProgress }).catch(() => {});
          }),
      );
      expect((await Promise.all(started)).sort()).toEqual([0, 1]);
      controller.abort();
    });

    test("jobs with one affinity go to one worker, keys are spread", async () => {
      const pool = make();
      const seen = new Map<string, Set<string>>();
      await Promise.all(
        Array.from({ length: 40 }, async (_, i) => {
          const key = `segment-${Math.floor(i / 10)}`;
          const { workerId } = await whoami(pool, key);
          seen.set(key, (seen.get(key) ?? new Set()).add(workerId));
        }),
      );
      expect([...seen.values()].map((ids) => ids.size)).toEqual([1, 1, 1, 1]);
      const used = [...seen.values()].flatMap((ids) => [...ids]);
      expect(new Set(used).size).toBe(2);
      expect(used.filter((id) => id === used[0])).toHaveLength(2);
    });

    test("a job with an affinity does not wait for long jobs", async () => {
      const pool = make({ numWorkers: 1 });
      const controller = new AbortController();
      const build = pool.run({ kind: "untilCancelled", payload: "build" }, { signal: controller.signal });
      expect((await whoami(pool, "segment")).workerIndex).toBe(0);
      controller.abort();
      await expect(build).rejects.toMatchObject({ code: "ABORTED" });
    });

    test("kinds take turns in the queue", async () => {
      const pool = make({ numWorkers: 1 });
      const order: string[] = [];
      const push = async (kind: "sleep" | "echo", label: string): Promise<void> => {
        await pool.run({ kind, payload: 1 });
        order.push(label);
      };
      await Promise.all([
        push("sleep", "a1"),
        push("sleep", "a2"),
        push("sleep", "a3"),
        push("echo", "b1"),
        push("echo", "b2"),
      ]);
      expect(order.indexOf("b1")).toBeLessThan(order.indexOf("a3"));
      expect(order.indexOf("a1")).toBe(0);
    });

    test("cancels a running job by its id, and only that one", async () => {
      const pool = make();
      const controller = new AbortController();
      let markStarted = (): void => {};
      const started = new Promise<void>((resolve) => {
        markStarted = resolve;
      });
      const mine = pool.run(
        { kind: "untilCancelled", payload: "mine" },
        { signal: controller.signal, onProgress: markStarted },
      );
      const other = pool.run({ kind: "sleep", payload: 60 });
      await started;
      controller.abort();
      await expect(mine).rejects.toMatchObject({ code: "ABORTED" });
      expect(await other).toBe(60);
      const lists = await Promise.all([0, 1].map(() => pool.run<string[]>({ kind: "listCancelled", payload: null })));
      expect(lists.flat()).toContain("mine");
      expect(endpoints).toHaveLength(2);
    });

    test("an abort while the worker starts is not lost, and keeps its reason as cause", async () => {
      const controller = new AbortController();
      const reason = new Error("changed my mind");
      const running = make().run({ kind: "untilCancelled", payload: "x" }, { signal: controller.signal });
      controller.abort(reason);
      // Lost, the job would run for ever.
      await expect(running).rejects.toMatchObject({ code: "ABORTED", cause: reason });
    });

    test("cancels a waiting job without running it, and one with a fired signal", async () => {
      const pool = make({ numWorkers: 1 });
      const controller = new AbortController();
      const busy = pool.run({ kind: "sleep", payload: 50 });
      const waiting = pool.run({ kind: "echo", payload: 1 }, { signal: controller.signal });
      controller.abort();
      await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
      await expect(pool.run({ kind: "echo", payload: 1 }, { signal: AbortSignal.abort() })).rejects.toMatchObject({
        code: "ABORTED",
      });
      await busy;
      expect((await whoami(pool)).jobsRun).toBe(0);
    });

    test("a job that ignores its cancellation loses its worker", async () => {
      const pool = make({ numWorkers: 1, cancelGraceMs: 50 });
      const before = await whoami(pool);
      const controller = new AbortController();
      const deaf = pool.run(
        { kind: "ignoreCancel", payload: null },
        { signal: controller.signal, onProgress: () => controller.abort() },
      );
      await expect(deaf).rejects.toMatchObject({ code: "ABORTED" });
      expect((await whoami(pool)).workerId).not.toBe(before.workerId);
    });

    test.each(["dieWithError", "dieSilently"])(
      "%s: the job fails, the worker is replaced, a retry works",
      async (kind) => {
        const pool = make({ numWorkers: 1 });
        const before = await whoami(pool);
        const error = await pool.run({ kind, payload: null }).catch((thrown: unknown) => thrown);
        expect(isLanceError(error, "WORKER_FAILED")).toBe(true);
        expect(error).toMatchObject({ details: { workerIndex: 0, kind } });
        const after = await whoami(pool);
        expect(after.workerId).not.toBe(before.workerId);
        expect(await pool.run({ kind: "echo", payload: "again" })).toBe("again");
      },
    );

    test("a killed worker fails its jobs and no other's", async () => {
      const pool = make();
      const killed = pool.run(
        { kind: "untilCancelled", payload: "killed" },
        { onProgress: ({ workerIndex }) => endpoints[workerIndex]?.terminate() },
      );
      const other = pool.run({ kind: "sleep", payload: 200 });
      await expect(killed).rejects.toMatchObject({ code: "WORKER_FAILED" });
      expect(await other).toBe(200);
    });

    test("a worker that never started fails its job", async () => {
      const pool = make({ numWorkers: 1, spawn: host.spawnMissing, startTimeoutMs: 5000 });
      await expect(pool.run({ kind: "echo", payload: 1 })).rejects.toMatchObject({ code: "WORKER_FAILED" });
    });

    test("a spawn that throws fails its job, and the next one is tried", async () => {
      let tries = 0;
      const pool = make({
        numWorkers: 1,
        spawn: () => {
          if (tries++ === 0) throw new Error("blocked by policy");
          return host.spawn();
        },
      });
      await expect(pool.run({ kind: "echo", payload: 1 })).rejects.toThrow(/blocked by policy/);
      expect(await pool.run({ kind: "echo", payload: 2 })).toBe(2);
    });

    test("progress arrives in order, the last before the result, with the worker's index", async () => {
      const pool = make();
      const seen: { done: number; workerIndex: number }[] = [];
      await pool.run({ kind: "steps", payload: 50 }, { onProgress: (progress) => seen.push(progress) });
      expect(seen.at(0)?.done).toBe(1);
      expect(seen.at(-1)).toMatchObject({ done: 50, phase: "write", total: 50, unit: "rows", workerIndex: 0 });
      expect(seen.map(({ done }) => done)).toEqual(seen.map(({ done }) => done).sort((a, b) => a - b));
      seen.length = 0;
      await pool.run({ kind: "search", payload: 1000 }, { onProgress: (progress) => seen.push(progress) });
      expect(seen.at(-1)).toMatchObject({ done: 1000, phase: "search" });
      // They come in one go; about one in 16 ms is sent on.
      expect(seen.length).toBeLessThan(1000);
    });

    test("moves what is transferred, both ways", async () => {
      const pool = make();
      const buffer = new ArrayBuffer(1 << 20);
      expect(await pool.run({ kind: "byteLengthOf", payload: buffer, transfer: [buffer] })).toBe(1 << 20);
      expect(buffer.byteLength).toBe(0);
      const { result } = await pool.run<{ result: Float32Array }>({ kind: "double", payload: Float32Array.of(1, 2) });
      expect([...result]).toEqual([2, 4]);
      expect(await pool.run({ kind: "lastResultBytes", payload: null })).toBe(0);
    });

    test("a transferred port serves the worker while it runs", async () => {
      const { port1, port2 } = new MessageChannel();
      port1.onmessage = (event: MessageEvent) => port1.postMessage(`answer to ${event.data}`);
      const answer = await make().run({ kind: "askPort", payload: port2, transfer: [port2] });
      expect(answer).toBe("answer to question");
      port1.close();
    });

    test("what cannot be posted is named", async () => {
      const pool = make();
      await expect(pool.run({ kind: "echo", payload: () => 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
      await expect(pool.run({ kind: "returnFunction", payload: 0 })).rejects.toMatchObject({ code: "WORKER_FAILED" });
      await expect(pool.run({ kind: "nonsense", payload: 0 })).rejects.toThrow(/expected one of .*echo/);
      expect(await pool.run({ kind: "echo", payload: 1 })).toBe(1);
    });

    test("errors of other classes get a code", async () => {
      const pool = make();
      const plain = await pool.run({ kind: "failPlainly", payload: 0 }).catch((error: unknown) => error);
      expect(plain).toMatchObject({
        code: "WORKER_FAILED",
        message: "a bug",
        details: { name: "TypeError" },
        cause: { name: "TypeError", message: "a bug" },
      });
      await expect(pool.run({ kind: "failWithAbortError", payload: 0 })).rejects.toMatchObject({ code: "ABORTED" });
      await expect(pool.run({ kind: "failUnclonably", payload: 0 })).rejects.toMatchObject({
        code: "CORRUPT",
        message: "bad page",
        details: { page: 3, reader: "() => 1" },
      });
    });

    test("a worker that outgrew its share is replaced after its job", async () => {
      const pool = make({ numWorkers: 2, memoryBudgetBytes: 2000 });
      const small = await pool.run({ kind: "growTo", payload: 1000 }, { affinity: "x" });
      expect((await whoami(pool, "x")).workerId).toBe(small);
      const large = await pool.run({ kind: "growTo", payload: 1001 }, { affinity: "x" });
      expect(large).toBe(small);
      expect((await whoami(pool, "x")).workerId).not.toBe(large);
    });

    test("closing while busy lets the running job end and refuses the rest", async () => {
      const pool = make({ numWorkers: 1 });
      const running = pool.run({ kind: "sleep", payload: 100 });
      const waiting = pool.run({ kind: "echo", payload: 1 });
      waiting.catch(() => {});
      const closed = pool.close();
      await expect(waiting).rejects.toMatchObject({ code: "ABORTED" });
      expect(await running).toBe(100);
      await closed;
      await pool.close();
      await expect(pool.run({ kind: "echo", payload: 1 })).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    });

    test.each([0, -1, 1.5, Number.NaN, 257])("refuses %s workers", (numWorkers) => {
      expect(() => make({ numWorkers })).toThrow(/numWorkers: expected an integer/);
    });
  });
}
