import { toBinary } from "@bufbuild/protobuf";
import { DataFileSchema, type DataFragment, DeletionFileSchema } from "../../proto/gen/lance/table_pb.ts";
import { hasSameBytes } from "../../same-bytes.ts";

/** Whether two states of a fragment have the same data files, to the byte. */
export function sameFiles(a: DataFragment, b: DataFragment): boolean {
  return (
    a.files.length === b.files.length &&
    a.files.every((file, i) => hasSameBytes(toBinary(DataFileSchema, file), toBinary(DataFileSchema, b.files[i]!)))
  );
}

/** Whether two states of a fragment have the same rows deleted: by the file's name, since a new file replaces it. */
export function sameDeletions(a: DataFragment, b: DataFragment): boolean {
  const left = a.deletionFile;
  const right = b.deletionFile;
  if (left === undefined || right === undefined) return left === right;
  return hasSameBytes(toBinary(DeletionFileSchema, left), toBinary(DeletionFileSchema, right));
}

/** Whether some fields still lie in the same columns of the same files. */
export function sameColumns(a: DataFragment, b: DataFragment, fields: readonly number[]): boolean {
  const locate = (fragment: DataFragment, field: number) =>
    fragment.files
      .filter((file) => file.fields.includes(field))
      .map((file) => `${file.baseId ?? ""}:${file.path}:${file.columnIndices[file.fields.indexOf(field)]}`)
      .join();
  return fields.every((field) => locate(a, field) === locate(b, field));
}
