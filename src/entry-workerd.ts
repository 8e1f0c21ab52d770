import build from "../wasm/pkg/build/build_bg.wasm";
import core from "../wasm/pkg/core/core_bg.wasm";
import { registerJobHandlers } from "./pool/handlers.ts";
import { loadJobs } from "./runtime/jobs.ts";
import { registerEdgeStores } from "./runtime/stores-edge.ts";
import { createWorkerdRuntime } from "./runtime/workerd.ts";
import { setRuntime } from "./runtime.ts";

setRuntime(createWorkerdRuntime({ core, build }));
registerEdgeStores();
registerJobHandlers(loadJobs);

export * from "./index.ts";
