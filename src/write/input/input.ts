import { type RecordBatch, RecordBatchReader, type Schema, type Table } from "apache-arrow";
import { isLanceError, LanceError, throwIfAborted } from "../../errors.ts";
import { isObject, isRecord } from "../../is-record.ts";
import { adoptBatch, adoptSchema } from "./adopt-arrow.ts";
import { buildBatches } from "./build-batch.ts";
import { inferSchema } from "./infer-schema.ts";
import { registerIpcCodecs } from "./ipc-codecs.ts";

/** One row: column names to values. Input takes any object, so that rows may be of an interface of the caller. */
export type Row = Readonly<Record<string, unknown>>;

/** One piece of tabular data: an Arrow table or batch, rows, or the bytes of an Arrow IPC stream or file. */
export type DataPart = Table | RecordBatch | readonly object[] | Uint8Array | ArrayBuffer;

/** What the writing calls take. Parts of an iterable share the schema of the first, or the one given. */
export type TabularData =
  | DataPart
  | readonly RecordBatch[]
  | Iterable<DataPart>
  | AsyncIterable<DataPart>
  | ReadableStream<DataPart>;

/** Batches and the schema they were read or built with. The batches are read once. */
export interface BatchSource {
  readonly schema: Schema;
  readonly batches: AsyncIterable<RecordBatch>;
}

/** How input is read. */
export interface InputOptions {
  /**
   * The types rows are converted to, and the schema given back; needed when there may be no data at all. Arrow input is
   * passed on as it is: what writes it checks its types.
   */
  readonly schema?: Schema | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Reads any of the accepted inputs as Arrow record batches, lazily. Arrow data is recognised by shape, so it may come
 * from another copy of apache-arrow; no value of it is copied.
 *
 * Rows without a schema follow the conventions of `@lancedb/lancedb`: every number is a float64, whether whole or not;
 * bigint is int64; strings are utf8; booleans, bool; a Date, timestamp[ms]; bytes, binary. Arrays of numbers of one
 * length, and any named `vector` or `embedding`, are vectors: fixed-size lists of float32 (typed arrays keep their own
 * type). Other arrays are lists; objects are structs; Maps are maps, which need files of version 2.2; all of these at any
 * depth. Give a schema where whole numbers are to be integers, and for JSON, which text or any value fits.
 *
 * @throws INVALID_ARGUMENT (nothing to tell a schema from, or no such kind of input), SCHEMA_MISMATCH naming row and
 * column, UNSUPPORTED (a value no type stands for), CORRUPT (IPC bytes), ABORTED
 * @example
 * const source = await toRecordBatches([{ id: 1, text: "chess", vector: [0.1, 0.2] }]);
 */
export async function toRecordBatches(data: TabularData, options: InputOptions = {}): Promise<BatchSource> {
  const { signal } = options;
  let schema = options.schema && adoptSchema(options.schema);
  const parts = readParts(
    data,
    () => schema,
    (rows) => (schema ??= inferSchema(rows)),
  );
  const first = await parts.next();
  throwIfAborted(signal);
  if (!first.done) schema ??= adoptSchema(first.value.schema);
  if (!schema) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      "no rows, and no schema: expected at least one row or batch, or a schema (an apache-arrow Schema) to make an empty table with",
    );
  }
  async function* iterate() {
    try {
      for (let part = first; !part.done; part = await parts.next()) {
        throwIfAborted(signal);
        if (part.value.numRows > 0) yield adoptBatch(part.value);
      }
    } finally {
      await parts.return?.(undefined);
    }
  }
  return { schema, batches: iterate() };
}

type SchemaOf = () => Schema | undefined;
type Infer = (rows: readonly Row[]) => Schema;

