import { fromBinary } from "@bufbuild/protobuf";
import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { FileDescriptorSchema } from "../../proto/gen/lance/file_pb.ts";
import type { ReadableStore } from "../../store/store.ts";
import { settleAll } from "../../tasks/settle-all.ts";
import { type LanceField, type LanceSchema, readSchema } from "../schema.ts";
import { type ByteSource, openByteSource } from "./byte-source.ts";
import { type ColumnInfo, decodeMessage, parseColumnMetadata } from "./column-metadata.ts";
import { estimateItemBytes, estimateRowBytes } from "./estimate-row-bytes.ts";
import {
  type BlockPosition,
  FOOTER_BYTES,
  type Footer,
  type LanceFileFormatVersion,
  parseFooter,
  parsePositions,
  tableBytes,
} from "./footer.ts";
import { buildColumnTree, countLeaves, countNodes, shapeOfField } from "./leaf-column.ts";
import { PageCache } from "./page-cache.ts";
import { planLeaf, planSpans, type ReadPlan } from "./plan.ts";
import { countBatches, DEFAULT_BATCH_ROWS, type PlannedColumn, readBatches } from "./read-batches.ts";
import { layoutArrays, layoutPages, type RowLayout } from "./row-layout.ts";
import { type RowSelection, selectRows } from "./row-ranges.ts";
import { type ArrayColumnInfo, parseArrayColumn } from "./v20/array-metadata.ts";
import { planArrayReads, readArrayBatches } from "./v20/read-array-batches.ts";

export type { ReadPlan } from "./plan.ts";
export type { RowLayout } from "./row-layout.ts";
export type { RowSelection } from "./row-ranges.ts";

/**
 * A top-level or projected field, with the file column of every leaf below it, in pre-order; in files 2.0 of every field
 * of its tree.
 */
export interface FileColumn {
  readonly field: LanceField;
  readonly columnIndices: readonly number[];
}

/** How a read is cut and cancelled. */
export interface ReadOptions {
  /** Rows per batch, default 8192; fewer when rows are large. */
  readonly batchRows?: number | undefined;
  readonly signal?: AbortSignal | undefined;
  /**
   * Spares a copy of rows that are stored as Arrow holds them: batches may then be views of bytes that others read too,
   * so they must not be written to, transferred or kept. Default false.
   */
  readonly borrow?: boolean | undefined;
}

/** An open Lance file: footer, schema and column metadata are in memory, pages are read on demand. */
export interface LanceFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly version: LanceFileFormatVersion;
  readonly numRows: number;
  readonly schema: LanceSchema;
  /** Schema metadata as text. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly numColumns: number;
  readonly numGlobalBuffers: number;
  /** One read, unless it lies in the file's tail. @throws INVALID_ARGUMENT for a number out of range */
  readGlobalBuffer(index: number, signal?: AbortSignal): Promise<Uint8Array>;
  /**
   * Reads rows in the order of the file. Cost cold: one phase of reads for indexes and dictionaries, one for data;
   * warm: data only.
   * @throws UNSUPPORTED naming the column, CORRUPT, ABORTED, IO
   */
  read(columns: readonly FileColumn[], rows: RowSelection, options?: ReadOptions): AsyncIterable<RecordBatch>;
  /** The byte ranges `read` would ask for. Pure: no I/O. */
  plan(columns: readonly FileColumn[], rows: RowSelection): ReadPlan;
  /** Where the rows of a column lie that need no decoding; nothing where one does, or may be NULL. Pure. */
  layoutRows(column: FileColumn): RowLayout | undefined;
  /** Whether slices go into memory of the caller's, and many take no longer than one, as far as the store tells. */
  readonly readsInto: boolean;
  /**
   * Bytes of the file, into memory of the caller's where the store puts them there: caches then keep nothing of them.
   * What is given may also lie elsewhere, and is not to be written to.
   * @throws CORRUPT when the file is shorter, NOT_FOUND, IO, ABORTED
   */
  readInto: ByteSource["readInto"];
  /** Bytes of file a row of these columns takes where rows are largest. Pure. */
  estimateRowBytes(columns: readonly FileColumn[]): number;
  /** Frees cached pages. The file stays usable. */
  close(): void;
}

/** Rows of a batch stay below about this many bytes of file. */
const MAX_BATCH_BYTES = 8 * 1024 * 1024;

/**
 * Opens a Lance file. Cost: one read of at most `tailBytes`, and a second one where the tables reach further back.
 * @param options.tailBytes default 64 KiB; more where all of the file is wanted at once
 * @throws NOT_FOUND, CORRUPT, UNSUPPORTED for unknown versions, IO
 */
