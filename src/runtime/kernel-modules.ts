import { deserializeError, LanceError, type SerializedLanceError, serializeError } from "../errors.ts";
import type { KernelModuleName, WorkerEndpoint } from "../runtime.ts";

type LoadKernelModule = (name: KernelModuleName) => Promise<WebAssembly.Module>;

/** What a worker asks of the thread that started it, and the answer: modules are compiled once and posted. */
type ModuleRequest = { readonly lancelet: "loadKernelModule"; readonly name: KernelModuleName };
type ModuleAnswer = {
  readonly lancelet: "kernelModule";
  readonly name: KernelModuleName;
  readonly module?: WebAssembly.Module;
  readonly error?: SerializedLanceError;
};

interface Port {
  postMessage(message: unknown): void;
  addEventListener(type: "message", listener: (event: Event) => void): void;
}

/** Compiles each module once; one that failed is tried again by the next call. */
export function memoizeModules(compile: LoadKernelModule): LoadKernelModule {
  const modules = new Map<KernelModuleName, Promise<WebAssembly.Module>>();
  return (name) => {
    let module = modules.get(name);
    if (!module) {
      module = compile(name).catch((cause: unknown) => {
        modules.delete(name);
        throw new LanceError(
          "IO",
          `the kernel module "${name}" could not be loaded: ${describe(cause)}`,
          { name },
          { cause },
        );
      });
      modules.set(name, module);
    }
    return module;
  };
}

/** Answers a worker's requests for modules with this thread's compiled ones. */
export function serveKernelModules(worker: WorkerEndpoint, load: LoadKernelModule): void {
  worker.addEventListener("message", (event) => {
    const request = (event as MessageEvent).data as ModuleRequest | undefined;
    if (request?.lancelet !== "loadKernelModule") return;
    const answer = (rest: Partial<ModuleAnswer>): void =>
      worker.postMessage({ lancelet: "kernelModule", name: request.name, ...rest });
    load(request.name).then(
      (module) => answer({ module }),
      (error: unknown) => answer({ error: serializeError(error) }),
    );
  });
}

/** In a worker: asks the thread that started it. */
export function requestKernelModules(port: Port): LoadKernelModule {
  const waiting = new Map<KernelModuleName, (answer: ModuleAnswer) => void>();
  port.addEventListener("message", (event) => {
    const answer = (event as MessageEvent).data as ModuleAnswer | undefined;
    if (answer?.lancelet !== "kernelModule") return;
    waiting.get(answer.name)?.(answer);
    waiting.delete(answer.name);
  });
  return memoizeModules(
    (name) =>
      new Promise((resolve, reject) => {
        waiting.set(name, ({ module, error }) => {
          if (module) resolve(module);
          else reject(error ? deserializeError(error) : new LanceError("IO", `no kernel module "${name}" was sent`));
        });
        port.postMessage({ lancelet: "loadKernelModule", name } satisfies ModuleRequest);
      }),
  );
}

function describe(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
