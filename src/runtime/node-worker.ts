import { parentPort } from "node:worker_threads";
import { LanceError } from "../errors.ts";
import { startWorker } from "./start-worker.ts";
import { registerNodeStores } from "./stores-node.ts";

// What runs in a worker thread.
if (!parentPort) throw new LanceError("UNSUPPORTED", "this file runs in a worker thread, started by the pool");
registerNodeStores();
startWorker({ name: "node", port: parentPort as never });
