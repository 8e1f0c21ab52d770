import { LanceError } from "../../errors.ts";
import type { DataFragment, Manifest } from "../../proto/gen/lance/table_pb.ts";
import { MAX_U32 } from "../fragment.ts";
import { FLAG_MIXED_FILE_VERSIONS } from "../manifest/feature-flags.ts";

/**
 * Checks the files of a fragment that is to become part of a version.
 *
 * @throws INVALID_ARGUMENT naming the file that does not fit: no rows, another file version, unknown field ids
 */
export function checkStaged(fragment: DataFragment, manifest: Manifest, fieldIds: ReadonlySet<number>): void {
  if (fragment.files.length === 0 || fragment.physicalRows < 1n || fragment.physicalRows > BigInt(MAX_U32)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `a new fragment has ${fragment.files.length} files and ${fragment.physicalRows} rows; it needs at least one file and one row`,
      { rows: fragment.physicalRows.toString() },
    );
  }
  const mixed = (manifest.writerFeatureFlags & FLAG_MIXED_FILE_VERSIONS) !== 0n;
  for (const file of fragment.files) {
    const version = `${file.fileMajorVersion}.${file.fileMinorVersion}`;
    if (!mixed && manifest.dataFormat?.version !== version) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `${file.path} is a Lance ${version} file; the table stores ${manifest.dataFormat?.version}. Write its new files in that version`,
        { path: file.path, version, expected: manifest.dataFormat?.version },
      );
    }
    const unknown = file.fields.filter((field) => field >= 0 && !fieldIds.has(field));
    if (unknown.length > 0 || file.fields.length !== file.columnIndices.length) {
      throw new LanceError(
        "INVALID_ARGUMENT",
        `${file.path} maps field ids ${file.fields.join(", ")} to ${file.columnIndices.length} columns; the table's schema lacks ${unknown.join(", ") || "none of them"}`,
        { path: file.path, unknown },
      );
    }
  }
}
