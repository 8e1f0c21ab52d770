import { registerJobHandlers } from "./pool/handlers.ts";
import { loadJobs } from "./runtime/jobs.ts";
import { createNodeRuntime } from "./runtime/node.ts";
import { registerNodeStores } from "./runtime/stores-node.ts";
import { setRuntime } from "./runtime.ts";

setRuntime(createNodeRuntime());
registerNodeStores();
registerJobHandlers(loadJobs);

export * from "./index.ts";
