import { create, toBinary } from "@bufbuild/protobuf";
import { IVFSchema } from "../../proto/gen/lance/index_pb.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { createIndexField } from "../file-batch.ts";
import type { FamilyContext, SegmentWriter } from "../segment.ts";
import { AUXILIARY_FILE, DISTANCE_KEY, INDEX_FILE, INDEX_KEY, IVF_KEY, STORAGE_KEY, TENSOR_F32 } from "./ivf-files.ts";
import type { IvfModel } from "./model.ts";
import type { PartitionRun } from "./partition-run.ts";
import { createFlatStorage } from "./storage/flat.ts";
import type { VectorRows } from "./vectors.ts";

/** Bytes of neighbouring partitions read and written together. */
const WINDOW_BYTES = 4 << 20;

/**
 * Concatenates runs partition by partition into the two files of an IVF_FLAT segment. Memory: one window, or one
 * partition where that is larger.
 */
export async function writeIvfFlat(
  model: IvfModel,
  runs: readonly PartitionRun[],
  writer: SegmentWriter,
  context: FamilyContext,
): Promise<void> {
  const lengths = await writeStorage(model, runs, writer, context);
  await writeIndex(model, lengths, writer);
}

async function writeStorage(
  model: IvfModel,
  runs: readonly PartitionRun[],
  writer: SegmentWriter,
  context: FamilyContext,
): Promise<Uint32Array> {
  const { dimension, numPartitions, metric } = model;
  const storage = createFlatStorage(dimension);
  const file = await writer.createFile(AUXILIARY_FILE, storage.schema, {
    [DISTANCE_KEY]: metric,
    [STORAGE_KEY]: JSON.stringify([storage.metadata]),
  });
  const giveWay = createGiveWay(context.signal);
  const lengths = new Uint32Array(numPartitions);
  for (let from = 0; from < numPartitions; ) {
    const to = findWindowEnd(runs, from, numPartitions, 8 + 4 * dimension);
    const pieces = await settleAll(runs.map((run) => run.read(from, to)));
    const ordered: VectorRows[] = [];
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
  await file.finish();
  return lengths;
}

async function writeIndex(model: IvfModel, lengths: Uint32Array, writer: SegmentWriter): Promise<void> {
  const { metric, dimension, numPartitions, centroids, loss } = model;
  const schema = { fields: [createIndexField(0, "__flat_marker", "uint64", false)], metadata: {} };
  const file = await writer.createFile(INDEX_FILE, schema, {
    [INDEX_KEY]: JSON.stringify({ type: "IVF_FLAT", distance_type: metric }),
    "lance:flat": JSON.stringify(Array.from(lengths, () => "")),
  });
  const message = create(IVFSchema, {
    // The flat sub-index has no rows of its own: every range of this file is empty.
    offsets: Array.from(lengths, () => 0n),
    lengths: Array.from(lengths, () => 0),
    centroidsTensor: {
      dataType: TENSOR_F32,
      shape: [numPartitions, dimension],
      data: new Uint8Array(centroids.buffer, centroids.byteOffset, centroids.byteLength),
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

function concatRows(parts: readonly VectorRows[]): VectorRows {
  if (parts.length === 1) return parts[0]!;
  const vectors = new Float32Array(parts.reduce((sum, part) => sum + part.vectors.length, 0));
  const rowIds = new BigUint64Array(parts.reduce((sum, part) => sum + part.rowIds.length, 0));
  let value = 0;
  let row = 0;
  for (const part of parts) {
    vectors.set(part.vectors, value);
    rowIds.set(part.rowIds, row);
    value += part.vectors.length;
    row += part.rowIds.length;
  }
  return { vectors, rowIds };
}
