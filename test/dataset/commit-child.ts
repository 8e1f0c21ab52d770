import { openDataset } from "../../src/entry-node.ts";

/** Appends rows one by one to a table that others write to as well. */
const [folder, count, writer] = process.argv.slice(2) as [string, string, string];
const dataset = await openDataset(folder);
const { schema } = dataset;
const wide = schema.fields.length > 1;
for (let i = 0; i < Number(count); i++) await dataset.insert([wide ? { writer, i } : { id: i }]);
await dataset.close();
