import type { LanceSchema } from "../../../format/schema.ts";
import type { TopK } from "../../../kernels/top-k.ts";
import type { RowSet } from "../../../table/row-set.ts";
import type { GiveWay } from "../../../tasks/give-way.ts";
import type { PartitionQuery, StoredSlice } from "../storage/storage.ts";

/** One query over one partition. */
export interface PartitionSearch {
  readonly query: PartitionQuery;
  readonly rowBytes: number;
  /** See `RowStorage`. */
  readonly blockRows: number;
  readonly mask: RowSet | undefined;
  readonly lower: number | undefined;
  readonly upper: number | undefined;
}

/** The sub-index axis of a vector index: what lies over the rows of a partition, in the index file. */
export interface SubIndex {
  /** As index types name it between `IVF_` and the storage; empty for none. */
  readonly name: "" | "HNSW";
  /** Columns of the index file. */
  readonly schema: LanceSchema;
  /** Metadata of the index file. */
  describePartitions(numPartitions: number): Readonly<Record<string, string>>;
  /** Offers the rows of a partition. Gives way. @returns rows the mask lets through */
  searchPartition(topK: TopK, partition: StoredSlice, search: PartitionSearch, giveWay: GiveWay): Promise<number>;
}
