import type { Schema } from "apache-arrow";
import { LanceError } from "../errors.ts";
import type { Store } from "../store/store.ts";
import { findLatestManifest } from "../table/manifest/find-version.ts";
import { openSnapshot, type Snapshot } from "../table/snapshot.ts";
import { createTable } from "../write/create-table.ts";
import { type TabularData, toRecordBatches } from "../write/input/input.ts";
import { appendRows } from "../write/rows/append-rows.ts";
import { overwriteTable } from "../write/rows/overwrite-table.ts";
import type { WriteProgress } from "../write/write-fragments.ts";
import type { Dataset } from "./dataset.ts";
import { checkOpenOptions, type OpenDatasetOptions, openTableStore, wrapSnapshot } from "./open-dataset.ts";

/** How to write a table. */
export interface WriteDatasetOptions extends Omit<OpenDatasetOptions, "version" | "branch"> {
  /**
   * `create` (default) refuses an existing table; `append` adds to one, `overwrite` replaces columns and rows of one as
   * its next version; both create it where there is none.
   */
  readonly mode?: "create" | "append" | "overwrite" | undefined;
  /** Types of the columns. Needed for rows whose types cannot be told, and for no rows at all. */
  readonly schema?: Schema | undefined;
  /** Version of the data files: `2.1` (default of a new table) or `2.2`. An append keeps the table's. */
  readonly dataStorageVersion?: string | undefined;
  /** Rows of a new table keep their `_rowid` when updated and compacted. An existing table stays as it is. */
  readonly enableStableRowIds?: boolean | undefined;
  /** Rows of one data file, and so of one fragment. Default 1,048,576. */
  readonly maxRowsPerFile?: number | undefined;
  readonly maxBytesPerFile?: number | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

/**
 * Writes rows as a Lance table, streaming: memory is the pages being filled, whatever the number of rows.
 *
 * @param data an Arrow table, batches, IPC bytes, arrays of objects, or an (async) iterable of these
 * @throws ALREADY_EXISTS, SCHEMA_MISMATCH, DIMENSION_MISMATCH, UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED; nothing is left
 * @example
 * const notes = await writeDataset([{ id: 1, text: "hello", vector: [0.1, 0.2] }], "opfs://notes.lance");
 */
export async function writeDataset(
  data: TabularData,
  uriOrStore: string | Store,
  options: WriteDatasetOptions = {},
): Promise<Dataset> {
  checkOpenOptions(options, "writeDataset", WRITE_KEYS);
  const { mode = "create" } = options;
  if (mode !== "create" && mode !== "append" && mode !== "overwrite") {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `mode: expected "create", "append" or "overwrite", received ${JSON.stringify(mode)}`,
      { mode },
    );
  }
  const { store, uri } = await openTableStore(uriOrStore, options);
  const ownsStore = typeof uriOrStore === "string";
  try {
    const snapshot = await writeRows(store, uri, data, options);
    return wrapSnapshot(snapshot, store, ownsStore, options);
  } catch (error) {
    if (ownsStore) await store.close?.();
    throw error;
  }
}

async function writeRows(
  store: Store,
  uri: string,
  data: TabularData,
  options: WriteDatasetOptions,
): Promise<Snapshot> {
  const { mode = "create", schema, signal, onProgress, maxRowsPerFile, maxBytesPerFile } = options;
  const fileOptions = { maxRowsPerFile, maxBytesPerFile, onProgress, signal };
  if (mode !== "create" && (await findLatestManifest(store, { signal }))) {
    const standing = await openSnapshot(store, { uri, signal });
    if (mode === "overwrite") {
      const source = await toRecordBatches(data, { schema, signal });
      return overwriteTable(standing, source, { ...fileOptions, storageVersion: options.dataStorageVersion });
    }
    checkAppendVersion(standing, options.dataStorageVersion);
    return appendRows(standing, data, fileOptions);
  }
  const source = await toRecordBatches(data, { schema, signal });
  return createTable(store, source, {
    uri,
    storageVersion: options.dataStorageVersion,
    stableRowIds: options.enableStableRowIds,
    appendToExisting: mode === "append",
    ...fileOptions,
  });
}

const WRITE_KEYS: readonly (keyof WriteDatasetOptions)[] = [
  "mode",
  "schema",
  "dataStorageVersion",
  "enableStableRowIds",
  "maxRowsPerFile",
  "maxBytesPerFile",
  "onProgress",
];

/** New files of a table have the table's version. */
function checkAppendVersion(standing: Snapshot, wanted: string | undefined): void {
  if (wanted === undefined || wanted === standing.storageVersion) return;
  throw new LanceError(
    "INVALID_ARGUMENT",
    `dataStorageVersion: the table at ${standing.uri} has version ${standing.storageVersion}, received ${wanted}; leave it out to append`,
    { expected: standing.storageVersion, received: wanted },
  );
}
