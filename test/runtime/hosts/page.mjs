import * as lancelet from "../../../dist/browser.js";
import { smoke } from "../smoke.mjs";

globalThis.runSmoke = (uri) => smoke(lancelet, uri);
globalThis.runSmokeInWorker = (uri) =>
  new Promise((resolve, reject) => {
    const worker = new Worker("worker.js", { type: "module" });
    worker.onmessage = ({ data }) => (data.error ? reject(new Error(data.error)) : resolve(data.answer));
    worker.onerror = (event) => reject(new Error(event.message));
    worker.postMessage(uri);
  });
