import { create, toBinary } from "@bufbuild/protobuf";
import { IVFSchema } from "../../proto/gen/lance/index_pb.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
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
import type { PartitionRun } from "./partition-run.ts";
import type { RowStorage } from "./storage/storage.ts";
import { concatRows, type StoredRows } from "./stored-rows.ts";
import type { SubIndex } from "./sub-index/sub-index.ts";

/** Bytes of neighbouring partitions read and written together. */
const WINDOW_BYTES = 4 << 20;

/** What a segment is composed of. */
export interface SegmentParts {
  /** As native names it: `IVF_FLAT`. */
  readonly indexType: string;
  readonly subIndex: SubIndex;
  readonly storage: RowStorage;
}

/**
 * Concatenates runs partition by partition into the two files of a segment. Memory: one window, or one
 * partition where that is larger.
 */
export async function writeIvfSegment(
  model: IvfModel,
  runs: readonly PartitionRun[],
  options: { readonly parts: SegmentParts; readonly writer: SegmentWriter; readonly context: FamilyContext },
): Promise<void> {
  const { parts, writer, context } = options;
  await writeStorage(model, runs, { storage: parts.storage, writer, context });
  await writeIndex(model, parts, writer);
}

async function writeStorage(
  model: IvfModel,
  runs: readonly PartitionRun[],
  options: { readonly storage: RowStorage; readonly writer: SegmentWriter; readonly context: FamilyContext },
): Promise<void> {
  const { storage, writer, context } = options;
  const { numPartitions, metric } = model;
  const file = await writer.createFile(AUXILIARY_FILE, storage.schema, {
    [DISTANCE_KEY]: metric,
  });
  const giveWay = createGiveWay(context.signal);
  const lengths = new Uint32Array(numPartitions);
  for (let from = 0; from < numPartitions; ) {
    const to = findWindowEnd(runs, from, numPartitions, 8 + storage.rowBytes);
    const pieces = await settleAll(runs.map((run) => run.read(from, to)));
    const ordered: StoredRows[] = [];
    for (let i = 0; i < to - from; i++) {
      for (const piece of pieces) {
        const rows = piece[i]!;
        lengths[from + i]! += rows.rowIds.length;
        if (rows.rowIds.length > 0) ordered.push(rows);
      }
    }
    if (ordered.length > 0) await file.write(storage.createBatch(concatRows(ordered)));
    context.reportProgress?.({ phase: "write", done: to, total: numPartitions, unit: "partitions" });
    await giveWay();
    from = to;
  }
  const offsets = getOffsets(lengths);
  const ranges = toBinary(IVFSchema, create(IVFSchema, { offsets, lengths: [...lengths] }));
  file.setMetadata(IVF_KEY, String(await file.addGlobalBuffer(ranges)));
  file.setMetadata(STORAGE_KEY, JSON.stringify([await storage.writeMetadata((bytes) => file.addGlobalBuffer(bytes))]));
  await file.finish();
}

async function writeIndex(
  model: IvfModel,
  { indexType, subIndex }: SegmentParts,
  writer: SegmentWriter,
): Promise<void> {
  const { metric, type, numPartitions, tensor, loss } = model;
  const file = await writer.createFile(INDEX_FILE, subIndex.schema, {
    [INDEX_KEY]: JSON.stringify({ type: indexType, distance_type: metric }),
    ...subIndex.describePartitions(numPartitions),
  });
  const message = create(IVFSchema, {
    // The flat sub-index has no rows of its own: every range of this file is empty.
    offsets: Array.from({ length: numPartitions }, () => 0n),
    lengths: Array.from({ length: numPartitions }, () => 0),
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
