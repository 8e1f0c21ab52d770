import type { ScalarQuery } from "../expr/scalar-query.ts";
import type { LanceField, LanceSchema } from "../format/schema.ts";
import type { LanceFileWriter } from "../format/write/file-writer.ts";
import type { QueryVector } from "../kernels/element.ts";
import type { JobProgress } from "../pool/pool.ts";
import type { ReadableStore, Store } from "../store/store.ts";
import type { RowIdMap } from "../table/row-ids/row-map.ts";
import type { RowSet } from "../table/row-set.ts";
import type { ColumnSource } from "../table/rows/column-source.ts";
import type { Parts } from "./part-cache.ts";

/**
 * The contract every index family implements. A logical index is a set of physical segments of one name; a segment
 * has its own uuid, lives in `_indices/<uuid>/`, is immutable, and covers fragments no other segment of it covers.
 */

/** A file of a segment, relative to `_indices/<uuid>/`. */
export interface IndexFile {
  readonly path: string;
  readonly sizeBytes: number;
}

/** One physical segment as plain JSON: what crosses worker, process and machine borders. */
export interface IndexSegment {
  readonly uuid: string;
  readonly name: string;
  /** Field ids the index is keyed on. */
  readonly fields: readonly number[];
  readonly datasetVersion: number;
  /** Coverage, recorded when the segment was built. Ascending. */
  readonly fragmentIds: readonly number[];
  readonly indexVersion: number;
  /** Milliseconds since the epoch. */
  readonly createdAt: number | null;
  readonly baseId: number | null;
  /** `null` where an old writer recorded none. */
  readonly files: readonly IndexFile[] | null;
  /** `value` is base64 of the protobuf that describes the family and its options. */
  readonly indexDetails: { readonly typeUrl: string; readonly value: string };
  readonly coveringFields?: readonly number[];
}

/** Trained model shared by the segments of one build: one immutable JSON-named file in the store. */
export interface TrainedModel {
  readonly path: string;
  /** Lower-case hex SHA-256 of the file. */
  readonly sha256: string;
}

/** What a worker needs to build one segment: JSON, no data, no credentials. */
export interface BuildTask {
  readonly uri: string;
  readonly version: number;
  readonly column: string;
  /** Index type as the user named it, upper case: `IVF_FLAT`, `BTREE`. */
  readonly indexType: string;
  readonly name: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly fragmentIds: readonly number[];
  readonly model: TrainedModel | null;
  readonly memoryBudgetBytes: number;
}

export type { RowIdMap } from "../table/row-ids/row-map.ts";
export type { ColumnBatch, ColumnSource } from "../table/rows/column-source.ts";

/** Writes the files of one segment; nothing outside `_indices/<uuid>/` is touched. */
export interface SegmentWriter {
  readonly uuid: string;
  createFile(path: string, schema: LanceSchema, metadata?: Record<string, string>): Promise<LanceFileWriter>;
  /** A scratch file for spilled runs, deleted by `finish` and `abort`. */
  readonly scratch: { readonly store: Store; path(name: string): string };
  /** Closes what is open. @returns the files with their sizes, sorted by path */
  finish(): Promise<IndexFile[]>;
  abort(): Promise<void>;
}

/** What family code is given to run within. */
export interface FamilyContext {
  readonly signal?: AbortSignal | undefined;
  readonly memoryBudgetBytes: number;
  reportProgress?(progress: JobProgress): void;
}

/** A segment's description and the store rooted at its own directory. */
export interface OpenSegment {
  readonly segment: IndexSegment;
  /** Rooted at the dataset; the segment's files are under `directory`. */
  readonly store: ReadableStore;
  readonly directory: string;
  readonly field: LanceField;
  /**
   * What the row ids in the segment's files have become since it was built, where fragments were rewritten without it:
   * families apply it to every id they read. Absent: they are as they were.
   */
  readonly mapRowIds?: RowIdMap | undefined;
}

/** What a reader counted while it answered; the plan and the app show it. */
export interface SearchMetrics {
  bytesRead: number;
  reads: number;
  /** Index pages, or vector partitions, that were fetched and decoded for this answer. */
  partsLoaded: number;
  /** Those that were held already, or hold no row. All that were looked at: the sum of both. */
  partsFromCache: number;
  /** Values or vectors compared. */
  comparisons: number;
  milliseconds: number;
}

/** How much exactness a comparison of codes may give up for speed. */
export type ApproxMode = "fast" | "normal" | "accurate";

