import type { JobContext, JobHandlers } from "../pool/pool.ts";
import { withTransfer } from "../pool/with-transfer.ts";
import { RowSet, type RowSetData } from "../table/row-set.ts";
import { mapBounded } from "../tasks/settle-all.ts";
import { openTable, type TableHandle } from "./open-table.ts";
import type { IndexSegment, ScalarAnswer, SearchMetrics, SegmentAnswer, SegmentQuery } from "./segment.ts";
import { openReader, type ReadySegment } from "./segment-readers.ts";

/** Queries over one segment, as they cross to a worker. */
export interface SearchRequest {
  readonly segment: IndexSegment;
  /** Answered together, so that they share what is loaded. */
  readonly queries: readonly SegmentQuery[];
  readonly mask: RowSetData | null;
  /** Bytes of parts this worker may keep. */
  readonly memoryBudgetBytes: number | undefined;
}

/** What comes back, an answer for each query. */
export interface SegmentAnswers {
  readonly workerIndex: number;
  readonly answers: readonly SegmentAnswerData[];
}

/** One answer, as it crosses back. */
export interface SegmentAnswerData {
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

/** Queries of one request that are answered at once where a reader takes one at a time. */
const CONCURRENT_QUERIES = 4;

async function runSearch(payload: SearchRequest & OnTable, context: JobContext): Promise<SegmentAnswers> {
  const { signal, workerIndex } = context;
  return withReader(payload, signal, async ({ reader, live }) => {
    const asked = payload.mask ? RowSet.fromTransferable(payload.mask) : undefined;
    const mask = asked && live ? asked.and(live) : (asked ?? live);
    const { queries } = payload;
    const options = { mask, signal };
    const found =
      reader.searchEach && queries.length > 1
        ? await reader.searchEach(queries, options)
        : await mapBounded(queries, CONCURRENT_QUERIES, (query) => reader.search(query, options));
    const packed = found.map(packAnswer);
    const answers = packed.map(({ answer }) => answer);
    return withTransfer(
      { workerIndex, answers },
      packed.flatMap(({ buffers }) => buffers),
    );
  });
}

function packAnswer(answer: SegmentAnswer): { answer: SegmentAnswerData; buffers: ArrayBuffer[] } {
  const { metrics } = answer;
  if (answer.kind === "vector") {
    const { rowIds, distances } = answer;
    const buffers = [rowIds.buffer, distances.buffer] as ArrayBuffer[];
    return { answer: { metrics, data: { kind: "vector", rowIds, distances } }, buffers };
  }
  const trueRows = answer.trueRows.toTransferable();
  const nullRows = answer.nullRows.toTransferable();
  const buffers = [...trueRows.words, ...nullRows.words].map((words) => words.buffer as ArrayBuffer);
  return { answer: { metrics, data: { kind: "scalar", trueRows, nullRows, exactness: answer.exactness } }, buffers };
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
