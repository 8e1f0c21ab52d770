import { type DataType, RecordBatch, Schema, Struct } from "apache-arrow";
import { throwIfAborted } from "../../errors.ts";
import { type DecodeKernels, freeDecoder, loadDecodeKernels } from "../../kernels/decode.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { toArrowField } from "../arrow-schema.ts";
import { toScanField } from "../blob-field.ts";
import { buildData, buildStruct, type DecodedLeaf } from "./build-data.ts";
import type { ByteSource } from "./byte-source.ts";
import { shapeWords } from "./decode-program.ts";
import type { ColumnTree, LeafColumn } from "./leaf-column.ts";
import { LeafReader, type PageTask } from "./leaf-reader.ts";
import type { PageCache } from "./page-cache.ts";

/** Rows per batch unless told. */
export const DEFAULT_BATCH_ROWS = 8192;

/** A column ready to read: its tree, and the page tasks of each leaf. */
export interface PlannedColumn {
  readonly tree: ColumnTree;
  readonly tasks: readonly (readonly PageTask[])[];
}

/** What {@link readBatches} reads. */
export interface BatchRequest {
  readonly source: ByteSource;
  readonly cache: PageCache;
  readonly columns: readonly PlannedColumn[];
  readonly numRows: number;
  readonly batchRows: number;
  readonly signal: AbortSignal | undefined;
  /** See `ReadOptions`. */
  readonly borrow: boolean;
}

/**
 * Yields the selected rows as record batches. While one batch is decoded and consumed, the reads of the next are under
 * way. Each phase's reads are issued in one tick, so that a coalescing store can merge them.
 * @throws CORRUPT, UNSUPPORTED, ABORTED, IO
 */
export async function* readBatches(request: BatchRequest): AsyncGenerator<RecordBatch, void, undefined> {
  const { columns, numRows, batchRows, borrow } = request;
  if (columns.length === 0) {
    yield* countBatches(numRows, batchRows);
    return;
  }
  const kernels = await loadDecodeKernels();
  const fields = columns.map(({ tree }) => toArrowField(toScanField(tree.root.field)));
  const schema = new Schema(fields);
  const stop = new AbortController();
  const signal = request.signal ? AbortSignal.any([request.signal, stop.signal]) : stop.signal;
  const { source, cache } = request;
  const readers = columns.map(({ tree, tasks }) =>
    tasks.map((leafTasks, i) => ({
      leaf: tree.leaves[i]!,
      reader: new LeafReader(leafTasks, { source, cache, kernels, signal, borrow }),
    })),
  );
  const all = readers.flat();
  const fetch = async (end: number) => {
    await settleAll(all.map(({ leaf, reader }) => reader.prepare(end * leaf.rowFactor)));
    await settleAll(all.map(({ leaf, reader }) => reader.load(end * leaf.rowFactor)));
  };
  const giveWay = createGiveWay(request.signal);
  let pending: Promise<void> | undefined;
  let isDone = false;
  try {
    for (let start = 0; start < numRows; start += batchRows) {
      throwIfAborted(request.signal);
      const end = Math.min(start + batchRows, numRows);
      await (pending ?? fetch(end));
      await giveWay();
      const children = columns.map(({ tree }, index) => {
        return decodeColumn(kernels, tree, readers[index]!, { type: fields[index]!.type, start, end });
      });
      if (end < numRows) {
        pending = fetch(Math.min(end + batchRows, numRows));
        pending.catch(() => {});
      }
      isDone = end === numRows;
      yield new RecordBatch(schema, buildStruct(new Struct(fields), end - start, children));
    }
  } finally {
    // Making the reason an abort carries costs more than a small read.
    if (!isDone) stop.abort();
    await Promise.allSettled([pending]);
    await Promise.allSettled(all.map(({ reader }) => reader.close()));
  }
}

/** Batches without columns still count rows. */
export async function* countBatches(numRows: number, batchRows: number): AsyncGenerator<RecordBatch, void, undefined> {
  const schema = new Schema([]);
  for (let start = 0; start < numRows; start += batchRows) {
    const length = Math.min(batchRows, numRows - start);
    yield new RecordBatch(schema, buildStruct(new Struct([]), length, []));
  }
}

function decodeColumn(
  kernels: DecodeKernels,
  tree: ColumnTree,
  leaves: readonly { leaf: LeafColumn; reader: LeafReader }[],
  { type, start, end }: { type: DataType; start: number; end: number },
) {
  const decoded: DecodedLeaf[] = [];
  try {
    for (const { leaf, reader } of leaves) {
      const layers = leaf.listLayers.map((isList) => (isList ? 1 : 0));
      const words = Uint32Array.from([...shapeWords(leaf.shape), layers.length, ...layers]);
      const [from, to] = [start * leaf.rowFactor, end * leaf.rowFactor];
      decoded.push({ leaf, builder: reader.decode(() => kernels.createColumnBuilder(words), from, to) });
      reader.advance(to);
    }
    return buildData(tree.root, type, decoded);
  } finally {
    for (const { builder } of decoded) freeDecoder(builder);
  }
}
