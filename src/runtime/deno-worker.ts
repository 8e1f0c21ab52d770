import { startWorker } from "./start-worker.ts";
import { registerNodeStores } from "./stores-node.ts";

// What runs in a Deno worker: web worker globals, Node's file system.
registerNodeStores();
startWorker({ name: "deno", port: globalThis as never });
