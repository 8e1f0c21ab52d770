import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { findModuleUrl } from "../../src/runtime/module-urls.ts";
import { type KernelModuleName, type Runtime, setRuntime } from "../../src/runtime.ts";

/** LANCELET_RELAXED_SIMD=off runs the tests on the plain core module. */
export const relaxedSimdWanted = process.env.LANCELET_RELAXED_SIMD !== "off";

const modules = new Map<KernelModuleName, Promise<WebAssembly.Module>>();

function compile(name: KernelModuleName): Promise<WebAssembly.Module> {
  let module = modules.get(name);
  if (!module) {
    module = readFile(findModuleUrl(name, { relaxedSimd: relaxedSimdWanted })).then((bytes) =>
      WebAssembly.compile(bytes),
    );
    modules.set(name, module);
  }
  return module;
}

/** A Node runtime that loads the committed kernels from disk, as Node's does, and has no workers: jobs run inline. */
export function createTestRuntime(overrides: Partial<Runtime> = {}): Runtime {
  return {
    name: "node",
    loadKernelModule: compile,
    hardwareConcurrency: availableParallelism(),
    mainThread: false,
    now: () => performance.now(),
    ...overrides,
  };
}

/** Makes the test runtime the one in use; call it at the top of a test file. */
export function useTestRuntime(overrides: Partial<Runtime> = {}): Runtime {
  const runtime = createTestRuntime(overrides);
  setRuntime(runtime);
  return runtime;
}
