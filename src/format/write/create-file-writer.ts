import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { loadEncodeKernels } from "../../kernels/encode.ts";
import type { Store } from "../../store/store.ts";
import type { LanceSchema } from "../schema.ts";
import type { ArrowData } from "./arrow-data.ts";
import { readBatchColumns } from "./check-batch.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import { FileAssembler } from "./file-assembler.ts";
import type { LanceFileWriter, LanceFileWriterOptions, WrittenFile } from "./file-writer.ts";
import { planColumns } from "./leaf-column.ts";

const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024;

/**
 * Opens a Lance file for writing (format page sections 2 and 3): plain values in mini-blocks, wide rows zipped, all-null
 * pages constant. Pages of different columns are not aligned.
 * @throws UNSUPPORTED naming a field whose type cannot be written, or for another version; IO, QUOTA_EXCEEDED
 */
export async function createLanceFileWriter(
  store: Store,
  path: string,
  options: LanceFileWriterOptions,
): Promise<LanceFileWriter> {
  const version = options.version ?? "2.1";
  if (version !== "2.1" && version !== "2.2") {
    throw new LanceError("UNSUPPORTED", `cannot write Lance file version ${version}: expected 2.1 or 2.2`, { version });
  }
  const buffers = planColumns(options.schema).map((column) => new ColumnBuffer(column));
  const kernels = await loadEncodeKernels();
  const sink = await store.createWriter(path, options.signal ? { signal: options.signal } : {});
  const assembler = new FileAssembler(sink, {
    numColumns: buffers.length,
    minorVersion: version === "2.1" ? 1 : 2,
    kernels,
  });
  return new FileWriter(path, options, buffers, assembler);
}

class FileWriter implements LanceFileWriter {
  readonly #path: string;
  readonly #schema: LanceSchema;
  readonly #buffers: readonly ColumnBuffer[];
  readonly #assembler: FileAssembler;
  readonly #metadata: Record<string, string>;
  readonly #maxPageBytes: number;
  #numRows = 0;
  #state: "open" | "finished" | "aborted" = "open";

  constructor(
    path: string,
    options: LanceFileWriterOptions,
    buffers: readonly ColumnBuffer[],
    assembler: FileAssembler,
  ) {
    this.#path = path;
    this.#schema = options.schema;
    this.#buffers = buffers;
    this.#assembler = assembler;
    this.#metadata = { ...options.metadata };
    this.#maxPageBytes = Math.max(1, options.maxPageBytes ?? DEFAULT_PAGE_BYTES);
  }

  get numRows(): number {
    return this.#numRows;
  }

  get sizeBytes(): number {
    return this.#buffers.reduce((total, buffer) => total + buffer.byteLength, this.#assembler.position);
  }

  async write(batch: RecordBatch): Promise<void> {
    this.#checkOpen();
    const columns = readBatchColumns(
      batch,
      this.#buffers.map((buffer) => buffer.column),
    );
    for (const [i, data] of columns.entries()) {
      await this.#append(i, data ?? makeNulls(batch.numRows), batch.numRows);
    }
    this.#numRows += batch.numRows;
  }

  async addGlobalBuffer(bytes: Uint8Array): Promise<number> {
    this.#checkOpen();
    return this.#assembler.addGlobalBuffer(bytes);
  }

  setMetadata(key: string, value: string): void {
    this.#checkOpen();
    this.#metadata[key] = value;
  }

  async finish(): Promise<WrittenFile> {
    this.#checkOpen();
    for (let i = 0; i < this.#buffers.length; i++) await this.#flush(i);
    const sizeBytes = await this.#assembler.finish({
      schema: this.#schema,
      metadata: this.#metadata,
      numRows: this.#numRows,
    });
    this.#state = "finished";
    return {
      path: this.#path,
      sizeBytes,
      numRows: this.#numRows,
      majorVersion: 2,
      minorVersion: this.#assembler.minorVersion,
      fieldIds: this.#buffers.map((buffer) => buffer.column.leaf.id),
      columnIndices: this.#buffers.map((_, i) => i),
    };
  }

  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    await this.#assembler.abort();
  }

  async #append(index: number, data: ArrowData, numRows: number): Promise<void> {
    const buffer = this.#buffers[index]!;
    let row = 0;
    while (row < numRows) {
      const count = buffer.countFitting(data, row, numRows, this.#maxPageBytes);
      if (count === 0) {
        await this.#flush(index);
        continue;
      }
      buffer.append(data, row, row + count);
      row += count;
    }
    if (buffer.byteLength >= this.#maxPageBytes) await this.#flush(index);
  }

  async #flush(index: number): Promise<void> {
    const buffer = this.#buffers[index]!;
    if (buffer.numRows === 0) return;
    await this.#assembler.writePages(index, buffer);
    buffer.startPage();
  }

  #checkOpen(): void {
    if (this.#state === "open") return;
    throw new LanceError("INVALID_ARGUMENT", `the file writer of "${this.#path}" was ${this.#state}; make a new one`, {
      path: this.#path,
      state: this.#state,
    });
  }
}

/** A column of nulls, for a nullable field the batch lacks. Values left out are written as zeros. */
function makeNulls(length: number): ArrowData {
  const type = { typeId: 1 };
  return {
    type,
    length,
    offset: 0,
    nullCount: length,
    nullBitmap: new Uint8Array((length + 7) >> 3),
    valueOffsets: new Int32Array(length + 1),
    children: [{ type, length: 0, offset: 0, nullCount: 0, children: [] }],
  };
}
