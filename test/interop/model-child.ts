import { workerData } from "node:worker_threads";
import { openDataset } from "../../src/entry-node.ts";
import { type ModelWriterOptions, runModelWriter } from "../conformance/model-writer.ts";

/** One writer of the model test, as a thread or as a process of its own. */
const { folder, ...options } = (workerData ?? JSON.parse(process.argv[2]!)) as ModelWriterOptions & { folder: string };
const dataset = await openDataset(folder, { version: 1 });
const log = await runModelWriter(dataset, options);
await dataset.close();
process.stdout.write(`\n${JSON.stringify(log)}\n`);
