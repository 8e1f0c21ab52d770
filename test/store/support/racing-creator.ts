import { once } from "node:events";
import { createNodeFsStore } from "../../../src/store/node-fs.ts";
import { createPaths } from "../../conformance/store-races.ts";

/** Races with its siblings for every path, and tells which it won. */
const [directory, name, numPaths] = process.argv.slice(2) as [string, string, string];
process.send!("ready");
await once(process, "message");
const store = createNodeFsStore(directory);
process.send!(await createPaths(store, { text: name.repeat(1000), numPaths: Number(numPaths) }));
process.disconnect();
