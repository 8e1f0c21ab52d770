import { openDataset } from "../../src/entry-node.ts";
import { commitRows } from "../conformance/interleaved.ts";

/** Appends rows one by one to a table that others write to as well. */
const [folder, count, writer] = process.argv.slice(2) as [string, string, string];
const dataset = await openDataset(folder);
await commitRows(dataset, writer, Number(count));
await dataset.close();
