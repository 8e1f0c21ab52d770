/** A column of lists of Parquet, by hyparquet. */
import { parquetMetadata, parquetReadObjects, parquetSchema } from "hyparquet";
import { compressors } from "hyparquet-compressors";

/** @returns `{ column, lists }`: the column wanted, or the first of lists */
export async function readListColumn(bytes, wanted) {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(file);
  const { children } = parquetSchema(metadata);
  const column = wanted ?? children.find(({ element }) => isNumericList(element, metadata))?.element.name;
  if (!column) throw new Error(`no column of lists among ${children.map(({ element }) => element.name).join(", ")}`);
  const rows = await parquetReadObjects({ file, metadata, columns: [column], compressors });
  return { column, lists: rows.map((row) => row[column]) };
}

function isNumericList({ name, converted_type: type, logical_type: logical }, { row_groups: groups }) {
  if (type !== "LIST" && logical?.type !== "LIST") return false;
  const column = groups[0]?.columns.find(({ meta_data: { path_in_schema: path } }) => path[0] === name);
  return column?.meta_data.type === "FLOAT" || column?.meta_data.type === "DOUBLE";
}