/** A vector query against one segment. `mask` holds the rows that may be returned; absent = all. */
export interface VectorQuery {
  readonly kind: "vector";
  /** Converted to the column's element type. */
  readonly q: QueryVector;
  readonly k: number;
  readonly minimumNprobes: number;
  readonly maximumNprobes: number | null;
  /** Rows a graph keeps in view while it is searched; at least `k` of them are. Absent: the family's own rule. */
  readonly ef?: number | undefined;
  /** How exactly codes are compared where a family has several ways. Absent: `normal`. */
  readonly approxMode?: ApproxMode | undefined;
  /** Distances in [lower, upper). */
  readonly distanceRange?: readonly [number | null, number | null] | undefined;
}

export type { ScalarBound, ScalarQuery, ScalarValue } from "../expr/scalar-query.ts";

/** What a segment can be asked. */
export type SegmentQuery = VectorQuery | ScalarQuery;

/** Nearest rows of one segment, ascending by distance, then row id. */
export interface VectorAnswer {
  readonly kind: "vector";
  readonly rowIds: BigUint64Array;
  readonly distances: Float32Array;
  readonly metrics: SearchMetrics;
}

/** Rows where the predicate is true, and rows where it is NULL (three-valued logic needs both). */
export interface ScalarAnswer {
  readonly kind: "scalar";
  readonly trueRows: RowSet;
  readonly nullRows: RowSet;
  /** `recheck`: a superset; the planner evaluates the predicate again on these rows. */
  readonly exactness: "exact" | "recheck";
  readonly metrics: SearchMetrics;
}

/** What a segment answers. */
export type SegmentAnswer = VectorAnswer | ScalarAnswer;

/** An open segment. Keeps its header and a bounded cache of parts. */
export interface SegmentReader {
  readonly rowIdDomain: "address" | "stableRowId";
  readonly numRows: number;
  /** Bytes it holds in caches now; the owner's budget counts them. */
  cachedBytes(): number;
  /** First phase of a search over many segments (document frequencies); families without one answer `{}`. */
  statistics(query: SegmentQuery): Promise<Readonly<Record<string, unknown>>>;
  search(
    query: SegmentQuery,
    options: {
      readonly mask?: RowSet | undefined;
      readonly globalStatistics?: Readonly<Record<string, unknown>> | undefined;
      /** The worst distance still of use, from segments already searched. */
      readonly threshold?: number | undefined;
      readonly signal?: AbortSignal | undefined;
    },
  ): Promise<SegmentAnswer>;
  /**
   * Several queries, each answered as `search` does, where they share more than a cache of parts. Absent: they do not.
   * @returns an answer for each query, in their order
   */
  searchEach?(
    queries: readonly SegmentQuery[],
    options: Parameters<SegmentReader["search"]>[1],
  ): Promise<readonly SegmentAnswer[]>;
  /** Facts for `indexStatistics`. */
  describe(): Promise<Readonly<Record<string, unknown>>>;
  /** Reads what later searches would read, into the cache, up to its budget. */
  prewarm?(signal?: AbortSignal): Promise<void>;
  close(): void;
}

/** How well a family can answer a query, and the relative cost of asking it (bytes it expects to read). */
export interface Served {
  readonly exactness: "exact" | "recheck" | "no";
  readonly cost: number;
}

/** What builds a segment like another one. */
export interface SegmentRecipe {
  /** As users give them. */
  readonly params: Readonly<Record<string, unknown>>;
  /** What it was trained with, as `train` gives it; `null` for families that learn nothing. */
  readonly model: Uint8Array | null;
}

