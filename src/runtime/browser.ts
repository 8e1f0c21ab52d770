import type { KernelModuleName, Runtime, WorkerEndpoint } from "../runtime.ts";
import { fetchModule } from "./fetch-module.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { watchLiveness } from "./liveness.ts";

// Bundlers look for these literals as they stand.
const moduleUrls: Readonly<Record<KernelModuleName, () => URL>> = {
  core: () => new URL("../../wasm/pkg/core/core_bg.wasm", import.meta.url),
  build: () => new URL("../../wasm/pkg/build/build_bg.wasm", import.meta.url),
};

/** Pages and web workers. Without `Worker` (a service worker, a nested worker in old Safari) jobs run inline. */
export function createBrowserRuntime(): Runtime {
  const loadKernelModule = memoizeModules((name) => fetchModule(moduleUrls[name]()));
  const spawnWorker = (): WorkerEndpoint => {
    const worker = new Worker(new URL("./worker-main.ts", import.meta.url), { type: "module" });
    serveKernelModules(worker, loadKernelModule);
    watchLiveness(worker);
    return worker;
  };
  return {
    name: "browser",
    loadKernelModule,
    ...(typeof Worker === "function" ? { spawnWorker } : {}),
    hardwareConcurrency: globalThis.navigator?.hardwareConcurrency ?? 1,
    mainThread: typeof document !== "undefined",
    now: () => performance.now(),
  };
}
