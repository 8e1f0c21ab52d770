import { watchLiveness } from "../../src/runtime/liveness.ts";
import { describeWorkerPool } from "./pool-suite.ts";

describeWorkerPool("Chromium", {
  spawn() {
    const worker = new Worker(new URL("./worker/web-worker.ts", import.meta.url), { type: "module" });
    watchLiveness(worker);
    return worker;
  },
  spawnMissing: () => new Worker("/no-such-worker.js", { type: "module" }),
});
