import { registerJobHandlers } from "./pool/handlers.ts";
import { createBrowserRuntime } from "./runtime/browser.ts";
import { loadJobs } from "./runtime/jobs.ts";
import { registerBrowserStores } from "./runtime/stores-browser.ts";
import { setRuntime } from "./runtime.ts";

setRuntime(createBrowserRuntime());
registerBrowserStores();
registerJobHandlers(loadJobs);

export * from "./index.ts";
