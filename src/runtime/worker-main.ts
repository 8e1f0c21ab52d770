import { startWorker } from "./start-worker.ts";
import { registerBrowserStores } from "./stores-browser.ts";

// What runs in a web worker: its global scope is the port.
registerBrowserStores();
startWorker({ name: "browser", port: globalThis as never });
