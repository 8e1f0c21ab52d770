import { LanceError } from "../../errors.ts";
import type { FileColumn } from "../../format/read/file.ts";
import { isLeafField } from "../../format/read/leaf-column.ts";
import type { LanceField } from "../../format/schema.ts";
import type { DataFile } from "../../proto/gen/lance/table_pb.ts";
import { resolveBasePath } from "../base-paths.ts";
import type { Fragment } from "../fragment.ts";
import type { Snapshot } from "../snapshot.ts";

/** Columns to read from one data file, and where each goes in the answer. */
export interface FileColumns {
  readonly path: string;
  /** `undefined` where the manifest does not record it. */
  readonly sizeBytes: number | undefined;
  /** The requested fields, or the parts of them this file holds. */
  readonly columns: readonly FileColumn[];
  /** Position of each column among the requested fields. */
  readonly positions: readonly number[];
}

/** Where the requested fields of a fragment lie. Fields in no file are all null. */
export interface FragmentColumns {
  readonly files: readonly FileColumns[];
  readonly missing: readonly number[];
  /** Positions of fields whose leaves lie in several files, or of which some lie in none. */
  readonly scattered: ReadonlySet<number>;
}

/**
 * Finds the data file and columns of each field. From file version 2.1 on a data file lists leaf ids only, each with
 * its column; in 2.0 every node of the tree has one. Negative ids are tombstones and hidden columns.
 *
 * @param fields top-level fields, or projected trees of them
 * @throws CORRUPT when a file's recorded size is beyond 2^53
 */
export function locateColumns(
  snapshot: Pick<Snapshot, "manifest" | "uri">,
  fragment: Fragment,
  fields: readonly LanceField[],
): FragmentColumns {
  const tables = fragment.proto.files.map((file) => ({ file, columns: mapColumns(file) }));
  const perFile = tables.map(() => ({ columns: [] as FileColumn[], positions: [] as number[] }));
  const missing: number[] = [];
  const scattered = new Set<number>();
  fields.forEach((field, position) => {
    let numHolders = 0;
    for (const [i, table] of tables.entries()) {
      const column = locateIn(table.file, table.columns, field);
      if (column === undefined) continue;
      numHolders++;
      perFile[i]!.columns.push(column);
      perFile[i]!.positions.push(position);
      if (numHolders > 1 || column.field !== field) scattered.add(position);
    }
    if (numHolders === 0) missing.push(position);
  });
  const files = tables.flatMap(({ file }, i) => {
    const { columns, positions } = perFile[i]!;
    if (columns.length === 0) return [];
    const sizeBytes = toSize(file);
    return [{ path: resolveBasePath(snapshot, "data", file.path, file.baseId), sizeBytes, columns, positions }];
  });
  return { files, missing, scattered };
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

/** The field as far as a file holds it: the same object when it holds all of it, nothing when it holds none. */
function locateIn(file: DataFile, columns: ReadonlyMap<number, number>, root: LanceField): FileColumn | undefined {
  const everyNode = file.fileMajorVersion === 2 && file.fileMinorVersion === 0;
  const columnIndices: number[] = [];
  const visit = (node: LanceField): LanceField | undefined => {
    const index = columns.get(node.id);
    if (isLeafField(node)) {
      if (index !== undefined) columnIndices.push(index);
      return index === undefined ? undefined : node;
    }
    const at = columnIndices.length;
    // In 2.0 lists and structs have a column, which comes before those of their fields.
    if (everyNode) columnIndices.push(index ?? NO_COLUMN);
    const children = node.children.flatMap((child) => visit(child) ?? []);
    if (children.length === 0) {
      columnIndices.length = at;
      return undefined;
    }
    const isWhole =
      children.length === node.children.length && children.every((child, i) => child === node.children[i]);
    return isWhole ? node : { ...node, children };
  };
  const field = visit(root);
  return field === undefined ? undefined : { field, columnIndices };
}

/** A struct of a 2.0 file that has only fields there. */
const NO_COLUMN = -1;
