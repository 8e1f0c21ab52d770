import { decompressZstd } from "../../wasm/pkg/core/core.js";
import { loadDecodeKernels, runDecoder } from "./decode.ts";

/**
 * Expands one zstd buffer that stands outside of any page, `u64 size` then the frame: an Arrow IPC body. The size is
 * the caller's to check.
 *
 * @throws CORRUPT when the frame does not give exactly that many bytes
 */
export async function decompressZstdBuffer(bytes: Uint8Array): Promise<Uint8Array> {
  await loadDecodeKernels();
  return runDecoder(() => decompressZstd(bytes));
}

/** As {@link decompressZstdBuffer}, for callers that cannot wait: the kernels are loaded once, here. */
export async function loadZstdDecompressor(): Promise<(bytes: Uint8Array) => Uint8Array> {
  await loadDecodeKernels();
  return (bytes) => runDecoder(() => decompressZstd(bytes));
}
