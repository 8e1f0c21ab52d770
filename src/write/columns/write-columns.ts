import { clone } from "@bufbuild/protobuf";
import type { RecordBatch } from "apache-arrow";
import type { LanceField } from "../../format/schema.ts";
import { createLanceFileWriter } from "../../format/write/create-file-writer.ts";
import type { LanceFileWriter } from "../../format/write/file-writer.ts";
import { type DataFragment, DataFragmentSchema } from "../../proto/gen/lance/table_pb.ts";
import { readAhead } from "../../query/read-ahead.ts";
import type { Store } from "../../store/store.ts";
import { deleteQuietly } from "../../table/commit/publish.ts";
import type { Fragment } from "../../table/fragment.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { checkStorageVersion } from "../create-table.ts";
import { createDataFileName, describeDataFile, toDataPath } from "../data-files.ts";

/** New columns of all fragments, in files of their own beside the old ones; no version names them yet. */
export interface WrittenColumns {
  readonly fragments: DataFragment[];
  /** Files written, to be removed when the commit fails. */
  readonly paths: readonly string[];
}

/** Columns to be written. */
export interface ColumnsToWrite {
  /** With their ids; asked when the first rows are there, since a function's results may tell them. */
  fields(): readonly LanceField[];
  /** One batch after another, every physical row of the fragment. */
  makeBatches(fragment: Fragment): AsyncIterable<RecordBatch>;
  /** Whether fragments must be made one after another. Default false. */
  readonly inOrder?: boolean | undefined;
  readonly signal?: AbortSignal | undefined;
  /** After each fragment. */
  onFragment?(done: number): void;
}

/** Small fragments under way at once: a disk's or host's latency, not the work, is what each of them takes. */
const WIDTH = 16;
/** Bytes of the files of fragments under way at most, little beside any memory budget; a larger fragment goes alone. */
const BYTES_UNDER_WAY = 256 * 1024;

/**
 * Writes columns to one new data file for each fragment, several at once where they are small. Memory is the pages being
 * filled, of one large fragment or of 256 KiB of small ones. When it fails, nothing is left.
 *
 * @throws SCHEMA_MISMATCH, UNSUPPORTED, QUOTA_EXCEEDED, IO, ABORTED, and what `makeBatches` throws
 */
export async function writeColumns(snapshot: Snapshot, store: Store, columns: ColumnsToWrite): Promise<WrittenColumns> {
  const fragments: DataFragment[] = [];
  const paths: string[] = [];
  const write = async (fragment: Fragment): Promise<DataFragment> => {
    const name = createDataFileName();
    const file = await writeFragmentColumns(snapshot, store, { fragment, path: toDataPath(name), columns });
    paths.push(file.path, ...file.blobPaths);
    const extended = clone(DataFragmentSchema, fragment.proto);
    extended.files.push(describeDataFile(name, file));
    return extended;
  };
  try {
    const written = readAhead(snapshot.fragments, write, {
      width: columns.inOrder === true ? 1 : WIDTH,
      maxBytes: BYTES_UNDER_WAY,
      sizeOf: (fragment) => estimateBytes(fragment) ?? BYTES_UNDER_WAY,
    });
    for await (const extended of written) {
      fragments.push(extended);
      columns.onFragment?.(fragments.length);
    }
  } catch (error) {
    await deleteQuietly(store, paths);
    throw error;
  }
  return { fragments, paths };
}

/** Bytes of a fragment's files; `undefined` where the manifest does not say. */
function estimateBytes({ proto }: Fragment): number | undefined {
  const sizes = proto.files.map(({ fileSizeBytes }) => Number(fileSizeBytes));
  return sizes.every((size) => size > 0) ? sizes.reduce((sum, size) => sum + size, 0) : undefined;
}

async function writeFragmentColumns(
  snapshot: Snapshot,
  store: Store,
  { fragment, path, columns }: { fragment: Fragment; path: string; columns: ColumnsToWrite },
) {
  const { signal } = columns;
  const version = checkStorageVersion(snapshot.storageVersion);
  let writer: LanceFileWriter | undefined;
  try {
    for await (const batch of columns.makeBatches(fragment)) {
      writer ??= await createLanceFileWriter(store, path, {
        schema: { fields: columns.fields(), metadata: {} },
        version,
        signal,
      });
      await writer.write(batch);
    }
    return await writer!.finish();
  } catch (error) {
    await writer?.abort().catch(() => undefined);
    throw error;
  }
}
