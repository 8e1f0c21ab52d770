import { readFile } from "node:fs/promises";
import type { Runtime, WorkerEndpoint } from "../runtime.ts";
import { fetchModule } from "./fetch-module.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { findModuleUrl, type ModuleChoice } from "./module-urls.ts";

/** Deno: web workers where they are allowed (Deno Deploy has none), modules read or fetched from beside this file. */
export function createDenoRuntime(choice: ModuleChoice = {}): Runtime {
  const loadKernelModule = memoizeModules(async (name) => {
    const url = findModuleUrl(name, choice);
    if (url.protocol !== "file:") return fetchModule(url);
    return WebAssembly.compile((await readFile(url)) as Uint8Array<ArrayBuffer>);
  });
  const spawnWorker = (): WorkerEndpoint => {
    const worker = new Worker(new URL("./deno-worker.ts", import.meta.url), { type: "module" });
    serveKernelModules(worker, loadKernelModule);
    return worker;
  };
  return {
    name: "deno",
    loadKernelModule,
    ...(typeof Worker === "function" ? { spawnWorker } : {}),
    hardwareConcurrency: globalThis.navigator?.hardwareConcurrency ?? 1,
    mainThread: false,
    now: () => performance.now(),
  };
}
