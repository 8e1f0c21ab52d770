import { LanceError } from "../errors.ts";
import type { KernelModuleName, Runtime } from "../runtime.ts";
import { memoizeModules } from "./kernel-modules.ts";

/**
 * Modules that were compiled ahead: workerd forbids compiling at run time. What an entry names is in the bundle, so
 * `core` is the plain build: the one with relaxed SIMD would add its whole size for every user.
 */
export type PrecompiledModules = Partial<Readonly<Record<KernelModuleName, WebAssembly.Module>>>;

/** Cloudflare Workers: no workers, so jobs run inline. */
export function createWorkerdRuntime(modules: PrecompiledModules): Runtime {
  return {
    name: "workerd",
    loadKernelModule: memoizeModules(async (name) => {
      const module = modules[name];
      if (module) return module;
      throw new LanceError("UNSUPPORTED", `no precompiled module "${name}" was passed in`, { name });
    }),
    hardwareConcurrency: 1,
    mainThread: false,
    now: () => performance.now(),
  };
}
