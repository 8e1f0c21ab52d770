import { LanceError } from "../../errors.ts";
import type { RowLayout } from "../../format/read/file.ts";
import type { LanceField } from "../../format/schema.ts";
import { mapBounded } from "../../tasks/settle-all.ts";
import { getFragment, type Snapshot } from "../snapshot.ts";
import { locateColumns } from "./fragment-columns.ts";

/** How rows of a column of one fragment are read. */
export interface FixedColumn {
  /** Names what is read: files are write-once, so it says all. */
  readonly key: string;
  readonly numRows: number;
  /** Where they lie one after another, just as Arrow holds them; `null`: they must be decoded. */
  readonly plain: { readonly path: string; readonly layout: RowLayout } | null;
}

/** Fragments looked up at once. */
const CONCURRENCY = 8;

const known = new WeakMap<Snapshot, Map<number, Map<number, FixedColumn>>>();

/**
 * How rows of a column are read, by fragment. Opens a fragment's file the first time; what it told is kept with the
 * snapshot.
 * @throws NOT_FOUND for an unknown fragment, CORRUPT, UNSUPPORTED, IO, ABORTED
 */
export async function locateFixedColumn(
  snapshot: Snapshot,
  field: LanceField,
  fragmentIds: ReadonlySet<number>,
  signal?: AbortSignal,
): Promise<ReadonlyMap<number, FixedColumn>> {
  const columns = getColumns(snapshot, field.id);
  const unknown = [...fragmentIds].filter((id) => !columns.has(id));
  if (unknown.length > 0) {
    await mapBounded(unknown, CONCURRENCY, async (id) => {
      columns.set(id, await findColumn(snapshot, field, id, signal));
    });
  }
  return columns;
}

function getColumns(snapshot: Snapshot, fieldId: number): Map<number, FixedColumn> {
  const byField = known.get(snapshot) ?? new Map<number, Map<number, FixedColumn>>();
  known.set(snapshot, byField);
  const columns = byField.get(fieldId) ?? new Map<number, FixedColumn>();
  byField.set(fieldId, columns);
  return columns;
}

async function findColumn(
  snapshot: Snapshot,
  field: LanceField,
  fragmentId: number,
  signal: AbortSignal | undefined,
): Promise<FixedColumn> {
  const fragment = getFragment(snapshot, fragmentId);
  const { files, scattered } = locateColumns(snapshot, fragment, [field]);
  const names = files.map(({ path, columns }) => `${path}:${columns[0]!.columnIndices.join(",")}`);
  const column = { key: names.join(" "), numRows: fragment.physicalRows, plain: null };
  const [only, ...more] = files;
  if (!only || more.length > 0 || scattered.size > 0) return column;
  const file = await snapshot.files.open(only.path, { sizeBytes: only.sizeBytes, signal });
  if (file.numRows !== fragment.physicalRows) {
    throw new LanceError(
      "CORRUPT",
      `${only.path} has ${file.numRows} rows, fragment ${fragmentId} is said to have ${fragment.physicalRows}`,
      { path: only.path, fragmentId },
    );
  }
  const layout = file.layoutRows(only.columns[0]!);
  return layout ? { ...column, plain: { path: only.path, layout } } : column;
}
