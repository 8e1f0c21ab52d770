import { create, toBinary } from "@bufbuild/protobuf";
import type { EncodeKernels } from "../../kernels/encode.ts";
import { AnyValueSchema } from "../../proto/gen/lance/any_pb.ts";
import { ColumnEncodingSchema } from "../../proto/gen/lance/column_encoding_pb.ts";
import { PageLayoutSchema } from "../../proto/gen/lance/encodings21_pb.ts";
import { FileDescriptorSchema } from "../../proto/gen/lance/file_pb.ts";
import {
  type ColumnMetadata_Page,
  ColumnMetadata_PageSchema,
  ColumnMetadataSchema,
} from "../../proto/gen/lance/file_v2_pb.ts";
import type { StoreWriter } from "../../store/store.ts";
import { createGiveWay } from "../../tasks/give-way.ts";
import { type LanceSchema, writeFields } from "../schema.ts";
import { encodeBlobPage, encodeBlobRows } from "./blob-page.ts";
import type { ColumnBuffer } from "./column-buffer.ts";
import { type EncodePageOptions, encodePage } from "./encode-page.ts";

/** Readers of 2.1 and later reject page and global buffers that start elsewhere (format page section 2.1). */
const BUFFER_ALIGNMENT = 64;
const FOOTER_BYTES = 40;
const PADDING = new Uint8Array(BUFFER_ALIGNMENT);
const PAGE_LAYOUT_URL = "/lance.encodings21.PageLayout";
const COLUMN_ENCODING_URL = "/lance.encodings.ColumnEncoding";

interface Extent {
  readonly position: number;
  readonly length: number;
}

/** Lays pages, global buffers, column metadata, tables and footer into a store writer, in that order. */
export class FileAssembler {
  readonly minorVersion: number;
  readonly #sink: StoreWriter;
  readonly #kernels: EncodeKernels;
  readonly #giveWay = createGiveWay(undefined);
  readonly #pages: ColumnMetadata_Page[][];
  /** The first is the schema's, known at the end only. */
  readonly #globalBuffers: Extent[] = [];
  #position = 0;

  constructor(sink: StoreWriter, options: { numColumns: number; minorVersion: number; kernels: EncodeKernels }) {
    this.#sink = sink;
    this.#kernels = options.kernels;
    this.minorVersion = options.minorVersion;
    this.#pages = Array.from({ length: options.numColumns }, () => []);
  }

  /** Bytes written so far. */
  get position(): number {
    return this.#position;
  }

