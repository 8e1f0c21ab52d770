import { exposeJobHandlers } from "../../../src/pool/worker-host.ts";
import { holdLivenessLock } from "../../../src/runtime/liveness.ts";
import { readMemoryBytes, testHandlers } from "./handlers.ts";

const port = globalThis as never;
exposeJobHandlers(testHandlers, port, { memoryBytes: readMemoryBytes, ready: holdLivenessLock(port) });