/** One kind of index: everything the rest of the code knows about it. */
export interface IndexFamily {
  /** `{ kind }` of the queries it takes, so that the planner never asks for a name. */
  readonly queryKind: "vector" | "scalar";
  /** Of a vector family: whether its distances are those of the vectors, or of what it codes them to. */
  readonly distances?: "exact" | "approximate";
  /** As native prints it: `IVF_FLAT`, `BTree`. */
  displayName(details: Uint8Array): string;
  readonly typeUrl: string;
  readonly indexVersion: (stableRowIds: boolean) => number;
  readonly rowIdDomain: "address" | "stableRowId";
  /** Paths of the files every segment has, relative to its directory; a commit refuses a segment that records less. */
  listFiles(details: Uint8Array): readonly string[];
  /** Checks the column's type and the parameters, fills in defaults. @throws INVALID_ARGUMENT, SCHEMA_MISMATCH */
  resolveParams(
    field: LanceField,
    params: Readonly<Record<string, unknown>>,
    numRows: number,
  ): Readonly<Record<string, unknown>>;
  /** The protobuf that describes a segment built with `params`. */
  encodeDetails(params: Readonly<Record<string, unknown>>): Uint8Array;
  decodeDetails(bytes: Uint8Array): Readonly<Record<string, unknown>>;
  /**
   * The parameters `details` tell of, as users give them: what builds another index like it. Absent where details tell
   * nothing. @throws CORRUPT
   */
  readParams?(details: Uint8Array): Readonly<Record<string, unknown>>;
  /**
   * Takes what is data out of parameters, to travel as a file. Absent: there is never any.
   * @returns the other parameters, and the bytes of a file that `train` and `build` take; `null` where nothing is given
   * @throws INVALID_ARGUMENT, DIMENSION_MISMATCH
   */
  packGiven?(
    field: LanceField,
    params: Readonly<Record<string, unknown>>,
  ): { readonly params: Readonly<Record<string, unknown>>; readonly given: Uint8Array | null };
  /**
   * What segments may share; absent where a family learns nothing.
   * @param given what need not be learned, from `packGiven`
   * @returns the bytes of the model file
   */
  train?(
    source: ColumnSource,
    params: Readonly<Record<string, unknown>>,
    context: FamilyContext & { readonly given?: Uint8Array | null },
  ): Promise<Uint8Array>;
  /**
   * Rows of some fragments → the files of one segment, in bounded memory.
   * @param model from `train`, or from `packGiven`: then the rest is learned here
   */
  build(
    source: ColumnSource,
    params: Readonly<Record<string, unknown>>,
    model: Uint8Array | null,
    writer: SegmentWriter,
    context: FamilyContext,
  ): Promise<void>;
  /** May these be committed together, or merged? @throws SEGMENT_INCOMPATIBLE naming the segments */
  checkCompatible(segments: readonly OpenSegment[], purpose: "commit" | "merge"): Promise<void>;
  /** Several segments, and rows appended since, → one, without reading the table again. */
  merge(
    segments: readonly OpenSegment[],
    newRows: ColumnSource | null,
    writer: SegmentWriter,
    context: FamilyContext & {
      /** For each segment the rows it still answers for; others are dropped. */
      readonly keepRows: readonly RowSet[];
    },
  ): Promise<void>;
  /**
   * After compaction: the segment with the row ids `rowIdMap` gives, less the rows that are gone. For one segment whose
   * fragments moved.
   */
  remap(segment: OpenSegment, rowIdMap: RowIdMap, writer: SegmentWriter, context: FamilyContext): Promise<void>;
  /** How a segment was built, so that another over other rows can join it. Reads its headers. @throws CORRUPT, IO, ABORTED */
  readRecipe(segment: OpenSegment, signal?: AbortSignal): Promise<SegmentRecipe>;
  canServe(query: ScalarQuery, field: LanceField, details: Uint8Array): Served;
  open(
    segment: OpenSegment,
    context: FamilyContext & {
      /**
       * Rows that may be answered: high half of a row id → how many low halves. For addresses, the segment's covered
       * fragments at this version and their physical rows. Rows outside are dropped.
       */
      readonly domain: ReadonlyMap<number, number>;
      /** Where decoded parts are kept; shared by the readers of a thread. Absent: a cache of the reader's own. */
      readonly parts?: Parts | undefined;
      /** Whether the table has stable row ids: old segments then hold those. */
      readonly stableRowIds?: boolean | undefined;
    },
  ): Promise<SegmentReader>;
}

/** What is known of an index by the message of its details, also where no family here can search it. */
export interface IndexKind {
  /** As native names it: `IVF_PQ`, `IVF_HNSW_SQ`, … */
  nameIndex(details: Uint8Array): string;
  /** The metric the details name; `null` where they are empty, or do not parse. */
  nameMetric(details: Uint8Array): string | null;
  /** The metric by the segment's files; `null` when nothing tells. @throws CORRUPT, IO, ABORTED */
  readMetric(open: OpenSegment, signal?: AbortSignal): Promise<string | null>;
  /** The details a segment should have, by its files; `null` when nothing tells. @throws CORRUPT, IO, ABORTED */
  readDetails(open: OpenSegment, signal?: AbortSignal): Promise<{ typeUrl: string; value: Uint8Array } | null>;
}
