import * as lancelet from "../../../dist/node.js";
import { smoke } from "../smoke.mjs";

console.log(JSON.stringify(await smoke(lancelet, process.argv[2])));
