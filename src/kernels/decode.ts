import { ColumnBuilder, PageDecoder } from "../../wasm/pkg/core/core.js";
import { loadCoreKernels } from "./core.ts";
import { callKernel } from "./memory.ts";

// A page ready to decode (it holds its dictionary; free it when it leaves the cache), and what builds one column of one
// batch (free it after its buffers were taken).
export type { ColumnBuilder, PageDecoder };

/** The page decoders of the core module. */
export interface DecodeKernels {
  /** Compiles a decode program. @throws CORRUPT, UNSUPPORTED */
  createPageDecoder(program: Uint32Array, table: Uint8Array): PageDecoder;
  /** Starts a column of a given shape. */
  createColumnBuilder(program: Uint32Array): ColumnBuilder;
}

const kernels: DecodeKernels = {
  createPageDecoder: (program, table) => runDecoder(() => new PageDecoder(program, table)),
  createColumnBuilder: (program) => runDecoder(() => new ColumnBuilder(program)),
};

/** The decoders, once per thread. Cost: the first call compiles the core module. */
export async function loadDecodeKernels(): Promise<DecodeKernels> {
  await loadCoreKernels();
  return kernels;
}

/** Calls into the decoders. @throws CORRUPT, UNSUPPORTED, QUOTA_EXCEEDED from the decoder */
export function runDecoder<T>(call: () => T): T {
  return callKernel(call);
}

/** Frees WASM memory. After a trap the object cannot be freed any more; its memory is then lost until the thread ends. */
export function freeDecoder(handle: { free(): void } | undefined): void {
  try {
    handle?.free();
  } catch {
    // Only reached behind an error that is already on its way.
  }
}
