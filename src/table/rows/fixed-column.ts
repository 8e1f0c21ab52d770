import { LanceError } from "../../errors.ts";
import type { RowLayout } from "../../format/read/file.ts";
import type { LanceField } from "../../format/schema.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { locateColumns } from "./fragment-columns.ts";

/** A column of one fragment whose rows lie in a file one after another, just as Arrow holds them. */
export interface FixedColumn {
  readonly path: string;
  readonly columnIndex: number;
  readonly numRows: number;
  readonly layout: RowLayout;
}

/** Fragments looked up at once. */
const CONCURRENCY = 8;

const known = new WeakMap<Snapshot, Map<number, Map<number, FixedColumn | null>>>();

/**
 * Where the rows of a column lie, by fragment. Opens a fragment's file the first time; what it told is kept with the
 * snapshot.
 *
 * @returns nothing where a fragment has the column in another way: compressed, with NULLs, in several files, in none
 * @throws NOT_FOUND for an unknown fragment, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function locateFixedColumn(
  snapshot: Snapshot,
  field: LanceField,
  fragmentIds: ReadonlySet<number>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, FixedColumn> | undefined> {
  const columns = getColumns(snapshot, field.id);
  const unknown = [...fragmentIds].filter((id) => !columns.has(id));
  if (unknown.length > 0) {
    await mapBounded(unknown, CONCURRENCY, async (id) => {
      columns.set(id, (await findColumn(snapshot, field, id, signal)) ?? null);
    });
  }
  for (const id of fragmentIds) if (columns.get(id) === null) return undefined;
  return columns as ReadonlyMap<number, FixedColumn>;
}

function getColumns(snapshot: Snapshot, fieldId: number): Map<number, FixedColumn | null> {
  const byField = known.get(snapshot) ?? new Map<number, Map<number, FixedColumn | null>>();
  known.set(snapshot, byField);
  const columns = byField.get(fieldId) ?? new Map<number, FixedColumn | null>();
  byField.set(fieldId, columns);
  return columns;
}

async function findColumn(
  snapshot: Snapshot,
  field: LanceField,
  fragmentId: number,
  signal: AbortSignal | undefined,
): Promise<FixedColumn | undefined> {
  const fragment = getFragment(snapshot, fragmentId);
  const { files, scattered } = locateColumns(snapshot, fragment, [field]);
  const [only, ...more] = files;
  if (!only || more.length > 0 || scattered.size > 0) return undefined;
  const { path, sizeBytes, columns } = only;
  const file = await snapshot.files.open(path, { sizeBytes, signal });
  if (file.numRows !== fragment.physicalRows) {
    throw new LanceError(
      "CORRUPT",
      `${path} has ${file.numRows} rows, fragment ${fragmentId} is said to have ${fragment.physicalRows}`,
      { path, fragmentId },
    );
  }
  const [column] = columns;
  const [columnIndex, ...others] = column!.columnIndices;
  const layout = others.length === 0 ? file.layoutRows(column!) : undefined;
  return layout && { path, columnIndex: columnIndex!, numRows: file.numRows, layout };
}
