/** Parquet by duckdb-wasm and by hyparquet. */
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { createDuckDB, NODE_RUNTIME, VoidLogger } from "@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs";
import { parquetMetadata, parquetRead } from "hyparquet";
import { compressors } from "hyparquet-compressors";

const FILE = "data.parquet";

/** A DuckDB in this thread. */
export async function openDuck() {
  const folder = dirname(createRequire(import.meta.url).resolve("@duckdb/duckdb-wasm/dist/duckdb-node-blocking.cjs"));
  const bundle = (name) => ({
    mainModule: join(folder, `duckdb-${name}.wasm`),
    mainWorker: join(folder, `duckdb-node-${name}.worker.cjs`),
  });
  const database = await createDuckDB({ mvp: bundle("mvp"), eh: bundle("eh") }, new VoidLogger(), NODE_RUNTIME);
  await database.instantiate(() => {});
  const connection = database.connect();
  return {
    /** Makes the Parquet bytes what the other calls read. */
    load(bytes) {
      database.registerFileBuffer(FILE, bytes);
    },
    /** @returns Arrow IPC bytes of some columns */
    read(columns = "*") {
      return database.runQuery(connection._conn ?? connection.conn, `SELECT ${columns} FROM '${FILE}'`);
    },
    /** Parquet (zstd) of an Arrow IPC stream. */
    write(ipc) {
      connection.insertArrowFromIPCStream(ipc, { name: "source", create: true });
      connection.query(`COPY source TO 'out.parquet' (FORMAT PARQUET, COMPRESSION ZSTD)`);
      return database.copyFileToBuffer("out.parquet");
    },
  };
}

/** Reads Parquet bytes with hyparquet, a column at a time, without assembling rows. */
export async function readWithHyparquet(bytes, columns) {
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const metadata = parquetMetadata(file);
  let chunks = 0;
  await parquetRead({ file, metadata, columns, compressors, onChunk: () => chunks++ });
  return chunks;
}