export async function openLanceFile(
  store: ReadableStore,
  path: string,
  options: {
    readonly sizeBytes?: number | undefined;
    readonly tailBytes?: number | undefined;
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<LanceFile> {
  const { signal } = options;
  const source = await openByteSource(store, path, options);
  const { sizeBytes } = source;
  const footerStart = sizeBytes - FOOTER_BYTES;
  const footer = parseFooter(
    await source.read(Math.max(0, footerStart), Math.min(sizeBytes, FOOTER_BYTES), signal),
    sizeBytes,
    path,
  );
  const tables = await readTables(source, footer, signal);
  const descriptorAt = tables.globalBuffers[0];
  if (!descriptorAt) throw new LanceError("CORRUPT", `${path}: the file has no schema`, { path });
  const [descriptorBytes, metadataBytes] = await readMetadata(source, descriptorAt, tables.columns, signal);
  const descriptor = decodeMessage(() => fromBinary(FileDescriptorSchema, descriptorBytes), path);
  const numRows = Number(descriptor.length);
  if (numRows > 0xffffffff) {
    throw new LanceError("UNSUPPORTED", `${path}: ${numRows} rows in one file; this reader takes up to 2^32 - 1`, {
      path,
    });
  }
  const schema = readSchema(descriptor.schema?.fields ?? [], descriptor.schema?.metadata ?? {});
  const parts = { source, footer, globalBuffers: tables.globalBuffers, numRows, schema };
  const file = { path, sizeBytes, numRows };
  if (footer.version === "2.0") {
    return createArrayFile(
      parts,
      metadataBytes.map((bytes, index) => parseArrayColumn(bytes, index, file)),
    );
  }
  return createPageFile(
    parts,
    metadataBytes.map((bytes, index) => parseColumnMetadata(bytes, index, file)),
  );
}

async function readTables(source: ByteSource, footer: Footer, signal: AbortSignal | undefined) {
  const { path, sizeBytes } = source;
  const read = (offset: number, count: number) => source.read(offset, tableBytes(count), signal);
  const [columnTable, globalTable] = await settleAll([
    read(footer.columnTableOffset, footer.numColumns),
    read(footer.globalTableOffset, footer.numGlobalBuffers),
  ]);
  return {
    columns: parsePositions(columnTable, footer.numColumns, sizeBytes, path),
    globalBuffers: parsePositions(globalTable, footer.numGlobalBuffers, sizeBytes, path),
  };
}

/** The schema and every column's metadata; what lies before the tail is one more read each. */
async function readMetadata(
  source: ByteSource,
  descriptor: BlockPosition,
  columns: readonly BlockPosition[],
  signal: AbortSignal | undefined,
): Promise<[Uint8Array, Uint8Array[]]> {
  const start = Math.min(source.sizeBytes, ...columns.map(({ offset }) => offset));
  const end = Math.max(start, ...columns.map(({ offset, length }) => offset + length));
  const [descriptorBytes, block] = await settleAll([
    source.read(descriptor.offset, descriptor.length, signal),
    source.read(start, end - start, signal),
  ]);
  return [
    descriptorBytes,
    columns.map(({ offset, length }) => block.subarray(offset - start, offset - start + length)),
  ];
}

interface OpenParts {
  readonly source: ByteSource;
  readonly footer: Footer;
  readonly globalBuffers: readonly BlockPosition[];
  readonly numRows: number;
  readonly schema: LanceSchema;
}

/** What does not depend on how columns are stored. */
function describeFile({ source, footer, globalBuffers, numRows, schema }: OpenParts) {
  const { path, sizeBytes } = source;
  const decoder = new TextDecoder();
  return {
    path,
    sizeBytes,
    version: footer.version,
    numRows,
    schema,
    metadata: Object.fromEntries(Object.entries(schema.metadata).map(([key, value]) => [key, decoder.decode(value)])),
    numColumns: footer.numColumns,
    numGlobalBuffers: globalBuffers.length,
    readsInto: source.readsInto,
    readInto: source.readInto,
    async readGlobalBuffer(index: number, signal?: AbortSignal): Promise<Uint8Array> {
      const position = globalBuffers[index];
      if (!position) {
        throw new LanceError("INVALID_ARGUMENT", `${path}: global buffer ${index} of ${globalBuffers.length}`, {
          path,
          index,
        });
      }
      return source.read(position.offset, position.length, signal);
    },
  };
}

/** Rows of a batch that keep it below about 8 MiB of file. */
function boundBatchRows(asked: number | undefined, rowBytes: number): number {
  const fitting = Math.max(1, Math.floor(MAX_BATCH_BYTES / Math.max(rowBytes, 1 / 64)));
  return Math.min(Math.max(1, asked ?? DEFAULT_BATCH_ROWS), fitting);
}

/** A file 2.0: every page is a tree of arrays. */
function createArrayFile(parts: OpenParts, columns: readonly ArrayColumnInfo[]): LanceFile {
  const { source, numRows } = parts;
  const prepare = (wanted: readonly FileColumn[], selection: RowSelection, signal?: AbortSignal) => {
    const rows = selectRows(selection, numRows);
    return { source, columns, wanted, rows, numRows, signal };
  };
  // Lists have many items a row.
  const sizeRow = (column: ArrayColumnInfo | undefined) =>
    column ? (estimateItemBytes(column) * column.numItems) / Math.max(1, numRows) : 0;
  const estimate = (wanted: readonly FileColumn[]) =>
    wanted.flatMap(({ columnIndices }) => columnIndices).reduce((sum, index) => sum + sizeRow(columns[index]), 0);
  return {
    ...describeFile(parts),
    read(wanted, selection, options = {}) {
      const request = prepare(wanted, selection, options.signal);
      const batchRows = boundBatchRows(options.batchRows, estimate(wanted));
      return wanted.length === 0 ? countBatches(request.rows.numRows, batchRows) : readArrayBatches(request, batchRows);
    },
    plan(wanted, selection) {
      const request = prepare(wanted, selection);
      const { spans, numIndirect } = planArrayReads(request);
      return { numRows: request.rows.numRows, auxiliary: [], data: spans, numPagesPending: numIndirect };
    },
    layoutRows({ field, columnIndices }) {
      const column = columnIndices.length === 1 ? columns[columnIndices[0]!] : undefined;
      return column?.numItems === numRows ? layoutArrays(column, shapeOfField(field, field.name)) : undefined;
    },
    estimateRowBytes: estimate,
    close() {},
  };
}

/** A file 2.1 or 2.2: pages of chunks or rows. */
function createPageFile(parts: OpenParts, columns: readonly ColumnInfo[]): LanceFile {
  const { source, numRows } = parts;
  const { path } = source;
  const cache = new PageCache();

  const prepare = (wanted: readonly FileColumn[], selection: RowSelection) => {
    const rows = selectRows(selection, numRows);
    let rowBytes = 0;
    const planned = wanted.map(({ field, columnIndices }): PlannedColumn => {
      const tree = buildColumnTree(field, columnIndices);
      const tasks = tree.leaves.map((leaf) => {
        const column = columns[leaf.columnIndex];
        if (!column) {
          throw new LanceError(
            "CORRUPT",
            `${path}: column "${leaf.path}" is number ${leaf.columnIndex} of ${columns.length}`,
            {
              path,
              column: leaf.path,
            },
          );
        }
        rowBytes += estimateRowBytes(column);
        return planLeaf({ path, numRows, rows }, leaf, column);
      });
      return { tree, tasks };
    });
    return { rows, planned, rowBytes };
  };

  return {
    ...describeFile(parts),
    read(wanted, selection, options = {}) {
      const { rows, planned, rowBytes } = prepare(wanted, selection);
      const batchRows = boundBatchRows(options.batchRows, rowBytes);
      const { signal, borrow = false } = options;
      return readBatches({ source, cache, columns: planned, numRows: rows.numRows, batchRows, signal, borrow });
    },
    plan(wanted, selection) {
      const { rows, planned } = prepare(wanted, selection);
      return planSpans(
        planned.flatMap(({ tasks }) => tasks.flat()),
        cache,
        rows.numRows,
      );
    },
    layoutRows({ field, columnIndices }) {
      const { leaves } = buildColumnTree(field, columnIndices);
      const column = leaves.length === 1 ? columns[leaves[0]!.columnIndex] : undefined;
      return column?.numRows === numRows ? layoutPages(column, leaves[0]!) : undefined;
    },
    estimateRowBytes: (wanted) => prepare(wanted, { kind: "ranges", ranges: [] }).rowBytes,
    close() {
      cache.clear();
    },
  };
}

/** Every column of a file by its own schema: for files that stand alone, such as those of an index. */
export function fileColumns(file: LanceFile): FileColumn[] {
  let next = 0;
  return file.schema.fields.map((field) => {
    const count = file.version === "2.0" ? countNodes(field) : countLeaves(field);
    const columnIndices = Array.from({ length: count }, () => next++);
    return { field, columnIndices };
  });
}
