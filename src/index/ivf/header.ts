import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type LanceFile, openLanceFile } from "../../format/read/file.ts";
import { type IVF, IVFSchema } from "../../proto/gen/lance/index_pb.ts";
import type { ReadableStore } from "../../store/store.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { checkRowCount } from "../check-rows.ts";
import type { OpenSegment, RowIdMap } from "../segment.ts";
import { getSegmentFile } from "../segment-path.ts";
import { AUXILIARY_FILE, DISTANCE_KEY, INDEX_FILE, INDEX_KEY, IVF_KEY, TENSOR_F32 } from "./ivf-files.ts";
import { type Metric, parseMetric } from "./metric.ts";
import { getDimension } from "./vectors.ts";

/** What is known of an IVF segment once its two headers are read. */
export interface IvfHeader {
  readonly metric: Metric;
  readonly dimension: number;
  readonly numPartitions: number;
  readonly centroids: Float32Array;
  readonly loss: number | null;
  /** Row ranges of the partitions in the storage file. */
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  readonly storage: LanceFile;
  /** Of the open segment. */
  readonly mapRowIds: RowIdMap | undefined;
}

/**
 * Reads the headers of an IVF_FLAT segment: two tails and two small messages.
 * @throws UNSUPPORTED for another kind of vector index, CORRUPT, NOT_FOUND, IO, ABORTED
 */
export async function openIvfHeader(
  open: OpenSegment,
  options: { readonly store?: ReadableStore; readonly signal?: AbortSignal | undefined } = {},
): Promise<IvfHeader> {
  const store = options.store ?? open.store;
  const { signal } = options;
  const openFile = (name: string): Promise<LanceFile> => {
    const { path, sizeBytes } = getSegmentFile(open, name);
    return openLanceFile(store, path, {
      ...(sizeBytes === undefined ? {} : { sizeBytes }),
      ...(signal ? { signal } : {}),
    });
  };
  const [index, storage] = await settleAll([openFile(INDEX_FILE), openFile(AUXILIARY_FILE)]);
  checkRowCount(storage);
  const metric = readIndexKind(index);
  const [model, ranges] = await settleAll([readIvf(index, signal), readIvf(storage, signal)]);
  const { dimension, centroids } = readCentroids(index, model);
  if (dimension !== getDimension(open.field)) {
    throw corrupt(
      index,
      `centroids of ${dimension} values for column "${open.field.name}" of ${open.field.logicalType}`,
    );
  }
  const numPartitions = centroids.length / dimension;
  const { offsets, lengths } = readRanges(storage, ranges, numPartitions);
  if (storage.metadata[DISTANCE_KEY] !== undefined && readMetric(storage, storage.metadata[DISTANCE_KEY]) !== metric) {
    throw corrupt(storage, `${DISTANCE_KEY} ${storage.metadata[DISTANCE_KEY]} beside an index of ${metric}`);
  }
  const { mapRowIds } = open;
  return {
    metric,
    dimension,
    numPartitions,
    centroids,
    loss: model.loss ?? null,
    offsets,
    lengths,
    storage,
    mapRowIds,
  };
}

function readIndexKind(file: LanceFile): Metric {
  let kind: { type?: unknown; distance_type?: unknown };
  try {
    kind = JSON.parse(file.metadata[INDEX_KEY] ?? "null") ?? {};
  } catch {
    throw corrupt(file, `${INDEX_KEY} is no JSON`);
  }
  if (kind.type !== "IVF_FLAT" || kind.distance_type === "hamming") {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path} is ${String(kind.type)} with distance ${String(kind.distance_type)}; this version reads IVF_FLAT with l2, cosine or dot`,
      { path: file.path, received: kind },
    );
  }
  return readMetric(file, kind.distance_type);
}

function readMetric(file: LanceFile, value: unknown): Metric {
  try {
    return parseMetric(value);
  } catch (cause) {
    throw corrupt(file, `distance ${JSON.stringify(value)}: expected l2, cosine or dot`, cause);
  }
}

async function readIvf(file: LanceFile, signal: AbortSignal | undefined): Promise<IVF> {
  const position = Number(file.metadata[IVF_KEY]);
  if (!Number.isInteger(position) || position < 1 || position >= file.numGlobalBuffers) {
    throw corrupt(file, `${IVF_KEY} names global buffer ${file.metadata[IVF_KEY]} of ${file.numGlobalBuffers}`);
  }
  const bytes = await file.readGlobalBuffer(position, signal);
  try {
    return fromBinary(IVFSchema, bytes);
  } catch (cause) {
    throw corrupt(file, "its IVF message does not parse", cause);
  }
}

function readCentroids(file: LanceFile, ivf: IVF): { dimension: number; centroids: Float32Array } {
  const tensor = ivf.centroidsTensor;
  if (!tensor) throw corrupt(file, "it has no centroids");
  if (tensor.dataType !== TENSOR_F32) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path} has centroids of data type ${tensor.dataType}; this version reads 32-bit floats`,
      {
        path: file.path,
        received: tensor.dataType,
      },
    );
  }
  const [numPartitions = 0, dimension = 0] = tensor.shape;
  const valid = tensor.shape.length === 2 && numPartitions > 0 && dimension > 0;
  if (!valid || tensor.data.length !== numPartitions * dimension * 4) {
    throw corrupt(file, `centroids of shape ${tensor.shape.join("×")} in ${tensor.data.length} bytes`);
  }
  return { dimension, centroids: new Float32Array(tensor.data.slice().buffer) };
}

function readRanges(file: LanceFile, ivf: IVF, numPartitions: number): { offsets: Float64Array; lengths: Uint32Array } {
  const lengths = Uint32Array.from(ivf.lengths);
  const offsets = new Float64Array(lengths.length);
  const hasOffsets = ivf.offsets.length > 0;
  let end = 0;
  for (let i = 0; i < lengths.length; i++) {
    offsets[i] = hasOffsets ? Number(ivf.offsets[i] ?? -1n) : end;
    end = offsets[i]! + lengths[i]!;
    if (!(offsets[i]! >= 0) || end > file.numRows) {
      throw corrupt(file, `partition ${i} holds rows ${offsets[i]} to ${end} of ${file.numRows}`);
    }
  }
  if (lengths.length !== numPartitions)
    throw corrupt(file, `${lengths.length} partitions beside ${numPartitions} centroids`);
  return { offsets, lengths };
}

function corrupt(file: LanceFile, what: string, cause?: unknown): LanceError {
  return new LanceError("CORRUPT", `${file.path}: ${what}`, { path: file.path }, { cause });
}
