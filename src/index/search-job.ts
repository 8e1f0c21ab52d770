import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { withTransfer } from "../pool/with-transfer.ts";
import { RowSet, type RowSetData } from "../table/row-set.ts";
import { openTable, type TableHandle } from "./open-table.ts";
import type { IndexSegment, ScalarAnswer, SearchMetrics, SegmentQuery } from "./segment.ts";
import { openReader, type ReadySegment } from "./segment-readers.ts";

/** One query over one segment, as it crosses to a worker. */
export interface SearchRequest {
  readonly segment: IndexSegment;
  readonly query: SegmentQuery;
  readonly mask: RowSetData | null;
  /** Bytes of parts this worker may keep. */
  readonly memoryBudgetBytes: number | undefined;
}

/** What comes back. */
export interface SegmentAnswerData {
  readonly workerIndex: number;
  readonly metrics: SearchMetrics;
  readonly data:
    | { readonly kind: "vector"; readonly rowIds: BigUint64Array; readonly distances: Float32Array }
    | {
        readonly kind: "scalar";
        readonly trueRows: RowSetData;
        readonly nullRows: RowSetData;
        readonly exactness: ScalarAnswer["exactness"];
      };
}

interface OnTable {
  readonly table: TableHandle;
}

/** Runs `use` on an open segment; a table that nobody shares is closed after. */
async function withReader<T>(
  payload: OnTable & Pick<SearchRequest, "segment" | "memoryBudgetBytes">,
  signal: AbortSignal,
  use: (ready: ReadySegment) => Promise<T>,
): Promise<T> {
  const table = await openTable(payload.table, signal);
  try {
    const { memoryBudgetBytes } = payload;
    const ready = await openReader(table, payload.segment, { memoryBudgetBytes, signal });
    try {
      return await use(ready);
    } finally {
      if (table.key === null) ready.reader.close();
    }
  } finally {
    await table.close();
  }
}

async function runSearch(payload: SearchRequest & OnTable, context: JobContext): Promise<SegmentAnswerData> {
  const { signal, workerIndex } = context;
  return withReader(payload, signal, async ({ reader, live }) => {
    const asked = payload.mask ? RowSet.fromTransferable(payload.mask) : undefined;
    const mask = asked && live ? asked.and(live) : (asked ?? live);
    const answer = await reader.search(payload.query, { mask, signal });
    if (answer.kind === "vector") {
      const { rowIds, distances, metrics } = answer;
      const data = { kind: "vector", rowIds, distances } as const;
      return withTransfer({ workerIndex, metrics, data }, [
        rowIds.buffer as ArrayBuffer,
        distances.buffer as ArrayBuffer,
      ]);
    }
    const trueRows = answer.trueRows.toTransferable();
    const nullRows = answer.nullRows.toTransferable();
    const data = { kind: "scalar", trueRows, nullRows, exactness: answer.exactness } as const;
    const buffers = [...trueRows.words, ...nullRows.words].map((words) => words.buffer);
    return withTransfer({ workerIndex, metrics: answer.metrics, data }, buffers);
  });
}

async function runDescribe(
  payload: OnTable & Pick<SearchRequest, "segment" | "memoryBudgetBytes">,
  context: JobContext,
): Promise<Readonly<Record<string, unknown>>> {
  return withReader(payload, context.signal, ({ reader }) => reader.describe());
}

async function runPrewarm(
  payload: OnTable & Pick<SearchRequest, "segment" | "memoryBudgetBytes">,
  context: JobContext,
): Promise<void> {
  await withReader(payload, context.signal, async ({ reader }) => reader.prewarm?.(context.signal));
}

/** Jobs that read segments. */
export const searchHandlers: JobHandlers = {
  "index.search": runSearch,
  "index.describe": runDescribe,
  "index.prewarm": runPrewarm,
};
