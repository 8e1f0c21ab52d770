import { readFile } from "node:fs/promises";
import { parseColumnMetadata } from "../../src/format/read/column-metadata.ts";
import { openLanceFile } from "../../src/format/read/file.ts";
import { parseFooter, parsePositions } from "../../src/format/read/footer.ts";
import type { CompressiveEncoding, PageLayout } from "../../src/proto/gen/lance/encodings21_pb.ts";
import { createMemoryStore } from "../../src/store/memory.ts";

/** What one column of a file costs. */
export interface ColumnSize {
  /** Buffers and metadata, without the padding between buffers. */
  readonly bytes: number;
  /** The pages' encodings in words. */
  readonly encodings: string;
}

/** Sizes of the columns of a file on disk, by position. */
export async function measureColumns(path: string): Promise<ColumnSize[]> {
  const bytes = new Uint8Array(await readFile(path));
  const store = createMemoryStore();
  await store.put("f", bytes, { mode: "create" });
  const { numRows } = await openLanceFile(store, "f");
  const footer = parseFooter(bytes.subarray(bytes.length - 40), bytes.length, path);
  const table = bytes.subarray(footer.columnTableOffset, footer.columnTableOffset + footer.numColumns * 16);
  return parsePositions(table, footer.numColumns, bytes.length, path).map(({ offset, length }, index) => {
    const file = { path, sizeBytes: bytes.length, numRows };
    const { pages } = parseColumnMetadata(bytes.subarray(offset, offset + length), index, file);
    const buffers = pages.flatMap((page) => page.buffers.map((buffer) => buffer.length));
    return {
      bytes: length + buffers.reduce((total, size) => total + size, 0),
      encodings: [...new Set(pages.map((page) => describeLayout(page.layout)))].join(" | "),
    };
  });
}

function describeLayout({ layout }: PageLayout): string {
  switch (layout.case) {
    case "miniBlock": {
      const { value } = layout;
      const levels = [value.repCompression, value.defCompression].filter((codec) => codec !== undefined);
      const dictionary = value.dictionary ? ` of ${value.numDictionaryItems} ${describe(value.dictionary)}` : "";
      return `mini ${describe(value.valueCompression)}${dictionary}${levels.map((codec) => ` ~${describe(codec)}`).join("")}`;
    }
    case "fullZip":
      return `zip ${describe(layout.value.valueCompression)}`;
    case "constant": {
      const levels = [layout.value.repCompression, layout.value.defCompression].filter((codec) => codec !== undefined);
      return `constant${levels.map((codec) => ` ~${describe(codec)}`).join("")}`;
    }
    default:
      return layout.case ?? "nothing";
  }
}

function describe(encoding: CompressiveEncoding | undefined): string {
  if (!encoding) return "nothing";
  const { compression } = encoding;
  switch (compression.case) {
    case "flat":
      return `flat${compression.value.bitsPerValue}`;
    case "fsst":
      return `fsst(${describe(compression.value.values)})`;
    case "general":
      return `${compression.value.compression?.scheme === 2 ? "zstd" : "lz4"}(${describe(compression.value.values)})`;
    case "fixedSizeList":
      return `${compression.value.itemsPerValue}×${describe(compression.value.values)}`;
    case "inlineBitpacking":
    case "outOfLineBitpacking":
      return `${compression.case}${compression.value.uncompressedBitsPerValue}`;
    default:
      return compression.case ?? "nothing";
  }
}
