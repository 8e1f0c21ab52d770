import type { RecordBatch } from "apache-arrow";
import type { LanceSchema } from "../schema.ts";

/** What a finished file reports to the table layer. */
export interface WrittenFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly numRows: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** Files beside it that hold its larger blobs; they go where it goes. */
  readonly blobPaths: readonly string[];
  /** Leaf field ids and the column index of each. */
  readonly fieldIds: readonly number[];
  readonly columnIndices: readonly number[];
}

/** Streams record batches into one Lance file. Calls are made one at a time. */
export interface LanceFileWriter {
  readonly numRows: number;
  /** Bytes written to the store or held for the next pages: about the size of the file if it were finished now. */
  readonly sizeBytes: number;
  /**
   * Appends the rows of a batch; columns are matched by name. Copies what it holds back. Cost: one pass over the values.
   * @throws SCHEMA_MISMATCH naming the field; nothing of the batch is then kept
   */
  write(batch: RecordBatch): Promise<void>;
  /** @returns the buffer's number, as metadata strings refer to it (0 is the schema) */
  addGlobalBuffer(bytes: Uint8Array): Promise<number>;
  setMetadata(key: string, value: string): void;
  /** Writes what is held and the footer; the file then appears at its path. */
  finish(): Promise<WrittenFile>;
  /** Forgets the file; nothing appears. Safe to call twice, and after `finish`, where it does nothing. */
  abort(): Promise<void>;
}

/** Versions this writer knows. 2.2 differs in the width of its chunk words. */
export type LanceFileVersion = "2.1" | "2.2";

/** What a new file is to hold. */
export interface LanceFileWriterOptions {
  readonly schema: LanceSchema;
  readonly version?: LanceFileVersion;
  readonly metadata?: Readonly<Record<string, string>>;
  /** Input per page, 8 MiB unless told. Memory is bounded by this × columns × about two. */
  readonly maxPageBytes?: number;
  readonly signal?: AbortSignal | undefined;
}
