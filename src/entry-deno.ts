import { registerJobHandlers } from "./pool/handlers.ts";
import { createDenoRuntime } from "./runtime/deno.ts";
import { loadJobs } from "./runtime/jobs.ts";
import { registerNodeStores } from "./runtime/stores-node.ts";
import { setRuntime } from "./runtime.ts";

setRuntime(createDenoRuntime());
registerNodeStores();
registerJobHandlers(loadJobs);

export * from "./index.ts";
