// Reads every column of every table named with the native client of LanceDB; prints the values as text, or the error.
import { connect } from "@lancedb/lancedb";
import { showValue } from "../../format-write/show-value.ts";

const [directory, ...names] = process.argv.slice(2);
const database = await connect(directory);
const answer = {};
for (const name of names) {
  const table = await database.openTable(name);
  const { fields } = await table.schema();
  const columns = {};
  for (const field of fields) {
    try {
      const read = (await table.query().select([field.name]).toArrow()).getChildAt(0);
      columns[field.name] = Array.from({ length: read.length }, (_, row) => showValue(read.get(row)));
    } catch (error) {
      columns[field.name] = String(error);
    }
  }
  answer[name] = columns;
}
process.stdout.write(JSON.stringify(answer));
