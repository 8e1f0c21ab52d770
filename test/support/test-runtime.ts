import { readFile } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { type KernelModuleName, type Runtime, setRuntime } from "../../src/runtime.ts";

const modules = new Map<KernelModuleName, Promise<WebAssembly.Module>>();

function compile(name: KernelModuleName): Promise<WebAssembly.Module> {
  let module = modules.get(name);
  if (!module) {
    const url = new URL(`../../wasm/pkg/${name}/${name}_bg.wasm`, import.meta.url);
    module = readFile(url).then((bytes) => WebAssembly.compile(bytes));
    modules.set(name, module);
  }
  return module;
}

/** A Node runtime that loads the committed kernels from disk and has no workers: jobs run inline. */
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
