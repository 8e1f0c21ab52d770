import { Binary, type Data, Field, makeData, type RecordBatch, Schema } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { BLOB_KINDS, blobVersion } from "../../format/blob-field.ts";
import type { LanceField } from "../../format/schema.ts";
import type { Fragment } from "../../table/fragment.ts";
import { addressesOf } from "../../table/row-ids/row-addresses.ts";
import type { BlobFile } from "../../table/rows/blob-file.ts";
import { readBlobs } from "../../table/rows/blobs.ts";
import { makeBatch } from "../../table/rows/record-batches.ts";
import type { Snapshot } from "../../table/snapshot.ts";
import { mapBounded } from "../../tasks/settle-all.ts";

/** Bytes of blobs held at a time; one larger is held alone. */
const CHUNK_BYTES = 16 * 1024 * 1024;
const CONCURRENT_READS = 8;

/**
 * Positions of the blob columns of a schema.
 * @throws UNSUPPORTED for blobs inside of structs and lists
 */
export function findBlobColumns(fields: readonly LanceField[]): number[] {
  const isNested = (field: LanceField): boolean =>
    field.children.some((child) => blobVersion(child) !== undefined || isNested(child));
  return fields.flatMap((field, i) => {
    if (blobVersion(field) !== undefined) return [i];
    if (!isNested(field)) return [];
    throw new LanceError(
      "UNSUPPORTED",
      `column "${field.name}" has blobs inside: rows with them cannot be written anew here; do it with native Lance`,
      { column: field.name },
    );
  });
}

/**
 * Scanned rows with the bytes of their blobs in place of where those lie, in pieces of about 16 MiB of blobs.
 *
 * @param columns from {@link findBlobColumns}
 * @param offsets physical offsets of the rows
 * @throws UNSUPPORTED for blobs outside of the table; NOT_FOUND, CORRUPT, IO, ABORTED
 */
export async function* readBlobBytes(
  snapshot: Snapshot,
  scanned: {
    readonly fragment: Fragment;
    readonly batch: RecordBatch;
    readonly offsets: Uint32Array;
    /** The table's fields of the batch's columns; all where left out. */
    readonly fields?: readonly LanceField[];
  },
  columns: readonly number[],
  signal?: AbortSignal,
): AsyncGenerator<RecordBatch> {
  const { fragment, batch, offsets, fields = snapshot.schema.fields } = scanned;
  const addresses = addressesOf(fragment.id, offsets);
  const blobs: (readonly (BlobFile | null)[])[] = [];
  for (const column of columns) {
    checkInside(fields[column]!, batch.data.children[column]!);
    blobs.push(await readBlobs(snapshot, fields[column]!.name, addresses, { signal }));
  }
  const schema = new Schema(
    batch.schema.fields.map((field, i) =>
      columns.includes(i) ? new Field(field.name, new Binary(), field.nullable) : field,
    ),
  );
  for (let from = 0; from < batch.numRows; ) {
    let bytes = 0;
    let to = from;
    for (; to < batch.numRows; to++) {
      bytes += blobs.reduce((sum, column) => sum + (column[to]?.size ?? 0), 0);
      if (bytes > CHUNK_BYTES && to > from) break;
    }
    const piece = batch.slice(from, to);
    const children = [...piece.data.children];
    for (const [i, column] of columns.entries()) children[column] = await packBlobs(blobs[i]!.slice(from, to), signal);
    yield makeBatch(schema, children, to - from);
    from = to;
  }
}

async function packBlobs(blobs: readonly (BlobFile | null)[], signal: AbortSignal | undefined): Promise<Data> {
  const values = await mapBounded(blobs, CONCURRENT_READS, async (blob) => (await blob?.read({ signal })) ?? null);
  const valueOffsets = new Int32Array(blobs.length + 1);
  const nullBitmap = new Uint8Array((blobs.length + 7) >> 3);
  let nullCount = 0;
  for (const [i, value] of values.entries()) {
    valueOffsets[i + 1] = valueOffsets[i]! + (value?.length ?? 0);
    if (value === null) nullCount++;
    else nullBitmap[i >> 3]! |= 1 << (i & 7);
  }
  const data = new Uint8Array(valueOffsets.at(-1)!);
  for (const [i, value] of values.entries()) if (value !== null) data.set(value, valueOffsets[i]);
  return makeData({ type: new Binary(), length: blobs.length, nullCount, nullBitmap, valueOffsets, data });
}

/** Bytes outside of the table would be copied into it, however many there are. */
function checkInside(field: LanceField, descriptors: Data): void {
  if (blobVersion(field) !== 2) return;
  const kinds = descriptors.children[0]!.values as Uint8Array;
  for (let row = 0; row < descriptors.length; row++) {
    if (kinds[row] !== BLOB_KINDS.external || !descriptors.getValid(row)) continue;
    throw new LanceError(
      "UNSUPPORTED",
      `column "${field.name}" names blobs outside of the table: rows with them cannot be written anew here; do it with native Lance`,
      { column: field.name },
    );
  }
}
