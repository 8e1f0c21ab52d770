import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { type LanceFile, openLanceFile } from "../../format/read/file.ts";
import { elementBytes } from "../../kernels/element.ts";
import { type IVF, IVFSchema } from "../../proto/gen/lance/index_pb.ts";
import type { ReadableStore } from "../../store/store.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { checkRowCount } from "../check-rows.ts";
import type { OpenSegment, RowIdMap } from "../segment.ts";
import { getSegmentFile } from "../segment-path.ts";
import { getVectorType, type VectorType } from "../vector-type.ts";
import { AUXILIARY_FILE, DISTANCE_KEY, INDEX_FILE, INDEX_KEY, IVF_KEY, TENSOR_TYPES } from "./ivf-files.ts";
import type { IvfKind } from "./kind.ts";
import { type Metric, parseMetric } from "./metric.ts";
import type { IvfModel } from "./model.ts";
import type { RowStorage } from "./storage/storage.ts";
import type { SubIndexReader } from "./sub-index/sub-index.ts";
import { decodeCentroids } from "./vectors.ts";

/** What is known of an IVF segment once its two headers are read. */
export interface IvfHeader {
  readonly model: IvfModel;
  /** How its rows are coded. */
  readonly storage: RowStorage;
  /** Row ranges of the partitions in the storage file. */
  readonly offsets: Float64Array;
  readonly lengths: Uint32Array;
  readonly file: LanceFile;
  /** What the index file has over the partitions; `null` where nothing. */
  readonly graphs: SubIndexReader | null;
  /** Closes the files. */
  close(): void;
  /** Of the open segment. */
  readonly mapRowIds: RowIdMap | undefined;
}

/** Centroids up to so many bytes are read with their file's tail, whose reader is then dropped. */
const MAX_WHOLE_BYTES = 4 * 2 ** 20;

/**
 * Reads the headers of a segment: two tails at once, then, as far as they are not in these, two small messages and what
 * its storage learned.
 * @throws UNSUPPORTED for another kind of vector index, CORRUPT, NOT_FOUND, IO, ABORTED
 */
export async function openIvfHeader(
  kind: IvfKind,
  open: OpenSegment,
  options: { readonly store?: ReadableStore; readonly signal?: AbortSignal | undefined } = {},
): Promise<IvfHeader> {
  const store = options.store ?? open.store;
  const { signal } = options;
  const openFile = (name: string, wholeBytes = 0): Promise<LanceFile> => {
    const { path, sizeBytes } = getSegmentFile(open, name);
    const tailBytes = sizeBytes !== undefined && sizeBytes <= wholeBytes ? sizeBytes : undefined;
    return openLanceFile(store, path, { sizeBytes, tailBytes, signal });
  };
  const type = getVectorType(open.field, `an ${kind.indexType} index`);
  const [index, file] = await settleAll([
    // Without graphs it holds centroids, and all of it is wanted.
    openFile(INDEX_FILE, kind.subIndex.name === "" ? MAX_WHOLE_BYTES : 0),
    openFile(AUXILIARY_FILE),
  ]);
  checkRowCount(file);
  const metric = readIndexKind(index, kind.indexType);
  const [ivf, ranges, learned] = await settleAll([
    readIvf(index, signal),
    readIvf(file, signal),
    kind.storage.readModel(file, { type, metric }, signal),
  ]);
  const { dimension, tensor } = readCentroids(index, ivf, type);
  if (dimension !== type.dimension) {
    throw corrupt(
      index,
      `centroids of ${dimension} values for column "${open.field.name}" of ${open.field.logicalType}`,
    );
  }
  const numPartitions = tensor.length / dimension / elementBytes(type.element);
  const { offsets, lengths } = readRanges(file, ranges, numPartitions);
  const graphs = openGraphs(kind, index, { ivf, numPartitions });
  if (file.metadata[DISTANCE_KEY] !== undefined && readMetric(file, file.metadata[DISTANCE_KEY]) !== metric) {
    throw corrupt(file, `${DISTANCE_KEY} ${file.metadata[DISTANCE_KEY]} beside an index of ${metric}`);
  }
  const centroids = decodeCentroids(tensor, type);
  // Without graphs all that is wanted of the index file is read.
  const files = graphs ? [index, file] : [file];
  if (!graphs) index.close();
  return {
    model: { metric, type, numPartitions, centroids, tensor, loss: ivf.loss ?? null, storage: learned },
    storage: kind.storage.open({ type, metric, centroids }, learned),
    offsets,
    lengths,
    file,
    graphs,
    close() {
      for (const open of files) open.close();
    },
    mapRowIds: open.mapRowIds,
  };
}

function readIndexKind(file: LanceFile, indexType: string): Metric {
  let kind: { type?: unknown; distance_type?: unknown };
  try {
    kind = JSON.parse(file.metadata[INDEX_KEY] ?? "null") ?? {};
  } catch {
    throw corrupt(file, `${INDEX_KEY} is no JSON`);
  }
  if (kind.type !== indexType) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path} is ${String(kind.type)} with distance ${String(kind.distance_type)}; it is opened as ${indexType}, which its details say, or their absence`,
      { path: file.path, received: kind, expected: indexType },
    );
  }
  return readMetric(file, kind.distance_type);
}

function readMetric(file: LanceFile, value: unknown): Metric {
  try {
    return parseMetric(value);
  } catch (cause) {
    throw corrupt(file, `distance ${JSON.stringify(value)}: expected l2, cosine, dot or hamming`, cause);
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

function readCentroids(file: LanceFile, ivf: IVF, { element }: VectorType): { dimension: number; tensor: Uint8Array } {
  const tensor = ivf.centroidsTensor;
  if (!tensor) throw corrupt(file, "it has no centroids");
  if (tensor.dataType !== TENSOR_TYPES[element]) {
    throw new LanceError(
      "UNSUPPORTED",
      `${file.path} has centroids of data type ${tensor.dataType} for a column of ${element}; this version reads ${TENSOR_TYPES[element]}`,
      { path: file.path, received: tensor.dataType, expected: TENSOR_TYPES[element] },
    );
  }
  const [numPartitions = 0, dimension = 0] = tensor.shape;
  const valid = tensor.shape.length === 2 && numPartitions > 0 && dimension > 0;
  if (!valid || tensor.data.length !== numPartitions * dimension * elementBytes(element)) {
    throw corrupt(file, `centroids of shape ${tensor.shape.join("×")} in ${tensor.data.length} bytes`);
  }
  return { dimension, tensor: tensor.data.slice() };
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

function openGraphs(
  { subIndex }: IvfKind,
  index: LanceFile,
  { ivf, numPartitions }: { readonly ivf: IVF; readonly numPartitions: number },
): SubIndexReader | null {
  if (subIndex.name === "") return null;
  checkRowCount(index);
  return subIndex.open(index, readRanges(index, ivf, numPartitions));
}

function corrupt(file: LanceFile, what: string, cause?: unknown): LanceError {
  return new LanceError("CORRUPT", `${file.path}: ${what}`, { path: file.path }, { cause });
}
