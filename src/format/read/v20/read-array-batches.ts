import { RecordBatch, Schema, Struct } from "apache-arrow";
import { LanceError, throwIfAborted } from "../../../errors.ts";
import { arrayKernels, loadArrayKernels } from "../../../kernels/decode-arrays.ts";
import { createGiveWay } from "../../../tasks/give-way.ts";
import { settleAll } from "../../../tasks/settle-all.ts";
import { toArrowField } from "../../arrow-schema.ts";
import { toScanField } from "../../blob-field.ts";
import type { LanceField } from "../../schema.ts";
import { buildStruct } from "../build-data.ts";
import type { ByteSource, ByteSpan } from "../byte-source.ts";
import type { RowRanges } from "../row-ranges.ts";
import { createArrayColumn } from "./array-column.ts";
import type { ArrayColumnInfo } from "./array-metadata.ts";
import type { ArrayColumn } from "./page-nodes.ts";

/** What to read of a 2.0 file. */
export interface ArrayBatchRequest {
  readonly source: ByteSource;
  readonly columns: readonly ArrayColumnInfo[];
  readonly wanted: readonly { readonly field: LanceField; readonly columnIndices: readonly number[] }[];
  readonly rows: RowRanges;
  readonly numRows: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * Yields the selected rows of a 2.0 file as record batches. While one batch is consumed, the reads of the next are
 * under way; where rows go on without a gap, up to 8 MiB of each buffer are read ahead.
 * @throws CORRUPT, UNSUPPORTED, ABORTED, IO
 */
export async function* readArrayBatches(
  request: ArrayBatchRequest,
  batchRows: number,
): AsyncGenerator<RecordBatch, void, undefined> {
  const { rows, wanted } = request;
  const stop = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, stop.signal]) : stop.signal;
  await loadArrayKernels();
  const columns = openColumns({ ...request, signal });
  const fields = wanted.map(({ field }) => toArrowField(toScanField(field)));
  const schema = new Schema(fields);
  const giveWay = createGiveWay(request.signal);
  const fetch = (start: number) => {
    const part = rows.slice(start, Math.min(start + batchRows, rows.numRows));
    const until = rows.rangeEnd(start + part.numRows - 1);
    return settleAll(columns.map((column) => column.fetch(part.pairs(), until)));
  };
  let pending: ReturnType<typeof fetch> | undefined;
  let isDone = false;
  try {
    for (let start = 0; start < rows.numRows; start += batchRows) {
      throwIfAborted(request.signal);
      const builds = await (pending ?? fetch(start));
      await giveWay();
      const children = builds.map((build, i) => build(fields[i]!.type));
      const end = start + batchRows;
      isDone = end >= rows.numRows;
      if (!isDone) {
        pending = fetch(end);
        pending.catch(() => {});
      }
      yield new RecordBatch(schema, buildStruct(new Struct(fields), Math.min(end, rows.numRows) - start, children));
    }
  } finally {
    if (!isDone) stop.abort();
    await Promise.allSettled([pending]);
  }
}

/** What {@link readArrayBatches} reads first, and of how many pages more follows. Pure. */
export function planArrayReads(request: ArrayBatchRequest): { spans: ByteSpan[]; numIndirect: number } {
  const plans = openColumns(request).map((column) => column.plan(request.rows.pairs()));
  return {
    spans: plans.flatMap(({ spans }) => spans),
    numIndirect: plans.reduce((sum, plan) => sum + plan.numIndirect, 0),
  };
}

function openColumns({ source, columns, wanted, numRows, signal }: ArrayBatchRequest): ArrayColumn[] {
  return wanted.map(({ field, columnIndices }) => {
    const column = createArrayColumn({ source, kernels: arrayKernels, signal, columns }, field, columnIndices);
    if (column.numItems !== numRows) {
      throw new LanceError(
        "CORRUPT",
        `${source.path}: column "${field.name}" has ${column.numItems} rows, the file ${numRows}`,
        { path: source.path, column: field.name },
      );
    }
    return column;
  });
}
