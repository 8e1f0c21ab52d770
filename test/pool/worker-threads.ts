import { Worker } from "node:worker_threads";
import { adaptNodeWorker } from "../../src/runtime/node-endpoint.ts";

const start = (file: string) => (): ReturnType<typeof adaptNodeWorker> =>
  adaptNodeWorker(new Worker(new URL(file, import.meta.url), { stdout: true, stderr: true }));

/** Real worker threads that run the test handlers. */
export const nodeHost = { spawn: start("./worker/node-worker.ts"), spawnMissing: start("./worker/missing.ts") };
