import * as lancelet from "../../../dist/deno.js";
import { smoke } from "../smoke.mjs";

console.log(JSON.stringify(await smoke(lancelet, Deno.args[0])));
