import { fromBinary } from "@bufbuild/protobuf";
import { LanceError } from "../../errors.ts";
import { AnyValueSchema } from "../../proto/gen/lance/any_pb.ts";
import { type PageLayout, PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { ColumnMetadataSchema } from "../../proto/gen/lance/file_v2_pb.ts";
import type { BlockPosition } from "./footer.ts";

/** One page of a column, as its metadata describes it. Sizes and positions are checked against the file. */
export interface PageInfo {
  readonly index: number;
  readonly buffers: readonly BlockPosition[];
  /** Top-level rows; below a fixed-size list of structs, its items. */
  readonly numRows: number;
  /** First row of the page in the file. */
  readonly firstRow: number;
  readonly layout: PageLayout;
}

/** One physical column. */
export interface ColumnInfo {
  readonly pages: readonly PageInfo[];
  readonly numRows: number;
}

const PAGE_LAYOUT_URL = "lance.encodings21.PageLayout";

/**
 * Reads the metadata of one column of a 2.1 or 2.2 file.
 * @throws CORRUPT when positions, sizes or row counts do not fit the file
 */
export function parseColumnMetadata(
  bytes: Uint8Array,
  column: number,
  file: { path: string; sizeBytes: number; numRows: number },
): ColumnInfo {
  const where = `${file.path}: column ${column}`;
  const message = decodeMessage(() => fromBinary(ColumnMetadataSchema, bytes), where);
  let firstRow = 0;
  const pages = message.pages.map((page, index): PageInfo => {
    const at = `${where}, page ${index}`;
    const buffers = readPositions(page, file, at);
    const numRows = Number(page.length);
    const info = { index, buffers, numRows, firstRow, layout: readLayout(page.encoding, at) };
    firstRow += numRows;
    return info;
  });
  // Fixed-size lists of structs have so many items a row; which columns those are only the schema knows.
  if (file.numRows === 0 ? firstRow > 0 : firstRow % file.numRows !== 0) {
    throw new LanceError("CORRUPT", `${where}: its pages hold ${firstRow} rows, the file ${file.numRows}`, {
      path: file.path,
      column,
    });
  }
  return { pages, numRows: firstRow };
}

type Encoding = NonNullable<ReturnType<typeof fromBinary<typeof ColumnMetadataSchema>>["pages"][number]["encoding"]>;

function readLayout(encoding: Encoding | undefined, where: string): PageLayout {
  const value = unwrapEncoding(encoding, PAGE_LAYOUT_URL, where);
  return decodeMessage(() => fromBinary(PageLayoutSchema, value), where);
}

/** Where the buffers of a page or a column lie. @throws CORRUPT when one is beyond the file */
export function readPositions(
  table: { readonly bufferOffsets: readonly bigint[]; readonly bufferSizes: readonly bigint[] },
  file: { path: string; sizeBytes: number },
  where: string,
): BlockPosition[] {
  const { bufferOffsets, bufferSizes } = table;
  if (bufferOffsets.length !== bufferSizes.length) {
    throw new LanceError(
      "CORRUPT",
      `${where}: ${bufferOffsets.length} buffer positions but ${bufferSizes.length} sizes`,
      { path: file.path },
    );
  }
  return bufferOffsets.map((start, buffer) => {
    const offset = Number(start);
    const length = Number(bufferSizes[buffer]);
    if (!(offset + length <= file.sizeBytes)) {
      throw new LanceError(
        "CORRUPT",
        `${where}: buffer ${buffer} at ${offset} with ${length} bytes is beyond the file`,
        { path: file.path, sizeBytes: file.sizeBytes },
      );
    }
    return { offset, length };
  });
}

/** The bytes of an encoding stored with the column. @throws CORRUPT, UNSUPPORTED when it is of another kind */
export function unwrapEncoding(encoding: Encoding | undefined, url: string, where: string): Uint8Array {
  if (encoding?.location.case !== "direct") {
    throw new LanceError("CORRUPT", `${where}: its encoding is not stored with the column`, {
      location: encoding?.location.case ?? "none",
    });
  }
  const direct = encoding.location.value.encoding;
  const any = decodeMessage(() => fromBinary(AnyValueSchema, direct), where);
  if (!any.typeUrl.endsWith(url)) {
    throw new LanceError("UNSUPPORTED", `${where}: its layout is a "${any.typeUrl}"; this reader knows ${url}`, {
      typeUrl: any.typeUrl,
    });
  }
  return any.value;
}

/** Protobuf errors are file errors. */
export function decodeMessage<T>(decode: () => T, where: string): T {
  try {
    return decode();
  } catch (cause) {
    throw new LanceError("CORRUPT", `${where}: its description does not decode`, {}, { cause });
  }
}
