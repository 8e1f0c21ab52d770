import { create } from "@bufbuild/protobuf";
import type { RecordBatch } from "apache-arrow";
import { LanceError, throwIfAborted } from "../errors.ts";
import type { LanceSchema } from "../format/schema.ts";
import { createLanceFileWriter } from "../format/write/create-file-writer.ts";
import type { LanceFileVersion, LanceFileWriter, WrittenFile } from "../format/write/file-writer.ts";
import { type DataFragment, DataFragmentSchema } from "../proto/gen/lance/table_pb.ts";
import type { Store } from "../store/store.ts";
import { deleteQuietly } from "../table/commit/publish.ts";
import { createGiveWay } from "../tasks/give-way.ts";
import { callGuarded } from "../tasks/guard-callback.ts";
import { createDataFileName, describeDataFile, toDataPath } from "./data-files.ts";

/** How far a write is. */
export interface WriteProgress {
  readonly rows: number;
  /** Bytes of finished files, and of the one being written so far. */
  readonly bytes: number;
  /** Finished files. */
  readonly files: number;
}

/** How rows are cut into data files. */
export interface WriteFragmentsOptions {
  readonly schema: LanceSchema;
  readonly version: LanceFileVersion;
  /** 1,048,576 unless told, as native. */
  readonly maxRowsPerFile?: number | undefined;
  /** About 90 GiB unless told, as native; a file ends with the piece of 8,192 rows that passes it. */
  readonly maxBytesPerFile?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: WriteProgress) => void) | undefined;
}

const DEFAULT_MAX_ROWS = 1024 * 1024;
const DEFAULT_MAX_BYTES = 90 * 1024 ** 3;
/** Rows between two looks at the size, the signal, the progress and the event loop. */
const PIECE_ROWS = 8192;

/**
 * Writes batches as data files of a table, one fragment each; the commit gives them ids. When it fails, nothing is
 * left: finished files are deleted, best-effort. Gives the event loop a turn between pieces.
 *
 * @returns fragments with id 0; none when there are no rows
 * @throws SCHEMA_MISMATCH, DIMENSION_MISMATCH, UNSUPPORTED, INVALID_ARGUMENT, QUOTA_EXCEEDED, IO, ABORTED
 */
export async function writeFragments(
  store: Store,
  batches: AsyncIterable<RecordBatch>,
  options: WriteFragmentsOptions,
): Promise<DataFragment[]> {
  const maxRows = checkLimit("maxRowsPerFile", options.maxRowsPerFile ?? DEFAULT_MAX_ROWS);
  const maxBytes = checkLimit("maxBytesPerFile", options.maxBytesPerFile ?? DEFAULT_MAX_BYTES);
  const { schema, version, signal, onProgress } = options;
  const finished: { name: string; file: WrittenFile }[] = [];
  let current: { name: string; writer: LanceFileWriter } | undefined;
  const giveWay = createGiveWay(signal);
  let rows = 0;
  let finishedBytes = 0;
  const closeFile = async () => {
    if (!current) return;
    const file = await current.writer.finish();
    finished.push({ name: current.name, file });
    finishedBytes += file.sizeBytes;
    current = undefined;
  };
  try {
    for await (const batch of batches) {
      for (let row = 0; row < batch.numRows; ) {
        await giveWay();
        if (!current) {
          const name = createDataFileName();
          current = {
            name,
            writer: await createLanceFileWriter(store, toDataPath(name), { schema, version, signal }),
          };
        }
        const count = Math.min(batch.numRows - row, PIECE_ROWS, maxRows - current.writer.numRows);
        await current.writer.write(count === batch.numRows ? batch : (batch.slice(row, row + count) as RecordBatch));
        row += count;
        rows += count;
        if (current.writer.numRows >= maxRows || current.writer.sizeBytes >= maxBytes) await closeFile();
        callGuarded("onProgress", onProgress, {
          rows,
          bytes: finishedBytes + (current?.writer.sizeBytes ?? 0),
          files: finished.length,
        });
      }
    }
    throwIfAborted(signal);
    await closeFile();
    if (rows > 0) callGuarded("onProgress", onProgress, { rows, bytes: finishedBytes, files: finished.length });
  } catch (error) {
    await current?.writer.abort().catch(() => undefined);
    const debris = finished.flatMap(({ file }) => [file.path, ...file.blobPaths]);
    await deleteQuietly(store, debris);
    throw error;
  }
  return finished.map(({ name, file }) => describeFragment(name, file));
}

export { listDataFiles } from "./data-files.ts";

function describeFragment(name: string, file: WrittenFile): DataFragment {
  return create(DataFragmentSchema, { physicalRows: BigInt(file.numRows), files: [describeDataFile(name, file)] });
}

function checkLimit(name: string, value: number): number {
  if (value >= 1 && !Number.isNaN(value)) return Math.floor(value);
  throw new LanceError("INVALID_ARGUMENT", `${name}: expected a number of at least 1, received ${value}`, {
    [name]: value,
  });
}
