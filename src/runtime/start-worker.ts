import { kernelMemoryBytes } from "../kernels/memory.ts";
import { exposeJobHandlers, type HostPort } from "../pool/worker-host.ts";
import { type Runtime, setRuntime } from "../runtime.ts";
import { loadJobs } from "./jobs.ts";
import { requestKernelModules } from "./kernel-modules.ts";
import { holdLivenessLock } from "./liveness.ts";

/** Makes the calling worker ready for jobs: its modules come from the thread that started it. */
export function startWorker(options: { name: Runtime["name"]; port: HostPort }): void {
  const { name, port } = options;
  setRuntime({
    name,
    loadKernelModule: requestKernelModules(port),
    hardwareConcurrency: 1,
    mainThread: false,
    now: () => performance.now(),
  });
  exposeJobHandlers(loadJobs, port, { memoryBytes: kernelMemoryBytes, ready: holdLivenessLock(port) });
}
