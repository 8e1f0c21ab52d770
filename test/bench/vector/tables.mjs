/** The tables of a run: one base table, of which each index has a copy that shares its data files. */
import { cpSync, linkSync, mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { Field, FixedSizeList, Float32, makeData, RecordBatch, Schema, Struct, Table } from "apache-arrow";
import { loadPackage } from "../support.mjs";

const FRAGMENTS = 4;
const COLUMN = "vector";

/** Rows of each fragment but the last. */
export function countFragmentRows(rows) {
  return Math.ceil(rows / FRAGMENTS);
}

/** Writes the vectors as the f32 column "vector" of a table without an index. */
export async function writeTable(path, { vectors, dimension }) {
  const { writeDataset } = await loadPackage();
  const rows = vectors.length / dimension;
  const fragmentRows = countFragmentRows(rows);
  const item = new Field("item", new Float32(), true);
  const schema = new Schema([new Field(COLUMN, new FixedSizeList(dimension, item), false)]);
  for (let start = 0; start < rows; start += fragmentRows) {
    const length = Math.min(fragmentRows, rows - start);
    const data = vectors.slice(start * dimension, (start + length) * dimension);
    const child = makeData({ type: item.type, length: data.length, nullCount: 0, data });
    const lists = makeData({ type: schema.fields[0].type, length, nullCount: 0, child });
    const struct = makeData({ type: new Struct(schema.fields), length, nullCount: 0, children: [lists] });
    const table = new Table([new RecordBatch(schema, struct)]);
    const dataset = await writeDataset(table, path, { mode: start === 0 ? "create" : "append" });
    await dataset.close();
  }
}

/** A table of its own with the same rows: data files are never written twice, so they are linked. */
export function cloneTable(from, to) {
  rmSync(to, { recursive: true, force: true });
  cpSync(from, to, { recursive: true, filter: (source) => !source.startsWith(join(from, "data")) });
  mkdirSync(join(to, "data"));
  for (const name of readdirSync(join(from, "data"))) linkSync(join(from, "data", name), join(to, "data", name));
}

/** Bytes of all index files of a table. */
export function countIndexBytes(path) {
  const folder = join(path, "_indices");
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, { parentPath, name }) => sum + statSync(join(parentPath, name)).size, 0);
}

/** Row numbers of the run from row addresses: fragment × 2³² + offset. */
export function addressesToRows(addresses, fragmentRows) {
  return Array.from(addresses, (address) => Number(address >> 32n) * fragmentRows + Number(address & 0xffffffffn));
}
