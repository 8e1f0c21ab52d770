import { CompressionType, compressionRegistry } from "apache-arrow";
import { LanceError } from "../../errors.ts";
import { loadZstdDecompressor } from "../../kernels/decompress.ts";
import { decodeLz4Frame } from "./lz4-frame.ts";

/** What one compressed buffer may expand to. */
const MAX_BUFFER_BYTES = 1024 ** 3;
const ZSTD_MAGIC = 0xfd2fb528;

/** Lets apache-arrow read IPC bodies compressed with LZ4 or zstd. Codecs an application set stay. */
export async function registerIpcCodecs(): Promise<void> {
  if (!compressionRegistry.get(CompressionType.LZ4_FRAME)) {
    compressionRegistry.set(CompressionType.LZ4_FRAME, { decode: (bytes) => decodeLz4Frame(bytes, MAX_BUFFER_BYTES) });
  }
  if (compressionRegistry.get(CompressionType.ZSTD)) return;
  const decompress = await loadZstdDecompressor();
  compressionRegistry.set(CompressionType.ZSTD, {
    decode: (frame) => {
      const size = readContentSize(frame);
      if (size > MAX_BUFFER_BYTES) throw corrupt(`a zstd buffer of ${size} bytes`);
      const input = new Uint8Array(frame.length + 8);
      new DataView(input.buffer).setBigUint64(0, BigInt(size), true);
      input.set(frame, 8);
      return decompress(input);
    },
  });
}

/** The size of a zstd frame's content, from its header (RFC 8878 section 3.1.1.1). */
function readContentSize(frame: Uint8Array): number {
  const view = new DataView(frame.buffer, frame.byteOffset, frame.byteLength);
  if (frame.length < 6 || view.getUint32(0, true) !== ZSTD_MAGIC) throw corrupt("a buffer that is no zstd frame");
  const descriptor = frame[4]!;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const at = 5 + (isSingleSegment ? 0 : 1) + [0, 1, 2, 4][descriptor & 3]!;
  const flag = descriptor >> 6;
  if (flag === 0 && !isSingleSegment) throw corrupt("a zstd frame that does not tell its size");
  if (at + [1, 2, 4, 8][flag]! > frame.length) throw corrupt("a zstd frame that ends within its header");
  if (flag === 0) return frame[at]!;
  if (flag === 1) return view.getUint16(at, true) + 256;
  return flag === 2 ? view.getUint32(at, true) : Number(view.getBigUint64(at, true));
}

function corrupt(what: string): LanceError {
  return new LanceError("CORRUPT", `cannot read Arrow IPC with compressed buffers: it holds ${what}`, {});
}
