import { parentPort } from "node:worker_threads";
import { exposeJobHandlers } from "../../../src/pool/worker-host.ts";
import { readMemoryBytes, testHandlers } from "./handlers.ts";

exposeJobHandlers(testHandlers, parentPort as never, { memoryBytes: readMemoryBytes });
