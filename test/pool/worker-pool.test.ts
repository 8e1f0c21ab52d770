import { describeWorkerPool } from "./pool-suite.ts";
import { nodeHost } from "./worker-threads.ts";

describeWorkerPool("node:worker_threads", nodeHost);