async function* readParts(
  data: unknown,
  known: SchemaOf,
  infer: Infer,
): AsyncGenerator<RecordBatch, undefined, undefined> {
  if (isBatch(data)) yield data;
  else if (isTable(data)) yield* readTable(data);
  else if (data instanceof Uint8Array || data instanceof ArrayBuffer) {
    await registerIpcCodecs();
    yield* readIpc(data);
  } else if (Array.isArray(data) && !data.some((part) => isPart(part) || Array.isArray(part)))
    yield* readRows(data, known, infer);
  else if (isIterable(data)) for await (const part of data) yield* readNested(part, known, infer);
  else if (isStream(data)) for await (const part of readStream(data)) yield* readNested(part, known, infer);
  else {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `cannot read ${describe(data)} as rows: expected an Arrow table or record batches, an array of objects, Arrow IPC bytes, or an iterable of these`,
      { received: describe(data) },
    );
  }
}

/** Rows one by one would be batches of one; parts of an iterable must be whole. */
function readNested(part: unknown, known: SchemaOf, infer: Infer) {
  if (!isPart(part) && !Array.isArray(part)) {
    throw new LanceError(
      "INVALID_ARGUMENT",
      `an iterable of rows must give whole batches: expected Arrow tables, record batches or arrays of objects, received ${describe(part)}`,
      { received: describe(part) },
    );
  }
  return readParts(part, known, infer);
}

function* readTable(table: Table): Generator<RecordBatch, undefined, undefined> {
  if (table.batches.length > 0) yield* table.batches;
  // A table without batches still tells its schema.
  else yield { schema: table.schema, numRows: 0, data: { children: [], length: 0 } } as unknown as RecordBatch;
}

function* readIpc(bytes: Uint8Array | ArrayBuffer): Generator<RecordBatch, undefined, undefined> {
  let reader: RecordBatchReader;
  try {
    reader = RecordBatchReader.from(bytes instanceof Uint8Array ? bytes : new Uint8Array(bytes));
    reader.open();
    let empty = true;
    for (const batch of reader) {
      empty = false;
      yield batch;
    }
    if (empty) yield* readTable({ schema: reader.schema, batches: [] } as unknown as Table);
  } catch (cause) {
    if (isLanceError(cause)) throw cause;
    throw new LanceError(
      "CORRUPT",
      `cannot read ${bytes.byteLength} bytes as Arrow IPC: expected a stream or a file (${String(cause)})`,
      { bytes: bytes.byteLength },
      { cause },
    );
  }
}

function* readRows(
  rows: readonly unknown[],
  known: SchemaOf,
  infer: Infer,
): Generator<RecordBatch, undefined, undefined> {
  for (const [row, value] of rows.entries()) {
    if (isRecord(value)) continue;
    throw new LanceError("INVALID_ARGUMENT", `row ${row} is ${describe(value)}: expected an object of column values`, {
      row,
      received: describe(value),
    });
  }
  if (rows.length === 0) return;
  yield* buildBatches(rows as readonly Row[], known() ?? infer(rows as readonly Row[]));
}

async function* readStream(stream: ReadableStream<unknown>): AsyncGenerator<unknown, undefined, undefined> {
  const reader = stream.getReader();
  try {
    for (let part = await reader.read(); !part.done; part = await reader.read()) yield part.value;
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function isTable(value: unknown): value is Table {
  return (
    isObject(value) && Array.isArray(value.batches) && isObject(value.schema) && Array.isArray(value.schema.fields)
  );
}

function isBatch(value: unknown): value is RecordBatch {
  if (!isObject(value) || Array.isArray(value.batches)) return false;
  const { schema, data } = value;
  if (!isObject(schema) || !Array.isArray(schema.fields) || !isObject(data)) return false;
  return typeof value.numRows === "number" && Array.isArray(data.children);
}

function isPart(value: unknown): value is DataPart {
  return isTable(value) || isBatch(value) || value instanceof Uint8Array || value instanceof ArrayBuffer;
}

function isIterable(value: unknown): value is AsyncIterable<unknown> | Iterable<unknown> {
  return isObject(value) && !ArrayBuffer.isView(value) && (Symbol.asyncIterator in value || Symbol.iterator in value);
}

function isStream(value: unknown): value is ReadableStream<unknown> {
  return isObject(value) && typeof value.getReader === "function";
}

function describe(value: unknown): string {
  if (value === null) return "null";
  if (Array.isArray(value)) return "an array";
  if (isObject(value)) return value.constructor?.name ? `a ${value.constructor.name}` : "an object";
  return `a ${typeof value}`;
}
