import type { LanceFile } from "../../../format/read/file.ts";
import type { LanceSchema } from "../../../format/schema.ts";
import type { LanceFileWriter } from "../../../format/write/file-writer.ts";
import type { CoreKernels } from "../../../kernels/core.ts";
import type { Graph, StoredGraph } from "../../../kernels/graph-search.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import type { HnswParameters } from "../../../proto/gen/lance/index_pb.ts";
import type { RowSet } from "../../../table/row-set.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";
import type { IndexParams } from "../../params.ts";
import type { FamilyContext } from "../../segment.ts";
import type { PartitionQuery, RowStorage, StoredSlice } from "../storage/storage.ts";
import type { StoredRows } from "../stored-rows.ts";

/** Rows of a partition in WASM memory, and the graph over them where there is one. */
export interface LoadedRows extends StoredSlice {
  readonly graph?: Graph | undefined;
}

/** One query over one partition. */
export interface PartitionSearch {
  readonly query: PartitionQuery;
  readonly k: number;
  /** Nearest rows a graph is searched for; at least `k`. */
  readonly ef: number;
  readonly rowBytes: number;
  /** See `RowStorage`. */
  readonly blockRows: number;
  readonly mask: RowSet | undefined;
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/** What a search of one partition did. */
export interface PartitionCounts {
  /** Rows the mask lets through. */
  readonly selected: number;
  /** Rows compared. */
  readonly comparisons: number;
}

/** What the index file of a segment says of its partitions. */
export interface SubIndexReader {
  /** How it was built, as users give it. */
  readonly params: IndexParams;
  /** About the bytes a partition takes in memory, beside its rows. */
  countBytes(partition: number): number;
  /**
   * What lies over a partition of `numRows` rows; `undefined` where it leaves rows out, which native allows.
   * @throws CORRUPT, QUOTA_EXCEEDED, IO, ABORTED
   */
  readGraph(partition: number, numRows: number, signal?: AbortSignal): Promise<StoredGraph | undefined>;
  /** The same in WASM memory, to be freed by the caller. @throws as readGraph */
  loadGraph(core: CoreKernels, partition: number, numRows: number): Promise<Graph | undefined>;
}

/** Rows of a partition whose graph is there already. */
export interface GraphPiece {
  readonly graph: StoredGraph;
  /** For each of its rows the number among the rows of the partition, or `DROPPED_NODE`. */
  readonly map: Uint32Array;
}

/** Writes the index file of a segment, partition by partition. */
export interface SubIndexWriter {
  /**
   * What lies over the rows of the next partition. Gives way.
   * @returns rows of the index file
   */
  addPartition(partition: number, rows: StoredRows, pieces: readonly GraphPiece[]): Promise<number>;
  /** Metadata of the index file, once every partition is there. */
  describe(): Readonly<Record<string, string>>;
}

/** The sub-index axis of a vector index: what lies over the rows of a partition, in the index file. */
export interface SubIndex {
  /** As index types name it between `IVF_` and the storage; empty for none. */
  readonly name: "" | "HNSW";
  /** Columns of the index file. */
  readonly schema: LanceSchema;
  /** Parameters of its own. */
  readonly paramNames: readonly string[];
  /** @returns its own parameters with their defaults. @throws INVALID_ARGUMENT */
  resolveParams(params: IndexParams): IndexParams;
  /** Its part of `VectorIndexDetails`. */
  encodeDetails(params: IndexParams): Omit<HnswParameters, "$typeName" | "$unknown"> | undefined;
  /** Rows of a partition where users name no number; absent: what the storage says. */
  readonly targetPartitionSize?: number;
  /** Bytes that building takes a row, beside the row itself. */
  countBuildBytes(params: IndexParams): number;
  /**
   * @param ranges rows of the index file, by partition
   * @returns `null` where nothing lies over the rows
   * @throws CORRUPT
   */
  open(
    index: LanceFile,
    ranges: { readonly offsets: Float64Array; readonly lengths: Uint32Array },
  ): SubIndexReader | null;
  createWriter(
    file: LanceFileWriter,
    options: {
      readonly storage: RowStorage;
      readonly params: IndexParams;
      readonly numPartitions: number;
      readonly context: FamilyContext;
    },
  ): Promise<SubIndexWriter>;
  /** Offers the rows of a partition; `undefined`, and none is offered, where they are more than one call compares. */
  searchAtOnce(topK: TopK, partition: LoadedRows, search: PartitionSearch): PartitionCounts | undefined;
  /** The same for a partition of any size: it gives way. */
  searchPartition(
    topK: TopK,
    partition: LoadedRows,
    search: PartitionSearch,
    giveWay: GiveWay,
  ): Promise<PartitionCounts>;
}
