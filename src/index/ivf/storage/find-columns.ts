import { LanceError } from "../../../errors.ts";
import { type FileColumn, fileColumns, type LanceFile } from "../../../format/read/file.ts";

/**
 * Columns of a storage file, which may have them in any order and others beside them.
 * @param expected `name: type` of each column wanted, then of those that may stand in for it
 * @throws CORRUPT where one is missing
 */
export function findColumns(file: LanceFile, expected: readonly (readonly string[])[]): FileColumn[] {
  const all = new Map(fileColumns(file).map((column) => [`${column.field.name}: ${column.field.logicalType}`, column]));
  const found = expected.flatMap((names) => all.get(names.find((name) => all.has(name)) ?? "") ?? []);
  if (found.length === expected.length) return found;
  const [wanted, received] = [expected.map((names) => names.join(" or ")).join(", "), [...all.keys()].join(", ")];
  throw new LanceError("CORRUPT", `${file.path}: expected columns ${wanted}; received ${received}`, {
    path: file.path,
    expected: wanted,
    received,
  });
}
