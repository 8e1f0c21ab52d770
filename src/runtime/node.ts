import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { Runtime, WorkerEndpoint } from "../runtime.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { findModuleUrl, type ModuleChoice } from "./module-urls.ts";
import { adaptNodeWorker } from "./node-endpoint.ts";

/**
 * Of new objects, in each worker: what is large lies in buffers and in WASM memory, so the 48 MiB that V8 would take are
 * mostly garbage. Builds take no longer with a quarter of them.
 */
const YOUNG_MEGABYTES = 12;

/** Node: worker threads, modules read from beside this file. */
export function createNodeRuntime(choice: ModuleChoice = {}): Runtime {
  const loadKernelModule = memoizeModules(async (name) =>
    WebAssembly.compile((await readFile(findModuleUrl(name, choice))) as Uint8Array<ArrayBuffer>),
  );
  const spawnWorker = (): WorkerEndpoint => {
    const url = new URL("./node-worker.ts", import.meta.url);
    const worker = adaptNodeWorker(new Worker(url, { resourceLimits: { maxYoungGenerationSizeMb: YOUNG_MEGABYTES } }));
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
