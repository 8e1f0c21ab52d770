import { LanceError } from "../errors.ts";
import type { FileColumn } from "../format/read/file.ts";
import type { LanceField } from "../format/schema.ts";
import type { DataFile } from "../proto/gen/lance/table_pb.ts";
import { resolveBasePath } from "./base-paths.ts";
import type { Fragment } from "./fragment.ts";
import type { Snapshot } from "./snapshot.ts";

/** Columns to read from one data file, and where each goes in the answer. */
export interface FileColumns {
  readonly path: string;
  /** `undefined` where the manifest does not record it. */
  readonly sizeBytes: number | undefined;
  readonly columns: readonly FileColumn[];
  /** Position of each column among the requested fields. */
  readonly positions: readonly number[];
}

/** Where the requested fields of a fragment lie. Fields in no file are all null. */
export interface FragmentColumns {
  readonly files: readonly FileColumns[];
  readonly missing: readonly number[];
}

/**
 * Finds the data file and columns of each field. From file version 2.1 on a data file lists leaf ids only, each with
 * its column; in 2.0 every node of the tree has one. Negative ids are tombstones and hidden columns.
 *
 * @param fields top-level fields, or projected trees of them
 * @throws UNSUPPORTED when one field's leaves are spread over several files, CORRUPT
 */
export function locateColumns(
  snapshot: Pick<Snapshot, "manifest" | "uri">,
  fragment: Fragment,
  fields: readonly LanceField[],
): FragmentColumns {
  const tables = fragment.proto.files.map((file) => ({ file, columns: mapColumns(file) }));
  const perFile = tables.map(() => ({ columns: [] as FileColumn[], positions: [] as number[] }));
  const missing: number[] = [];
  fields.forEach((field, position) => {
    const hits = tables.map((table) => locateIn(table.file, table.columns, field));
    const holders = hits.flatMap((hit, i) => (hit.found > 0 ? [i] : []));
    const holder = holders[0];
    if (holder === undefined) {
      missing.push(position);
      return;
    }
    const hit = hits[holder]!;
    if (holders.length > 1 || hit.found < hit.wanted) {
      throw new LanceError(
        "UNSUPPORTED",
        `fragment ${fragment.id} stores parts of "${field.name}" (${field.logicalType}) in ${holders.length} files, or lacks some of them; nested columns that changed shape cannot be read yet`,
        { fragmentId: fragment.id, field: field.name, files: holders.map((i) => tables[i]!.file.path) },
      );
    }
    perFile[holder]!.columns.push({ field, columnIndices: hit.indices });
    perFile[holder]!.positions.push(position);
  });
  const files = tables.flatMap(({ file }, i) => {
    const { columns, positions } = perFile[i]!;
    if (columns.length === 0) return [];
    const sizeBytes = toSize(file);
    return [{ path: resolveBasePath(snapshot, "data", file.path, file.baseId), sizeBytes, columns, positions }];
  });
  return { files, missing };
}

function toSize(file: DataFile): number | undefined {
  if (file.fileSizeBytes === 0n) return undefined;
  if (file.fileSizeBytes > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new LanceError("CORRUPT", `data/${file.path} is said to have ${file.fileSizeBytes} bytes`, {
      path: file.path,
    });
  }
  return Number(file.fileSizeBytes);
}

function mapColumns(file: DataFile): Map<number, number> {
  const columns = new Map<number, number>();
  file.fields.forEach((field, i) => {
    const index = file.columnIndices[i]!;
    if (field >= 0 && index >= 0) columns.set(field, index);
  });
  return columns;
}

function locateIn(file: DataFile, columns: ReadonlyMap<number, number>, field: LanceField) {
  const everyNode = file.fileMajorVersion === 2 && file.fileMinorVersion === 0;
  const indices: number[] = [];
  let wanted = 0;
  const visit = (node: LanceField) => {
    const index = columns.get(node.id);
    // A node with a column of its own is a leaf as far as the file goes, packed structs and blobs included.
    if (everyNode || index !== undefined || node.children.length === 0) {
      wanted++;
      if (index !== undefined) indices.push(index);
      if (!everyNode) return;
    }
    for (const child of node.children) visit(child);
  };
  visit(field);
  return { wanted, found: indices.length, indices };
}
