import type { Runtime, WorkerEndpoint } from "../runtime.ts";
import { fetchModule } from "./fetch-module.ts";
import { memoizeModules, serveKernelModules } from "./kernel-modules.ts";
import { watchLiveness } from "./liveness.ts";
import { findModuleUrl, type ModuleChoice } from "./module-urls.ts";

/** Pages and web workers. Without `Worker` (a service worker, a nested worker in old Safari) jobs run inline. */
export function createBrowserRuntime(choice: ModuleChoice = {}): Runtime {
  const loadKernelModule = memoizeModules((name) => fetchModule(findModuleUrl(name, choice)));
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
