import { LanceError } from "./errors.ts";

/** The WASM modules of `wasm/`, each loaded when first needed. */
export type KernelModuleName = "core" | "build";

/** One worker as the pool sees it: a message endpoint (a `Worker`, or an adapter over `node:worker_threads`). */
export interface WorkerEndpoint {
  postMessage(message: unknown, transfer?: Transferable[]): void;
  addEventListener(type: "message" | "error" | "messageerror", listener: (event: Event) => void): void;
  removeEventListener(type: "message" | "error" | "messageerror", listener: (event: Event) => void): void;
  terminate(): void;
  /** Node: keep the process alive while a job runs, and no longer. */
  ref?(): void;
  unref?(): void;
}

/** What a host offers. Entries inject one; nothing in the core imports a host's API. */
export interface Runtime {
  readonly name: "browser" | "node" | "deno" | "workerd";
  /** Compiles a module once; later calls give the same one. */
  loadKernelModule(name: KernelModuleName): Promise<WebAssembly.Module>;
  /** Absent where the host has no workers: jobs then run inline. */
  readonly spawnWorker?: () => WorkerEndpoint;
  /** Logical cores, at least 1. */
  readonly hardwareConcurrency: number;
  /** True on a page's main thread, which must never run a task over 50 ms. Servers have no such thread. */
  readonly mainThread: boolean;
  /** Monotonic milliseconds. */
  now(): number;
}

let current: Runtime | undefined;

/** Called once by each entry, and by the worker's main file. */
export function setRuntime(runtime: Runtime): void {
  current = runtime;
}

/** @throws UNSUPPORTED when no entry was imported. */
export function getRuntime(): Runtime {
  if (!current) {
    throw new LanceError("UNSUPPORTED", 'no runtime: import "lancelet", not one of its inner files');
  }
  return current;
}
