import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Runtime, WorkerEndpoint } from "../runtime.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { findModuleUrl, type ModuleChoice } from "./module-urls.ts";
import { adaptNodeWorker } from "./node-endpoint.ts";

/** Node: worker threads, modules read from beside this file. */
export function createNodeRuntime(choice: ModuleChoice = {}): Runtime {
  const loadKernelModule = memoizeModules(async (name) =>
    WebAssembly.compile((await readFile(findModuleUrl(name, choice))) as Uint8Array<ArrayBuffer>),
  );
  const spawnWorker = (): WorkerEndpoint => {
    const worker = adaptNodeWorker(new Worker(new URL("./node-worker.ts", import.meta.url)));
    serveKernelModules(worker, loadKernelModule);
    return worker;
  };
  return {
    name: "node",
    loadKernelModule,
    spawnWorker,
    hardwareConcurrency: availableParallelism(),
    mainThread: false,
    now: () => performance.now(),
  };
}
