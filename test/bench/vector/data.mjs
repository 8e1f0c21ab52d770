/** The vectors and queries of a run: a Lance table, Parquet, raw matrices, or the bundled table. */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { createRandom, loadPackage } from "../support.mjs";

/** `name-384.f16`: row-major numbers, the dimension in the name. */
const MATRIX = /-(\d+)\.(f16|f32)$/;

/**
 * @param path  a folder with `_versions` (a Lance table), a `.parquet` file with a column of lists, a matrix
 *   (`NAME-DIMENSION.f16` or `.f32`), or a folder of matrices; there `queries-…` of the same ending are the queries
 * @param wanted  `column` (default: the first of lists), `dimension` (of a folder's matrices; default: the largest),
 *   `rows` and `queries` at most; without stored queries some rows are held out
 * @returns vectors and queries, row-major f32
 */
export async function loadData(path, wanted) {
  const source = await loadSource(path, wanted);
  if (!(source.dimension > 0) || source.vectors.length === 0) throw new Error(`${path}: no vectors found`);
  return source.queries ? cut(source, wanted) : holdOut(source, wanted);
}

async function loadSource(path, { column, dimension }) {
  if (!existsSync(path)) throw new Error(`${path} does not exist: give a Lance table, Parquet, a matrix or a folder`);
  if (!statSync(path).isDirectory()) {
    if (path.endsWith(".parquet")) return readParquet(path, column);
    return readMatrix(path);
  }
  if (existsSync(join(path, "_versions"))) return readLance(path, column);
  const names = readdirSync(path).filter((name) => MATRIX.test(name));
  const tables = names.filter((name) => !name.startsWith("queries") && (!dimension || dimensionOf(name) === dimension));
  const [name] = tables.sort((a, b) => dimensionOf(b) - dimensionOf(a) || (a < b ? -1 : 1));
  if (name === undefined) {
    const parquet = readdirSync(path).find((each) => each.endsWith(".parquet"));
    if (parquet) return readParquet(join(path, parquet), column);
    throw new Error(`${path}: expected a Lance table, Parquet, or matrices NAME-DIMENSION.f16 or .f32`);
  }
  const queries = `queries${name.slice(name.indexOf("-"))}`;
  const source = readMatrix(join(path, name));
  return names.includes(queries) ? { ...source, queries: readMatrix(join(path, queries)).vectors } : source;
}

function dimensionOf(name) {
  return Number(MATRIX.exec(name)[1]);
}

function readMatrix(path) {
  if (!MATRIX.test(path)) throw new Error(`${path}: expected a name like packages-384.f16 or packages-128.f32`);
  const bytes = readFileSync(path);
  const dimension = dimensionOf(path);
  const width = path.endsWith(".f16") ? 2 : 4;
  const buffer = bytes.buffer.slice(
    bytes.byteOffset,
    bytes.byteOffset + bytes.length - (bytes.length % (width * dimension)),
  );
  const vectors = width === 2 ? widenHalves(new Uint16Array(buffer)) : new Float32Array(buffer);
  return { name: basename(path), vectors, dimension };
}

function widenHalves(halves) {
  const table = new Float32Array(65_536);
  for (let bits = 0; bits < 65_536; bits++) {
    const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
    const size =
      exponent === 0
        ? fraction * 2 ** -24
        : exponent === 31
          ? fraction
            ? Number.NaN
            : Number.POSITIVE_INFINITY
          : (1 + fraction / 1024) * 2 ** (exponent - 15);
    table[bits] = bits & 0x8000 ? -size : size;
  }
  const floats = new Float32Array(halves.length);
  for (let i = 0; i < halves.length; i++) floats[i] = table[halves[i]];
  return floats;
}

async function readParquet(path, wanted) {
  const { readListColumn } = await import("../peers/parquet-vectors.mjs");
  const { column, lists } = await readListColumn(readFileSync(path), wanted);
  const dimension = lists[0]?.length ?? 0;
  const vectors = new Float32Array(lists.length * dimension);
  for (const [row, list] of lists.entries()) {
    if (list?.length !== dimension) throw new Error(`${path}: row ${row} of "${column}" is not ${dimension} numbers`);
    vectors.set(list, row * dimension);
  }
  return { name: `${basename(path)} "${column}"`, vectors, dimension };
}

async function readLance(path, wanted) {
  const { openDataset } = await loadPackage();
  const dataset = await openDataset(path);
  try {
    const field = dataset.schema.fields.find(({ name, type }) => (wanted ? name === wanted : type.listSize > 0));
    if (!field?.type.listSize) throw new Error(`${path}: no column ${wanted ? `"${wanted}" ` : ""}of fixed-size lists`);
    const dimension = field.type.listSize;
    const table = await dataset.scanner({ columns: [field.name] }).toTable();
    const vectors = new Float32Array(table.numRows * dimension);
    let at = 0;
    for (const { children, length, offset } of table.getChild(field.name).data) {
      const values = children[0].values.subarray(offset * dimension, (offset + length) * dimension);
      const halves = field.type.children[0].type.precision === 0;
      vectors.set(halves ? widenHalves(values) : values, at);
      at += length * dimension;
    }
    return { name: `${basename(path)} "${field.name}"`, vectors, dimension };
  } finally {
    await dataset.close();
  }
}

function cut({ name, vectors, dimension, queries }, wanted) {
  const [rows, asked] = [wanted.rows ?? Number.POSITIVE_INFINITY, wanted.queries];
  return {
    name,
    dimension,
    vectors: vectors.slice(0, Math.min(rows * dimension, vectors.length)),
    queries: queries.slice(0, Math.min(asked * dimension, queries.length)),
  };
}

/** Rows drawn at random become the queries and leave the table. */
function holdOut({ name, vectors, dimension }, wanted) {
  const rows = vectors.length / dimension;
  const numQueries = Math.min(wanted.queries, Math.floor(rows / 10));
  const order = Uint32Array.from({ length: rows }, (_, i) => i);
  const random = createRandom(20261121);
  for (let i = 0; i < numQueries; i++) {
    const other = i + Math.floor(random() * (rows - i));
    [order[i], order[other]] = [order[other], order[i]];
  }
  const pick = (picked) => {
    const taken = new Float32Array(picked.length * dimension);
    for (const [i, row] of picked.entries())
      taken.set(vectors.subarray(row * dimension, (row + 1) * dimension), i * dimension);
    return taken;
  };
  const kept = order
    .slice(numQueries)
    .sort()
    .slice(0, wanted.rows ?? rows);
  return { name, dimension, vectors: pick(kept), queries: pick(order.slice(0, numQueries)) };
}
