import * as lancelet from "../../../dist/browser.js";
import { smoke } from "../smoke.mjs";

globalThis.onmessage = async ({ data: uri }) => {
  try {
    postMessage({ answer: await smoke(lancelet, uri) });
  } catch (error) {
    postMessage({ error: error.stack });
  }
};
