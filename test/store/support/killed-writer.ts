import { createNodeFsStore } from "../../../src/store/node-fs.ts";

/** Writes half of an object and waits to be killed. */
const writer = await createNodeFsStore(process.argv[2]!).createWriter("data/half.lance");
await writer.write(new Uint8Array(1_000_000));
process.send!("half");
setInterval(() => writer, 1000);