  /** Encodes and writes what a column has collected. */
  async writePages(columnIndex: number, buffer: ColumnBuffer, options: { isLast: boolean }): Promise<void> {
    let row = buffer.firstRow;
    const rows = buffer.rows(options);
    const { form, field } = buffer.column;
    const pageOptions: EncodePageOptions = {
      numRows: rows.numRows,
      version: this.minorVersion >= 2 ? "2.2" : "2.1",
      metadata: field.metadata,
      logicalType: field.logicalType,
      kernels: this.#kernels,
      giveWay: this.#giveWay,
    };
    const pages = await (form.kind !== "blob"
      ? encodePage(rows.items, rows.levels, pageOptions)
      : form.version === 1
        ? encodeBlobPage(rows, pageOptions)
        : encodeBlobRows(rows, pageOptions));
    for (const page of pages) {
      const bufferOffsets: bigint[] = [];
      const bufferSizes: bigint[] = [];
      for (const bytes of page.buffers) {
        const extent = await this.#writeAligned(bytes);
        bufferOffsets.push(BigInt(extent.position));
        bufferSizes.push(BigInt(extent.length));
      }
      const length = BigInt(page.numRows);
      const encoding = wrapEncoding(PAGE_LAYOUT_URL, toBinary(PageLayoutSchema, page.layout));
      const priority = BigInt(row);
      this.#pages[columnIndex]!.push(
        create(ColumnMetadata_PageSchema, { bufferOffsets, bufferSizes, length, encoding, priority }),
      );
      row += page.numRows / buffer.column.itemsPerRow;
    }
  }

  /** Lays the bytes of a blob into the file. @returns where they start */
  async writeBuffer(bytes: Uint8Array): Promise<number> {
    return (await this.#writeAligned(bytes)).position;
  }

  /** @returns the buffer's number; 0 is kept for the schema */
  async addGlobalBuffer(bytes: Uint8Array): Promise<number> {
    this.#globalBuffers.push(await this.#writeAligned(bytes));
    return this.#globalBuffers.length;
  }

  /** @returns the size of the file */
  async finish(file: {
    schema: LanceSchema;
    metadata: Readonly<Record<string, string>>;
    numRows: number;
  }): Promise<number> {
    const encoder = new TextEncoder();
    const metadata: Record<string, Uint8Array> = { ...file.schema.metadata };
    for (const [key, value] of Object.entries(file.metadata)) metadata[key] = encoder.encode(value);
    const descriptor = create(FileDescriptorSchema, {
      schema: { fields: writeFields(file.schema), metadata },
      length: BigInt(file.numRows),
    });
    const globals = [await this.#writeAligned(toBinary(FileDescriptorSchema, descriptor)), ...this.#globalBuffers];
    const firstColumnPosition = this.#position;
    const columns: Extent[] = [];
    for (const pages of this.#pages) columns.push(await this.#write(encodeColumnMetadata(pages)));
    const columnTable = await this.#write(encodeExtents(columns));
    const globalTable = await this.#write(encodeExtents(globals));
    const footer = new DataView(new ArrayBuffer(FOOTER_BYTES));
    footer.setBigUint64(0, BigInt(firstColumnPosition), true);
    footer.setBigUint64(8, BigInt(columnTable.position), true);
    footer.setBigUint64(16, BigInt(globalTable.position), true);
    footer.setUint32(24, globals.length, true);
    footer.setUint32(28, columns.length, true);
    footer.setUint16(32, 2, true);
    footer.setUint16(34, this.minorVersion, true);
    const bytes = new Uint8Array(footer.buffer);
    bytes.set(encoder.encode("LANC"), 36);
    await this.#write(bytes);
    return this.#sink.close();
  }

  async abort(): Promise<void> {
    await this.#sink.abort();
  }

  async #writeAligned(bytes: Uint8Array): Promise<Extent> {
    const over = this.#position % BUFFER_ALIGNMENT;
    if (over !== 0) await this.#write(PADDING.subarray(over));
    return this.#write(bytes);
  }

  async #write(bytes: Uint8Array): Promise<Extent> {
    const extent = { position: this.#position, length: bytes.length };
    if (bytes.length > 0) await this.#sink.write(bytes);
    this.#position += bytes.length;
    return extent;
  }
}

function wrapEncoding(typeUrl: string, value: Uint8Array) {
  const encoding = toBinary(AnyValueSchema, create(AnyValueSchema, { typeUrl, value }));
  return { location: { case: "direct" as const, value: { encoding } } };
}

function encodeColumnMetadata(pages: ColumnMetadata_Page[]): Uint8Array {
  const values = create(ColumnEncodingSchema, { columnEncoding: { case: "values", value: {} } });
  const encoding = wrapEncoding(COLUMN_ENCODING_URL, toBinary(ColumnEncodingSchema, values));
  return toBinary(ColumnMetadataSchema, create(ColumnMetadataSchema, { encoding, pages }));
}

function encodeExtents(extents: readonly Extent[]): Uint8Array {
  const table = new BigUint64Array(extents.length * 2);
  extents.forEach((extent, i) => {
    table[i * 2] = BigInt(extent.position);
    table[i * 2 + 1] = BigInt(extent.length);
  });
  return new Uint8Array(table.buffer);
}
