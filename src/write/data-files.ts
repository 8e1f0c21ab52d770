import { create } from "@bufbuild/protobuf";
import type { WrittenFile } from "../format/write/file-writer.ts";
import { type DataFile, DataFileSchema, type DataFragment } from "../proto/gen/lance/table_pb.ts";

const DATA_DIRECTORY = "data";

/** A new data file's name. Lance's scheme (format page section 1.1): binary digits first, so that object stores spread the keys. */
export function createDataFileName(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const digits = Array.from(bytes, (byte, i) =>
    i < 3 ? byte.toString(2).padStart(8, "0") : byte.toString(16).padStart(2, "0"),
  );
  return `${digits.join("")}.lance`;
}

/** The path of a data file inside of the table. */
export function toDataPath(name: string): string {
  return `${DATA_DIRECTORY}/${name}`;
}

/** Files that hold larger blobs of a data file written here. A manifest does not name them: their folder is found by name. */
const blobFiles = new WeakMap<DataFile, readonly string[]>();

/** What the manifest says of a data file that was written under `name`. */
export function describeDataFile(name: string, file: WrittenFile): DataFile {
  const described = create(DataFileSchema, {
    path: name,
    fields: [...file.fieldIds],
    columnIndices: [...file.columnIndices],
    fileMajorVersion: file.majorVersion,
    fileMinorVersion: file.minorVersion,
    fileSizeBytes: BigInt(file.sizeBytes),
  });
  if (file.blobPaths.length > 0) blobFiles.set(described, file.blobPaths);
  return described;
}

/** The paths of data files that fragments name, as the store knows them; of files written here, their blobs' files too. */
export function listDataFiles(fragments: readonly DataFragment[]): string[] {
  return fragments.flatMap(({ files }) =>
    files.flatMap((file) => [toDataPath(file.path), ...(blobFiles.get(file) ?? [])]),
  );
}
