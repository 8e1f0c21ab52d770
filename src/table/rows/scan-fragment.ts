import type { Data, RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { toScanField } from "../../format/blob-field.ts";
import type { RowSelection } from "../../format/read/row-ranges.ts";
import type { LanceField } from "../../format/schema.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import type { Fragment } from "../fragment.ts";
import type { Snapshot } from "../snapshot.ts";
import { locateColumns } from "./fragment-columns.ts";
import { type FieldPart, mergeData } from "./merge-data.ts";
import { createNullData } from "./null-data.ts";
import { arrowSchemaOf, makeBatch } from "./record-batches.ts";

/** How rows of a fragment are read. */
export interface ScanOptions {
  /** Most rows in a batch. */
  readonly batchRows?: number;
  readonly signal?: AbortSignal | undefined;
  /** Batches may be views of bytes that others read too: not to be written to, transferred or kept. */
  readonly borrow?: boolean | undefined;
}

/** Rows of a batch where the caller asks for no number; native's. */
export const DEFAULT_BATCH_ROWS = 8192;

/**
 * Physical rows of one fragment, deleted ones included, columns joined from its data files. A field that is in no
 * file of the fragment is all null. Reads what the plan of each file says; files are opened once per table. Gives the
 * event loop a turn between batches.
 *
 * @param fields top-level fields in the order wanted; none gives batches that only count rows
 * @throws CORRUPT, UNSUPPORTED, NOT_FOUND, IO, ABORTED
 */
export async function* scanFragment(
  snapshot: Snapshot,
  fragment: Fragment,
  fields: readonly LanceField[],
  rows: RowSelection,
  options: ScanOptions = {},
): AsyncGenerator<RecordBatch> {
  const { signal, batchRows = DEFAULT_BATCH_ROWS, borrow } = options;
  const schema = arrowSchemaOf(fields);
  const scanFields = fields.map(toScanField);
  const giveWay = createGiveWay(signal);
  const numRows = countSelected(fragment, rows);
  const { files, missing, scattered } = locateColumns(snapshot, fragment, fields);
  const sources = await settleAll(
    files.map(async ({ path, sizeBytes, columns, positions }) => {
      const file = await snapshot.files.open(path, { sizeBytes, signal });
      if (file.numRows !== fragment.physicalRows) {
        throw new LanceError(
          "CORRUPT",
          `${path} has ${file.numRows} rows, fragment ${fragment.id} is said to have ${fragment.physicalRows}`,
          { path, fragmentId: fragment.id },
        );
      }
      await giveWay();
      return { positions, batches: file.read(columns, rows, { batchRows, signal, borrow })[Symbol.asyncIterator]() };
    }),
  );
  const pending: (RecordBatch | undefined)[] = sources.map(() => undefined);
  try {
    for (let done = 0; done < numRows; ) {
      // Cached and in-memory reads resolve in microtasks: without this a warm scan is one long task.
      await giveWay();
      await settleAll(
        sources.map(async ({ batches }, i) => {
          while (pending[i] === undefined || pending[i].numRows === 0) {
            const next = await batches.next();
            if (next.done) {
              throw new LanceError("CORRUPT", `${files[i]!.path} ended after ${done} of ${numRows} rows`, {
                path: files[i]!.path,
              });
            }
            pending[i] = next.value;
          }
        }),
      );
      // Files of one fragment may give batches of different lengths: go on by the shortest.
      let take = Math.min(batchRows, numRows - done);
      for (const batch of pending) take = Math.min(take, batch!.numRows);
      const columns: Data[] = new Array(fields.length);
      const parts = new Map<number, FieldPart[]>([...scattered].map((position) => [position, []]));
      sources.forEach(({ positions }, i) => {
        const batch = pending[i]!;
        const part = batch.numRows === take ? batch : batch.slice(0, take);
        for (const [at, position] of positions.entries()) {
          const data = part.data.children[at]!;
          const scatteredParts = parts.get(position);
          if (scatteredParts) scatteredParts.push({ field: toScanField(files[i]!.columns[at]!.field), data });
          else columns[position] = data;
        }
        pending[i] = batch.numRows === take ? undefined : batch.slice(take);
      });
      for (const [position, found] of parts) {
        columns[position] = mergeData(scanFields[position]!, schema.fields[position]!.type, found);
      }
      for (const position of missing) columns[position] = createNullData(schema.fields[position]!.type, take);
      done += take;
      yield makeBatch(schema, columns, take);
    }
  } finally {
    await Promise.allSettled(sources.map(({ batches }) => batches.return?.()));
  }
}

/** @throws INVALID_ARGUMENT when the selection leaves the fragment */
function countSelected(fragment: Fragment, rows: RowSelection): number {
  const { physicalRows } = fragment;
  if (rows.kind === "all") return physicalRows;
  let count = 0;
  let last = -1;
  if (rows.kind === "indices") {
    for (const index of rows.indices) {
      if (index <= last) throw unordered(fragment, index);
      last = index;
    }
    count = rows.indices.length;
  } else {
    for (const [start, end] of rows.ranges) {
      if (start <= last || end < start) throw unordered(fragment, start);
      last = Math.max(last, end - 1);
      count += end - start;
    }
  }
  if (last >= physicalRows) {
    throw new LanceError(
      "NOT_FOUND",
      `fragment ${fragment.id} has rows 0 to ${physicalRows - 1}; row ${last} was asked for`,
      { fragmentId: fragment.id, row: last, physicalRows },
    );
  }
  return count;
}

function unordered(fragment: Fragment, row: number): LanceError {
  return new LanceError(
    "INVALID_ARGUMENT",
    `rows of a fragment are selected in ascending order, once each; row ${row} is not`,
    {
      fragmentId: fragment.id,
      row,
    },
  );
}
