import { readFile } from "node:fs/promises";
import type { KernelModuleName, Runtime, WorkerEndpoint } from "../runtime.ts";
import { fetchModule } from "./fetch-module.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";

const moduleUrls: Readonly<Record<KernelModuleName, () => URL>> = {
  core: () => new URL("../../wasm/pkg/core/core_bg.wasm", import.meta.url),
  build: () => new URL("../../wasm/pkg/build/build_bg.wasm", import.meta.url),
};

/** Deno: web workers where they are allowed (Deno Deploy has none), modules read or fetched from beside this file. */
export function createDenoRuntime(): Runtime {
  const loadKernelModule = memoizeModules(async (name) => {
    const url = moduleUrls[name]();
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
