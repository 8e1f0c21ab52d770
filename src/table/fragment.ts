import { LanceError } from "../errors.ts";
import type { DataFragment, Manifest } from "../proto/gen/lance/table_pb.ts";

/** Row addresses and fragment bitmaps hold fragment ids and row offsets in 32 bits each. */
export const MAX_U32 = 0xffffffff;

/** A horizontal slice of a table: some data files of equal length, and the rows deleted from them since. */
export interface Fragment {
  readonly id: number;
  /** Rows in the files, deleted ones included. Row offsets run from 0 to this. */
  readonly physicalRows: number;
  readonly numDeletedRows: number;
  readonly numRows: number;
  readonly proto: DataFragment;
}

/**
 * The fragments of a manifest, ascending by id, each number checked before anything is sized by it.
 *
 * @throws CORRUPT, UNSUPPORTED (row counts not recorded, as before Lance 0.8)
 */
export function readFragments(manifest: Manifest): Fragment[] {
  const fragments = manifest.fragments.map(readFragment).sort((a, b) => a.id - b.id);
  for (let i = 1; i < fragments.length; i++) {
    const id = fragments[i]!.id;
    if (fragments[i - 1]!.id === id) {
      throw new LanceError("CORRUPT", `version ${manifest.version} names fragment ${id} twice`, { fragmentId: id });
    }
  }
  return fragments;
}

function readFragment(proto: DataFragment): Fragment {
  const id = toU32(proto.id, proto.id, "id");
  const physicalRows = toU32(proto.physicalRows, proto.id, "row count");
  const numDeletedRows = toU32(proto.deletionFile?.numDeletedRows ?? 0n, proto.id, "number of deleted rows");
  if (physicalRows === 0 && proto.files.length > 0) {
    throw new LanceError(
      "UNSUPPORTED",
      `fragment ${id} does not record its number of rows (written before Lance 0.8); rewrite the table with a current Lance`,
      { fragmentId: id },
    );
  }
  if (numDeletedRows > physicalRows) {
    throw new LanceError("CORRUPT", `fragment ${id} has ${physicalRows} rows, ${numDeletedRows} of them deleted`, {
      fragmentId: id,
      physicalRows,
      numDeletedRows,
    });
  }
  for (const file of proto.files) {
    if (file.fields.length !== file.columnIndices.length) {
      throw new LanceError(
        "CORRUPT",
        `fragment ${id}: data/${file.path} lists ${file.fields.length} fields and ${file.columnIndices.length} columns`,
        { fragmentId: id, path: file.path },
      );
    }
  }
  return { id, physicalRows, numDeletedRows, numRows: physicalRows - numDeletedRows, proto };
}

function toU32(value: bigint, fragmentId: bigint, what: string): number {
  if (value > BigInt(MAX_U32)) {
    throw new LanceError("CORRUPT", `fragment ${fragmentId} has a ${what} of ${value}, beyond 32 bits`, {
      fragmentId: fragmentId.toString(),
    });
  }
  return Number(value);
}
