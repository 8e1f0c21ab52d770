import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../../errors.ts";
import { ColumnEncodingSchema } from "../../../proto/gen/lance/column_encoding_pb.ts";
import { type ArrayEncoding, ArrayEncodingSchema } from "../../../proto/gen/lance/encodings20_pb.ts";
import { ColumnMetadataSchema } from "../../../proto/gen/lance/file_v2_pb.ts";
import { decodeMessage, readPositions, unwrapEncoding } from "../column-metadata.ts";
import type { BlockPosition } from "../footer.ts";

/** One page of a column of a 2.0 file. */
export interface ArrayPageInfo {
  readonly index: number;
  readonly buffers: readonly BlockPosition[];
  readonly columnBuffers: readonly BlockPosition[];
  /** Items of this column: lists have one each, whatever they hold. */
  readonly numItems: number;
  /** First item of the page in the column. */
  readonly firstItem: number;
  readonly encoding: ArrayEncoding;
}

/** One column of a 2.0 file; every field has one, structs and lists too. */
export interface ArrayColumnInfo {
  readonly pages: readonly ArrayPageInfo[];
  readonly numItems: number;
  /** Whether its values are positions and sizes of blobs. */
  readonly isBlob: boolean;
}

const ARRAY_ENCODING_URL = "lance.encodings.ArrayEncoding";
const COLUMN_ENCODING_URL = "lance.encodings.ColumnEncoding";

/**
 * Reads the metadata of one column of a 2.0 file.
 * @throws CORRUPT when positions or sizes do not fit the file, UNSUPPORTED for more than 2^32 − 1 items
 */
export function parseArrayColumn(
  bytes: Uint8Array,
  column: number,
  file: { path: string; sizeBytes: number },
): ArrayColumnInfo {
  const where = `${file.path}: column ${column}`;
  const message = decodeMessage(() => fromBinary(ColumnMetadataSchema, bytes), where);
  const columnBuffers = readPositions(message, file, where);
  let firstItem = 0;
  const pages = message.pages.map((page, index): ArrayPageInfo => {
    const at = `${where}, page ${index}`;
    const numItems = Number(page.length);
    const value = unwrapEncoding(page.encoding, ARRAY_ENCODING_URL, at);
    const encoding = decodeMessage(() => fromBinary(ArrayEncodingSchema, value), at);
    const info = { index, buffers: readPositions(page, file, at), columnBuffers, numItems, firstItem, encoding };
    firstItem += numItems;
    return info;
  });
  if (firstItem > 0xffffffff) {
    throw new LanceError("UNSUPPORTED", `${where}: ${firstItem} items; this reader takes up to 2^32 - 1`, {
      path: file.path,
      column,
    });
  }
  const value = unwrapEncoding(message.encoding, COLUMN_ENCODING_URL, where);
  const { columnEncoding } = decodeMessage(() => fromBinary(ColumnEncodingSchema, value), where);
  if (columnEncoding.case === undefined && value.byteLength > 0) {
    throw new LanceError("UNSUPPORTED", `${where}: its encoding as a whole is not known to this reader`, {
      path: file.path,
      column,
    });
  }
  return { pages, numItems: firstItem, isBlob: columnEncoding.case === "blob" };
}
