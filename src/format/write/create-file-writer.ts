import type { RecordBatch } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { loadEncodeKernels } from "../../kernels/encode.ts";
import type { Store } from "../../store/store.ts";
import type { LanceSchema } from "../schema.ts";
import type { ArrowData } from "./arrow-data.ts";
import { BlobSink } from "./blob-sink.ts";
import { readBatchColumns } from "./check-batch.ts";
import { ColumnBuffer } from "./column-buffer.ts";
import { FileAssembler } from "./file-assembler.ts";
import type { LanceFileWriter, LanceFileWriterOptions, WrittenFile } from "./file-writer.ts";
import { type ColumnPlan, type LeafColumn, planColumns } from "./leaf-column.ts";

const DEFAULT_PAGE_BYTES = 8 * 1024 * 1024;
/** Native reads fixed-size lists of structs from one page only. */
const SINGLE_PAGE_BYTES = 256 * 1024 * 1024;

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
  const plan = planColumns(options.schema, version);
  const kernels = await loadEncodeKernels();
  const sink = await store.createWriter(path, options.signal ? { signal: options.signal } : {});
  const assembler = new FileAssembler(sink, {
    numColumns: plan.leaves.length,
    minorVersion: version === "2.1" ? 1 : 2,
    kernels,
  });
  const blobs = new BlobSink({
    store,
    path,
    signal: options.signal,
    writeBuffer: (bytes) => assembler.writeBuffer(bytes),
  });
  return new FileWriter({ ...options, path, plan, assembler, blobs });
}

class FileWriter implements LanceFileWriter {
  readonly #path: string;
  readonly #schema: LanceSchema;
  readonly #plan: ColumnPlan;
  readonly #blobs: BlobSink;
  readonly #buffers: readonly ColumnBuffer[];
  readonly #assembler: FileAssembler;
  readonly #metadata: Record<string, string>;
  readonly #maxPageBytes: number;
  #numRows = 0;
  #state: "open" | "finished" | "aborted" = "open";

  constructor(
    options: LanceFileWriterOptions & {
      readonly path: string;
      readonly plan: ColumnPlan;
      readonly assembler: FileAssembler;
      readonly blobs: BlobSink;
    },
  ) {
    this.#path = options.path;
    this.#schema = options.schema;
    this.#plan = options.plan;
    this.#assembler = options.assembler;
    this.#blobs = options.blobs;
    this.#metadata = { ...options.metadata };
    this.#maxPageBytes = Math.max(1, options.maxPageBytes ?? DEFAULT_PAGE_BYTES);
    this.#buffers = options.plan.leaves.map((column) => new ColumnBuffer(column, this.#maxPageBytes));
  }

  get numRows(): number {
    return this.#numRows;
  }

  get sizeBytes(): number {
    return this.#buffers.reduce((total, buffer) => total + buffer.byteLength, this.#assembler.position);
  }

  async write(batch: RecordBatch): Promise<void> {
    this.#checkOpen();
    const columns = readBatchColumns(batch, this.#plan.roots);
    if (batch.numRows === 0) return;
    for (const [i, leaf] of this.#plan.leaves.entries()) {
      const chain = followSteps(leaf, columns);
      const { form } = leaf;
      if (form.kind === "blob") chain[chain.length - 1] = await this.#blobs.storeBlobs(leaf, chain, form.version);
      await this.#append(i, chain, batch.numRows);
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
    for (let i = 0; i < this.#buffers.length; i++) await this.#flush(i, { isLast: true });
    await this.#blobs.finish();
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
      fieldIds: this.#buffers.map((buffer) => buffer.column.field.id),
      columnIndices: this.#buffers.map((_, i) => i),
      blobPaths: [...this.#blobs.paths],
    };
  }

  async abort(): Promise<void> {
    if (this.#state !== "open") return;
    this.#state = "aborted";
    await this.#blobs.abort();
    await this.#assembler.abort();
  }

  async #append(index: number, chain: readonly ArrowData[], numRows: number): Promise<void> {
    const buffer = this.#buffers[index]!;
    const maxPageBytes = buffer.column.itemsPerRow > 1 ? SINGLE_PAGE_BYTES : this.#maxPageBytes;
    if (!buffer.hasRoom(chain)) await this.#flush(index);
    let row = 0;
    while (row < numRows) {
      const count = buffer.countFitting(chain, { from: row, to: numRows }, maxPageBytes);
      if (count === 0) {
        await this.#flush(index);
        continue;
      }
      buffer.append(chain, { from: row, to: row + count });
      row += count;
    }
    if (buffer.byteLength >= maxPageBytes) await this.#flush(index);
  }

  async #flush(index: number, options = { isLast: false }): Promise<void> {
    const buffer = this.#buffers[index]!;
    if (buffer.numRows === 0) return;
    await this.#assembler.writePages(index, buffer, options);
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

/** A leaf's data at each of its layers, from the root. */
function followSteps(leaf: LeafColumn, columns: readonly ArrowData[]): ArrowData[] {
  const [root, ...steps] = leaf.steps;
  const chain = [columns[root!]!];
  for (const step of steps) chain.push(chain.at(-1)!.children[step]!);
  return chain;
}
