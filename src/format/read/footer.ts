import { LanceError } from "../../errors.ts";

/** Position and length of one block of the file. */
export interface BlockPosition {
  readonly offset: number;
  readonly length: number;
}

/** File versions this reader tells apart. */
export type LanceFileFormatVersion = "2.0" | "2.1" | "2.2";

/** The last 40 bytes (FORMAT.md section 2.1). */
export interface Footer {
  readonly version: LanceFileFormatVersion;
  readonly columnMetadataStart: number;
  readonly columnTableOffset: number;
  readonly globalTableOffset: number;
  readonly numGlobalBuffers: number;
  readonly numColumns: number;
}

/** Bytes of the footer, the last of a file (format page section 1.1). */
export const FOOTER_BYTES = 40;
const MAGIC = 0x434e414c;
/** Bytes of one row of a position table: u64 offset, u64 length. */
const TABLE_ROW_BYTES = 16;

/**
 * Reads the footer from the end of the file.
 * @param tail the file's last bytes, at least 40
 * @throws CORRUPT, UNSUPPORTED for versions other than 2.0, 2.1 and 2.2
 */
export function parseFooter(tail: Uint8Array, sizeBytes: number, path: string): Footer {
  if (tail.byteLength < FOOTER_BYTES) {
    throw new LanceError("CORRUPT", `${path}: ${sizeBytes} bytes are too few for a Lance file`, { path, sizeBytes });
  }
  const view = new DataView(tail.buffer, tail.byteOffset + tail.byteLength - FOOTER_BYTES, FOOTER_BYTES);
  if (view.getUint32(36, true) !== MAGIC) {
    throw new LanceError("CORRUPT", `${path}: not a Lance file: expected "LANC" at its end`, { path });
  }
  const version = nameVersion(view.getUint16(32, true), view.getUint16(34, true), path);
  const footer: Footer = {
    version,
    columnMetadataStart: readU64(view, 0, path),
    columnTableOffset: readU64(view, 8, path),
    globalTableOffset: readU64(view, 16, path),
    numGlobalBuffers: view.getUint32(24, true),
    numColumns: view.getUint32(28, true),
  };
  const end = sizeBytes - FOOTER_BYTES;
  const inside =
    footer.columnMetadataStart <= end &&
    footer.columnTableOffset + footer.numColumns * TABLE_ROW_BYTES <= end &&
    footer.globalTableOffset + footer.numGlobalBuffers * TABLE_ROW_BYTES <= end;
  if (!inside) {
    throw new LanceError("CORRUPT", `${path}: the footer points beyond the file's ${sizeBytes} bytes`, {
      path,
      sizeBytes,
    });
  }
  return footer;
}

/** Version 2.0 files are stamped 0.3. */
function nameVersion(major: number, minor: number, path: string): LanceFileFormatVersion {
  if ((major === 0 && minor === 3) || (major === 2 && minor === 0)) return "2.0";
  if (major === 2 && minor === 1) return "2.1";
  if (major === 2 && minor === 2) return "2.2";
  throw new LanceError("UNSUPPORTED", `${path}: file version ${major}.${minor}; this reader knows 2.0, 2.1 and 2.2`, {
    path,
    major,
    minor,
  });
}

/**
 * Reads a table of `count` positions, each checked to lie before `limit`.
 * @throws CORRUPT
 */
export function parsePositions(bytes: Uint8Array, count: number, limit: number, path: string): BlockPosition[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: count }, (_, index) => {
    const offset = readU64(view, index * TABLE_ROW_BYTES, path);
    const length = readU64(view, index * TABLE_ROW_BYTES + 8, path);
    if (offset + length > limit) {
      throw new LanceError("CORRUPT", `${path}: table row ${index} points beyond the file's ${limit} bytes`, {
        path,
        offset,
        length,
      });
    }
    return { offset, length };
  });
}

/** Bytes of a table of `count` positions. */
export function tableBytes(count: number): number {
  return count * TABLE_ROW_BYTES;
}

function readU64(view: DataView, offset: number, path: string): number {
  const value = Number(view.getBigUint64(offset, true));
  if (!Number.isSafeInteger(value)) {
    throw new LanceError("CORRUPT", `${path}: a position of ${value} cannot be in any file`, { path });
  }
  return value;
}
