import type { RecordBatch } from "apache-arrow";

/** What a finished file reports to the table layer. */
export interface WrittenFile {
  readonly path: string;
  readonly sizeBytes: number;
  readonly numRows: number;
  readonly majorVersion: number;
  readonly minorVersion: number;
  /** Leaf field ids and the column index of each. */
  readonly fieldIds: readonly number[];
  readonly columnIndices: readonly number[];
}

/** Streams record batches into one Lance file. */
export interface LanceFileWriter {
  readonly numRows: number;
  /** @throws SCHEMA_MISMATCH naming the field */
  write(batch: RecordBatch): Promise<void>;
  /** @returns the buffer's number, as metadata strings refer to it (0 is the schema) */
  addGlobalBuffer(bytes: Uint8Array): Promise<number>;
  setMetadata(key: string, value: string): void;
  finish(): Promise<WrittenFile>;
  abort(): Promise<void>;
}
