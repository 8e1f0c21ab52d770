import { create, toBinary } from "@bufbuild/protobuf";
import type { LanceFileWriter } from "../../format/write/file-writer.ts";
import { DROPPED_NODE } from "../../kernels/graph-build.ts";
import { IVFSchema } from "../../proto/gen/lance/index_pb.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import type { IndexParams } from "../params.ts";
import type { FamilyContext, SegmentWriter } from "../segment.ts";
import {
  AUXILIARY_FILE,
  DISTANCE_KEY,
  INDEX_FILE,
  INDEX_KEY,
  IVF_KEY,
  STORAGE_KEY,
  TENSOR_TYPES,
} from "./ivf-files.ts";
import type { IvfModel } from "./model.ts";
import type { PartitionRun, RunRows } from "./partition-run.ts";
import type { RowStorage } from "./storage/storage.ts";
import { RowWindow, sliceRows } from "./stored-rows.ts";
import type { GraphPiece, SubIndex } from "./sub-index/sub-index.ts";

/** Bytes of neighbouring partitions read and written together. */
const WINDOW_BYTES = 4 << 20;
/** A graph is kept where more than this share of its rows is. */
const KEPT_SHARE = 1 / 3;

/** What a segment is composed of. */
export interface SegmentParts {
  /** As native names it: `IVF_FLAT`. */
  readonly indexType: string;
  readonly subIndex: SubIndex;
  readonly storage: RowStorage;
  /** How the sub-index is built. */
  readonly params: IndexParams;
}

/**
 * Concatenates runs partition by partition into the two files of a segment. Memory: one window, or one
 * partition where that is larger, and what the sub-index takes to be built.
 */
export async function writeIvfSegment(
  model: IvfModel,
  runs: readonly PartitionRun[],
  options: { readonly parts: SegmentParts; readonly writer: SegmentWriter; readonly context: FamilyContext },
): Promise<void> {
  const { parts, writer, context } = options;
  const { indexType, subIndex, storage, params } = parts;
  const { numPartitions, metric } = model;
  const file = await writer.createFile(AUXILIARY_FILE, storage.schema, {
    [DISTANCE_KEY]: metric,
  });
  const index = await writer.createFile(INDEX_FILE, subIndex.schema, {
    [INDEX_KEY]: JSON.stringify({ type: indexType, distance_type: metric }),
  });
  const over = await subIndex.createWriter(index, { storage, params, numPartitions, context });
  const giveWay = createGiveWay(context.signal);
  const window = new RowWindow(storage.rowBytes);
  const lengths = new Uint32Array(numPartitions);
  const indexLengths = new Uint32Array(numPartitions);
  for (let from = 0; from < numPartitions; ) {
    const to = findWindowEnd(runs, from, numPartitions, 8 + storage.rowBytes);
    const pieces = await settleAll(runs.map((run) => run.read(from, to)));
    const rows = window.take(pieces.flat().reduce((sum, { numRows }) => sum + numRows, 0));
    for (let partition = from, row = 0; partition < to; partition++) {
      const start = row;
      for (const piece of pieces) {
        const { numRows } = piece[partition - from]!;
        piece[partition - from]!.copyTo(rows, row);
        row += numRows;
      }
      lengths[partition] = row - start;
      await giveWay();
    }
    if (rows.rowIds.length > 0) await file.write(storage.createBatch(rows));
    for (let partition = from, row = 0; partition < to; partition++) {
      const next = row + lengths[partition]!;
      const inside = pieces.map((piece) => piece[partition - from]!);
      const graphs = await readPieces(runs, inside, partition);
      indexLengths[partition] = await over.addPartition(
        partition,
        sliceRows(rows, [row, next], storage.rowBytes),
        graphs,
      );
      row = next;
    }
    context.reportProgress?.({ phase: "write", done: to, total: numPartitions, unit: "partitions" });
    await giveWay();
    from = to;
  }
  await finishStorage(file, storage, lengths);
  await finishIndex(index, model, { lengths: indexLengths, metadata: over.describe() });
}

/** Of the rows of a partition that a graph lies over already, that graph. */
async function readPieces(
  runs: readonly PartitionRun[],
  pieces: readonly RunRows[],
  partition: number,
): Promise<GraphPiece[]> {
  const found: GraphPiece[] = [];
  let start = 0;
  for (const [i, run] of runs.entries()) {
    const { numRows: left, positions } = pieces[i]!;
    const length = run.lengths[partition]!;
    // Of a graph that lost most of its rows little is left to keep.
    const graph = left > length * KEPT_SHARE ? await run.readGraph?.(partition) : undefined;
    if (graph) {
      const map = new Uint32Array(length).fill(DROPPED_NODE);
      for (let row = 0; row < left; row++) map[positions ? positions[row]! : row] = start + row;
      found.push({ graph, map });
    }
    start += left;
  }
  return found;
}

async function finishStorage(file: LanceFileWriter, storage: RowStorage, lengths: Uint32Array): Promise<void> {
  const ranges = toBinary(IVFSchema, create(IVFSchema, { offsets: getOffsets(lengths), lengths: [...lengths] }));
  file.setMetadata(IVF_KEY, String(await file.addGlobalBuffer(ranges)));
  file.setMetadata(STORAGE_KEY, JSON.stringify([await storage.writeMetadata((bytes) => file.addGlobalBuffer(bytes))]));
  await file.finish();
}

/** @param options.lengths rows of the index file, by partition */
async function finishIndex(
  file: LanceFileWriter,
  { type, numPartitions, tensor, loss }: IvfModel,
  options: { readonly lengths: Uint32Array; readonly metadata: Readonly<Record<string, string>> },
): Promise<void> {
  const { lengths, metadata } = options;
  for (const [key, value] of Object.entries(metadata)) file.setMetadata(key, value);
  const message = create(IVFSchema, {
    offsets: getOffsets(lengths),
    lengths: [...lengths],
    centroidsTensor: {
      dataType: TENSOR_TYPES[type.element],
      shape: [numPartitions, type.dimension],
      data: tensor,
    },
    ...(loss === null ? {} : { loss }),
  });
  file.setMetadata(IVF_KEY, String(await file.addGlobalBuffer(toBinary(IVFSchema, message))));
  await file.finish();
}

function findWindowEnd(runs: readonly PartitionRun[], from: number, numPartitions: number, rowBytes: number): number {
  let to = from;
  for (let bytes = 0; to < numPartitions; to++) {
    for (const run of runs) bytes += run.lengths[to]! * rowBytes;
    if (bytes > WINDOW_BYTES && to > from) break;
  }
  return to;
}

function getOffsets(lengths: Uint32Array): bigint[] {
  let offset = 0n;
  return Array.from(lengths, (length) => {
    const start = offset;
    offset += BigInt(length);
    return start;
  });
}
