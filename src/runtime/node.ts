import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { Worker } from "node:worker_threads";
import type { KernelModuleName, Runtime, WorkerEndpoint } from "../runtime.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { adaptNodeWorker } from "./node-endpoint.ts";

const moduleUrls: Readonly<Record<KernelModuleName, () => URL>> = {
  core: () => new URL("../../wasm/pkg/core/core_bg.wasm", import.meta.url),
  build: () => new URL("../../wasm/pkg/build/build_bg.wasm", import.meta.url),
};

/** Node: worker threads, modules read from beside this file. */
export function createNodeRuntime(): Runtime {
  const loadKernelModule = memoizeModules(async (name) =>
    WebAssembly.compile((await readFile(moduleUrls[name]())) as Uint8Array<ArrayBuffer>),
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
