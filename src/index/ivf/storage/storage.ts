import type { RecordBatch } from "apache-arrow";
import type { LanceFile } from "../../../format/read/file.ts";
import type { LanceSchema } from "../../../format/schema.ts";
import type { QueryVector } from "../../../kernels/element.ts";
import type { GraphSpace } from "../../../kernels/graph-build.ts";
import type { GraphWalk } from "../../../kernels/graph-search.ts";
import type { WasmBuffer } from "../../../kernels/memory.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import type { VectorIndexDetails } from "../../../proto/gen/lance/index_pb.ts";
import type { IndexParams } from "../../params.ts";
import type { ApproxMode, FamilyContext } from "../../segment.ts";
import type { VectorType } from "../../vector-type.ts";
import type { Metric } from "../metric.ts";
import type { StoredRows } from "../stored-rows.ts";
import type { VectorRows } from "../vectors.ts";

/** What a storage learned from a sample, as JSON; `null` for one that learns nothing. */
export type StorageModel = Readonly<Record<string, unknown>> | null;

/** What is stored, and how it is compared. */
export interface StorageShape {
  readonly type: VectorType;
  readonly metric: Metric;
}

/** The same, where rows already have partitions. */
export interface PlacedShape extends StorageShape {
  /** In compare space, partition by partition: what the partitions were made by. */
  readonly centroids: Float32Array;
}

/** Rows of a partition in WASM memory: some `rowBytes` each. */
export interface StoredSlice {
  readonly values: WasmBuffer;
  readonly rowIds: WasmBuffer;
  readonly numRows: number;
}

/** Which rows of a slice count. */
export interface ScanLimits {
  /** Bit i, LSB first, set: row i may be returned. */
  readonly mask?: Uint8Array | undefined;
  readonly lower?: number | undefined;
  readonly upper?: number | undefined;
}

/** One query over rows of one partition. */
export interface PartitionQuery {
  /** Offers the rows of a slice that count. */
  scan(topK: TopK, slice: StoredSlice, limits: ScanLimits): void;
  /**
   * Offers those that a walk over the graph of a whole partition finds. Absent: rows are only scanned.
   * @returns distances computed; 0 where fewer rows than needed were found: then none is offered
   */
  searchGraph?(topK: TopK, partition: StoredSlice, search: ScanLimits & GraphWalk): number;
  /** Whether many rows are equally far, as bits are: which of them a graph finds is then decided by the walk. */
  readonly hasTies?: boolean;
}

/** What a graph over stored rows compares. */
export interface GraphRows {
  readonly space: GraphSpace;
  /** Stored rows of a partition as the space has them. A view where they are the same. */
  convert(values: Uint8Array, partition: number): Uint8Array;
}

/** Row ranges of a file: ascending, disjoint. */
export type RowRanges = readonly (readonly [start: number, end: number])[];

/** How vectors are kept, once it is known what was learned. */
export interface RowStorage {
  /** Of one row; several columns of the file lie side by side in it. */
  readonly rowBytes: number;
  /** Slices that are scanned start on a multiple of it. Default 1. */
  readonly blockRows?: number;
  /** Columns of the storage file. */
  readonly schema: LanceSchema;
  /** What `indexStatistics` tells of it. */
  readonly facts: Readonly<Record<string, unknown>>;
  /**
   * The JSON string that `storage_metadata` holds.
   * @param addBuffer adds a global buffer to the storage file and gives its number
   */
  writeMetadata(addBuffer: (bytes: Uint8Array) => Promise<number>): Promise<string>;
  /**
   * Vectors as rows of `rowBytes`. May be a view of them. Gives way where it is not done at once.
   * @param partitions of each row
   */
  encode(rows: VectorRows, partitions: Uint32Array, signal?: AbortSignal): Uint8Array | Promise<Uint8Array>;
  /** Absent: no graphs are built over these rows. */
  readonly graphRows?: GraphRows;
  createBatch(rows: StoredRows): RecordBatch;
  /**
   * Rows of a storage file, batch by batch; what is given may be a view of bytes that others read too, and is valid
   * until the next batch. After the last one, every row of the ranges was given.
   * @throws CORRUPT when the file has other columns or ends early; IO, ABORTED
   */
  readBatches(file: LanceFile, ranges: RowRanges, signal?: AbortSignal): AsyncIterable<StoredRows>;
  /**
   * What a file does to a partition as a whole (transposed codes, packed ones) undone: rows of `rowBytes`, one after
   * another. Absent: they are that already. May work in place.
   */
  restoreRows?(values: Uint8Array, numRows: number): Uint8Array;
  /**
   * Rearranges rows of a partition into what the scan takes, in place, once when it is loaded: some at a time.
   * @param range starts on a multiple of `blockRows`; ends on one, or with the partition
   */
  arrange?(values: WasmBuffer, range: readonly [from: number, to: number]): void;
  /**
   * @param query of unit length under cosine
   * @param options.approxMode for storages that compare in several ways
   * @returns what is asked of each partition; `distance` is that of its centroid, as partitions are ranked by
   */
  prepareQuery(
    query: QueryVector,
    options?: { readonly approxMode?: ApproxMode | undefined },
  ): (partition: number, distance: number) => PartitionQuery;
}

/** The quantizer axis of a vector index: how a vector becomes a row of its storage file. */
export interface StorageKind {
  /** As index types name it: `FLAT`, `SQ`. */
  readonly name: string;
  /** Whether its distances are those of the vectors themselves. */
  readonly isExact: boolean;
  /** Of the segments written (index page, section 1). */
  readonly indexVersion: number;
  /** Rows of a partition where users name no number. */
  readonly targetPartitionSize: number;
  /** Parameters of its own. */
  readonly paramNames: readonly string[];
  /** @returns its own parameters with their defaults. @throws INVALID_ARGUMENT */
  resolveParams(params: IndexParams, shape: StorageShape): IndexParams;
  /** Its part of `VectorIndexDetails`. */
  encodeDetails(params: IndexParams): NonNullable<VectorIndexDetails["compression"]>;
  /** Rows it learns from, at least. */
  countSampleRows(params: IndexParams): number;
  /**
   * Learns from a sample, after the centroids are trained. Gives way.
   * @param vectors in compare space, of unit length under cosine
   * @throws INVALID_ARGUMENT, ABORTED
   */
  train(
    vectors: Float32Array,
    params: IndexParams,
    options: { readonly shape: PlacedShape; readonly context: FamilyContext },
  ): Promise<StorageModel>;
  /** Whether a model is one of this kind. */
  acceptsModel(model: StorageModel): boolean;
  /** What was learned for the segment that owns the file. @throws CORRUPT, UNSUPPORTED, IO, ABORTED */
  readModel(file: LanceFile, shape: StorageShape, signal?: AbortSignal): Promise<StorageModel>;
  /** The model of a segment merged from others. @throws SEGMENT_INCOMPATIBLE where rows of one mean nothing in another */
  mergeModels(models: readonly StorageModel[]): StorageModel;
  /** How rows coded by one model become rows of another; `null`: they are the same. */
  createRecoder(from: StorageModel, to: StorageModel): ((values: Uint8Array) => Uint8Array) | null;
  open(shape: PlacedShape, model: StorageModel): RowStorage;
}
